"""What the live tests of the Docker provider share: small stacks of one image, and a registry to push to."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.live.harness import Node

PASSWORD = "canary-Pa55"
NODES_DOCKER = "unix:///var/run/docker.sock"
HEADER = "import pulumi\nimport pulumi_docker as docker\n"


ASK_DIGEST = """
import base64, sys, urllib.error, urllib.request
types = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
login = base64.b64encode(sys.argv[2].encode()).decode()
headers = {"Accept": ", ".join(types), "Authorization": "Basic " + login}
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=headers))
    print(answer.headers["Docker-Content-Digest"])
except urllib.error.HTTPError as error:
    print("" if error.code == 404 else sys.exit(f"status {error.code}"))
"""


class Registry:
    """A registry with one account on the node's loopback, where a Docker Engine pushes over plain HTTP."""

    def __init__(self, lab: Node, address: str) -> None:
        self._lab = lab
        self.address = address

    def digest(self, repository: str, tag: str) -> str:
        """Ask for the digest of a tag; empty when the tag is not there."""
        url = f"http://{self.address}/v2/{repository}/manifests/{tag}"
        answer = self._lab.run([sys.executable, "-c", ASK_DIGEST, url, f"test:{PASSWORD}"], check=True)
        return answer.stdout.strip()


class Stack:
    """A Pulumi project of one test, with a context `app` that is built into an image from nothing."""

    def __init__(self, lab: Node, folder: Path, name: str) -> None:
        self.lab = lab
        self.folder = folder
        self.app = folder / "app"
        self.app.mkdir()
        (self.app / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
        (self.app / "a.txt").write_text("one\n")
        state = folder / ".state"
        state.mkdir()
        self.backend = {"PULUMI_BACKEND_URL": f"file://{state}"}
        (folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        self.pulumi("stack", "init", "dev", check=True)

    def program(self, text: str) -> None:
        """Write the program; `docker` and `pulumi` are imported."""
        (self.folder / "__main__.py").write_text(HEADER + text)

    def pulumi(
        self, *arguments: str, check: bool = False, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a Pulumi command on the stack."""
        command = ["pulumi", *arguments, "--non-interactive", "--stack", "dev"]
        if arguments[:2] == ("stack", "init"):
            command = ["pulumi", *arguments, "--non-interactive"]
        result = self.lab.run(command, cwd=self.folder, env={**self.backend, **(env or {})}, check=False)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    def up(self, *, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Update, which must succeed, and give the outputs."""
        self.pulumi("up", "--yes", "--skip-preview", check=True, env=env)
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", check=True).stdout)
        return outputs

    def failed_up(self, *, env: Mapping[str, str] | None = None) -> str:
        """Update, which must fail, and give all that was said."""
        result = self.pulumi("up", "--yes", "--skip-preview", env=env)
        assert result.returncode != 0, result.stdout
        return result.stdout + result.stderr

    def changes(self) -> dict[str, int]:
        """Count the operations other than `same` that an update would make."""
        preview = self.pulumi("preview", "--json", check=True)
        summary: dict[str, int] = json.loads(preview.stdout)["changeSummary"]
        return {operation: count for operation, count in summary.items() if operation != "same"}

    def state(self) -> tuple[str, dict[str, Any]]:
        """Give the whole state as text, and the image's part of it."""
        text = self.pulumi("stack", "export", check=True).stdout
        resources = json.loads(text)["deployment"]["resources"]
        return text, next(r for r in resources if r["type"] == "docker:index/image:Image")

"""What clients show for a refusal: as docs/settings.md has it, and as they print it.

Docker and crane read the same file of logins, so that no password is among a process's arguments.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import parts
from tests.live.container_runtime import PullError, Runtime
from tests.live.harness import ADDRESS, CA_FILE, PROJECT, PUSH_ADDRESS, Node, Result

Account = tuple[str, str] | None


def documented(case: str) -> dict[str, str]:
    """What the table says of a case, by client."""
    lines = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| refused |"))
    [row] = [line for line in lines[start:] if line.startswith(f"| {case} |")]
    clients, texts = (line.strip("| ").split(" | ")[1:] for line in (lines[start], row))
    return {client: text.strip("`") for client, text in zip(clients, texts, strict=True) if text != "-"}


def printed(lab: Node, account: Account, act: str, image: str) -> dict[str, str]:
    """What each client prints that can do this, to an image such as `team-a/app:v1`; it must fail."""
    return {client: does(lab, account, image) for client, does in _CLIENTS[act].items()}


def docker(lab: Node, account: Account, *words: str) -> Result[str]:
    """Run a command of Docker for somebody who is logged in with that account."""
    with TemporaryDirectory() as folder:
        return lab.run(["docker", *words], env=_logged_in(folder, PUSH_ADDRESS, account), check=False)


def crane(lab: Node, account: Account, *words: str) -> Result[str]:
    """Run a command of crane for somebody who is logged in with that account and has the CA."""
    with TemporaryDirectory() as folder:
        environment = {**_logged_in(folder, ADDRESS, account), "SSL_CERT_FILE": CA_FILE}
        return lab.run([str(parts.crane()), *words], env=environment, check=False)


def _logged_in(folder: str, address: str, account: Account) -> Mapping[str, str]:
    entry = {"auth": base64.b64encode(":".join(account).encode()).decode()} if account else {}
    Path(folder, "config.json").write_text(json.dumps({"auths": {address: entry}}))
    return {"DOCKER_CONFIG": folder}


def _failed(result: Result[str]) -> str:
    assert result.returncode != 0, result.stdout
    return result.stdout + result.stderr


def _docker_pulls(lab: Node, account: Account, image: str) -> str:
    return _failed(docker(lab, account, "pull", f"{PUSH_ADDRESS}/{image}"))


def _docker_pushes(lab: Node, account: Account, image: str) -> str:
    lab.run(["docker", "tag", "alpine", f"{PUSH_ADDRESS}/{image}"])
    return _failed(docker(lab, account, "push", f"{PUSH_ADDRESS}/{image}"))


def _containerd_pulls(lab: Node, account: Account, image: str) -> str:
    with Runtime(lab) as runtime:
        try:
            runtime.pull(f"{ADDRESS}/{image}", account)
        except PullError as problem:
            return str(problem)
    raise AssertionError(f"{image} was pulled")


def _crane_pulls(lab: Node, account: Account, image: str) -> str:
    return _failed(crane(lab, account, "pull", f"{ADDRESS}/{image}", "/dev/null"))


def _crane_pushes(lab: Node, account: Account, image: str) -> str:
    with TemporaryDirectory() as folder:
        saved = f"{folder}/image.tar"
        lab.run(["docker", "save", f"--output={saved}", "alpine"])
        return _failed(crane(lab, account, "push", saved, f"{ADDRESS}/{image}"))


def _crane_deletes(lab: Node, account: Account, image: str) -> str:
    return _failed(crane(lab, account, "delete", f"{ADDRESS}/{image}"))


_CLIENTS: Mapping[str, Mapping[str, Callable[[Node, Account, str], str]]] = {
    "pull": {"Docker": _docker_pulls, "containerd": _containerd_pulls, "crane": _crane_pulls},
    "push": {"Docker": _docker_pushes, "crane": _crane_pushes},
    "delete": {"crane": _crane_deletes},
}
"""Who can do what: containerd only pulls, and Docker deletes nothing in a registry."""

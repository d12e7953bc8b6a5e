"""What live tests are written with: a node, a stack on it, and the registry's API as a client sees it.

Everything runs the commands that people type, on the node of the tests' own lab.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.lifecycle import Lab
from lab.topology import FIRST

PROJECT = Path(__file__).resolve().parents[2]
ADDRESS = "192.168.99.100:5000"
PUSH_ADDRESS = "localhost:5000"
USER, PASSWORD = "test", "pass"
CA_FILE = f"/etc/docker/certs.d/{ADDRESS}/private-registry.crt"
"""The registry's CA, where node trust writes it on each node."""
TIME_LIMIT = 25
"""Seconds that an `up` is given which is to fail: for what still works in it, on a busy machine."""
FAILS_WITHIN = 90
"""Seconds after which such an `up` has ended on any machine; the engine's own limit is ten minutes."""
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".lab*", ".*_cache", "tests", "bench", "docs", "lab")

Result = subprocess.CompletedProcess


@dataclass(frozen=True)
class Node:
    """The node of the tests' lab; `run` is like typing a command in `make shell`."""

    lab: Lab

    @classmethod
    def start(cls, folder: Path) -> Node:
        """Start the lab in this folder unless it runs already."""
        # Shells start background jobs with Ctrl-C ignored, and what we start would inherit that: Pulumi then waits
        # 5 s for a plugin that it asks to end by this very signal.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        node = cls(Lab(folder))
        node.lab_command("start")
        return node

    def lab_command(self, *words: str) -> None:
        """Run a command of the lab's own, such as `node add`; a failure shows what it printed."""
        command = [sys.executable, "-m", "lab", "--lab", str(self.lab.folder), *words]
        result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if result.returncode:
            raise AssertionError(
                f"{' '.join(command)} ended with {result.returncode}\n{result.stdout}{result.stderr}"
            )

    def run(
        self,
        words: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 300,
        node: str = FIRST.name,
    ) -> Result[str]:
        """Run a command on a node, output captured; with `check`, a failure shows what it printed."""
        result = subprocess.run(
            self.lab.command(words, cwd or PROJECT, node),
            env=self.lab.environment() | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(
                f"{' '.join(words)} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
            )
        return result

    def start_process(self, words: Sequence[str], log: Path, *, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a background process on the node; the caller ends it."""
        with log.open("wb") as file:
            return subprocess.Popen(
                self.lab.command(words, cwd or PROJECT), env=self.lab.environment(), stdout=file, stderr=file
            )

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """What `kubectl` prints."""
        return self.run(["kubectl", *words], stdin=stdin, check=check).stdout

    def get(self, *words: str) -> dict[str, Any]:
        """An object, or a list of them under `items`, as `kubectl get` gives it in JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "--output=json"))
        return found

    def registry(
        self,
        path: str,
        *,
        method: str = "GET",
        account: tuple[str, str] | None = (USER, PASSWORD),
        headers: Sequence[str] = (),
        address: str = PUSH_ADDRESS,
        resolve: str = "",
    ) -> Answer:
        """Ask the registry's API over TLS, such as `/v2/_catalog`; without an account when it is None.

        `resolve`, as host:port:address, is for a name that the node does not know.
        """
        options = [
            f'url = "https://{address}{path}"',
            f'cacert = "{CA_FILE}"',
            f'request = "{method}"',
            "max-time = 20",
        ]
        if method == "HEAD":
            options.append("head")
        if resolve:
            options.append(f'resolve = "{resolve}"')
        if account:
            escaped = ":".join(account).replace("\\", "\\\\").replace('"', '\\"')
            options.append(f'user = "{escaped}"')
        options += [f'header = "{header}"' for header in headers]
        # The account goes by standard input, as the product never puts one into process arguments either.
        words = ["curl", "--silent", "--show-error", "--include", "--config", "-"]
        text = self.run(words, stdin="\n".join(options)).stdout
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        return Answer(int(first.split()[1]), {name.lower(): value for name, value in fields.items()}, body)

    def wait_for(self, condition: str, what: str, *, seconds: int = 60, namespace: str = "default") -> None:
        """Wait with `kubectl wait --for=condition what`, such as `jsonpath={.status.phase}=Running`, `pod/x`."""
        words = [f"--for={condition}", what, f"--timeout={seconds}s", f"--namespace={namespace}"]
        self.kubectl("wait", *words)

    def path(self, path: str) -> Path:
        """A path of the first node as this process reaches it, with the disks that are mounted there."""
        return Path(f"/proc/{self.lab.process()}/root{path}")


@dataclass(frozen=True)
class Answer:
    """An answer of the registry's API."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Change:
    """One line of what `pulumi up` did: for example updated, kubernetes:core/v1:Secret, registry-htpasswd."""

    operation: str
    type: str
    name: str


@dataclass(frozen=True)
class Update:
    """The end of one Pulumi command."""

    code: int
    output: str
    """Both streams as a person reads them."""
    seconds: float

    @property
    def changes(self) -> set[Change]:
        """What was created, updated, replaced or deleted, read from the lines that people read."""
        pattern = r"^ *\S+ +(\S+:\S+) (\S+) (created|updated|replaced|deleted)(?: \(|$)"
        return {Change(m[3], m[1], m[2]) for m in re.finditer(pattern, self.output, re.MULTILINE)}

    @property
    def changed(self) -> set[tuple[str, str]]:
        """The same as (operation, resource name) without components and providers."""
        return {
            (change.operation, change.name) for change in self.changes if "private-registry:" not in change.type
        }


@dataclass
class Stack:
    """A project folder with its dev stack, and the Pulumi commands on it."""

    node: Node
    folder: Path
    backend: Path
    name: str = "dev"
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, node: Node, folder: Path) -> Stack:
        """Copy the project and make its stack, with an own state backend beside the copy."""
        shutil.copytree(PROJECT, folder, ignore=_NOT_COPIED, dirs_exist_ok=True)
        backend = folder / ".state"
        backend.mkdir()
        # Without notes beside each file: a kill can leave an empty one, and then Pulumi reads no state (3.274).
        url = f"file://{backend}?metadata=skip"
        stack = cls(node, folder, backend, environment={"PULUMI_BACKEND_URL": url})
        stack.pulumi("stack", "select", "--create", "--stack", stack.name)
        return stack

    def pulumi(
        self,
        *words: str,
        check: bool = True,
        stdin: str | None = None,
        timeout: float = 600,
    ) -> Update:
        """Run a Pulumi command in the project's folder."""
        started = time.monotonic()
        result = self.node.run(
            ["pulumi", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=stdin,
            check=False,
            timeout=timeout,
        )
        update = Update(result.returncode, result.stdout + result.stderr, time.monotonic() - started)
        if check and update.code:
            raise AssertionError(f"pulumi {' '.join(words)} ended with {update.code}:\n{update.output}")
        return update

    def set(self, key: str, value: str, *, secret: bool = False, path: bool = False) -> None:
        """Set a config value: a secret by Pulumi, which encrypts it, others as an editor does, which is faster.

        A secret goes by standard input, so that every byte of it arrives.
        """
        if secret:
            flags = ["--secret", *(["--path"] if path else [])]
            self.pulumi("config", "set", *flags, key, "--stack", self.name, stdin=value)
            return
        first, *rest = re.findall(r"[^.\[\]]+", key) if path else [key]
        last = rest[-1] if rest else self._full(first)
        with self._edited() as settings:
            place = settings
            for step, following in itertools.pairwise((self._full(first), *rest)):
                place = place.setdefault(step, [] if following.isdecimal() else {})
            if isinstance(place, list):
                place[int(last) :] = [value, *place[int(last) + 1 :]]
            else:
                place[last] = value

    def unset(self, key: str) -> None:
        """Remove a config value, as an editor does."""
        with self._edited() as settings:
            del settings[self._full(key)]

    @contextmanager
    def settings_kept(self) -> Iterator[None]:
        """Put the stack's file back afterwards."""
        before = self.file.read_text()
        try:
            yield
        finally:
            self.file.write_text(before)

    @property
    def file(self) -> Path:
        """The stack's settings."""
        return self.folder / f"Pulumi.{self.name}.yaml"

    @contextmanager
    def _edited(self) -> Iterator[Any]:
        found = (yaml.safe_load(self.file.read_text()) if self.file.exists() else None) or {}
        content = {"config": {}} | found
        yield content["config"]
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))

    def _full(self, key: str) -> str:
        project = yaml.safe_load((self.folder / "Pulumi.yaml").read_text())["name"]
        return key if ":" in key else f"{project}:{key}"

    def up(self, *words: str, check: bool = True) -> Update:
        """`pulumi up --yes`, without the preview unless asked for otherwise."""
        return self.pulumi("up", "--yes", "--skip-preview", "--stack", self.name, *words, check=check)

    def up_that_fails(self) -> Update:
        """`up` with a short time limit, which is then the usual one again.

        What comes next has to have time: a kubelet that has no answer on the pull secret within a second pulls
        without it, and tries again only 10 s later.
        """
        self.set("timeoutSeconds", str(TIME_LIMIT))
        failed = self.up(check=False)
        self.unset("timeoutSeconds")
        return failed

    def type_the_fix(self, output: str) -> Update:
        """Do what the message of a failed `up` says: delete the Pods, and let `up` look at the cluster first."""
        command, up = re.findall(r"`([^`]+)`", output.partition("fix: mend that, then ")[2])[:2]
        self.node.run(["sh", "-c", command])
        assert up == "pulumi up --refresh"
        return self.up("--refresh")

    def preview(self, *words: str, check: bool = True) -> Update:
        """`pulumi preview`."""
        return self.pulumi("preview", "--stack", self.name, *words, check=check)

    def refresh(self) -> Update:
        """`pulumi refresh --yes`."""
        return self.pulumi("refresh", "--yes", "--stack", self.name)

    def destroy(self, *, check: bool = True) -> Update:
        """`pulumi destroy --yes`."""
        return self.pulumi("destroy", "--yes", "--stack", self.name, check=check)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets masked."""
        found: dict[str, Any] = json.loads(
            self.node.run(
                ["pulumi", "stack", "output", "--json", "--stack", self.name],
                cwd=self.folder,
                env=self.environment,
            ).stdout
        )
        return found

    def remove(self) -> None:
        """Destroy what is up and remove the images from the node, so that the next module starts from nothing."""
        # A preview starts every plugin once more.
        self.pulumi("destroy", "--yes", "--skip-preview", "--stack", self.name)
        self.node.run(["sh", "-c", "rm -rf /data/registry"])

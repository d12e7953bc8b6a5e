"""Starting, finding, entering and ending a lab from outside its node.

A lab is one folder. Its record names the process that keeps the node alive; a lab whose keeper is gone, or that
was interrupted before it was ready, counts as ended and is replaced at the next start.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import cgroups, environment, parts, plugins, preflight
from lab.cache import cache_root, digest_of, locked
from lab.node import API_PORT, NODE_FILE, Specification
from lab.pki import Authority
from lab.processes import Process
from lab.ui import LabError, say

NODE_NAME = "minikube"
NODE_ADDRESS = "192.168.99.100"
REGISTRY_ADDRESS = f"{NODE_ADDRESS}:5000"
PROJECT = Path(__file__).resolve().parent.parent
_RECORD = "record.json"  # also tells a lab's folder from any other, from its first moment to its last
_START_WITHIN = 150  # seconds
_END_WITHIN = 60  # seconds
# The API server would go on answering for a minute while somebody watches.
_STOP = """
process=$(cat "$1")
for signal in TERM 0 0 0 0 0 0 0 0 0 KILL; do
  kill -$signal "$process" 2> /dev/null || break
  sleep 0.5
done
"""
_NOT_RUNNING = "The lab is not running; start it with `make up`."


@dataclass(frozen=True)
class Lab:
    """One lab, running or not; `folder`, an absolute path, holds all that it is."""

    folder: Path

    def process(self) -> int | None:
        """Process 1 of the node by its id on the machine, or None when the lab is not alive."""
        record = self._record()
        if record is None or not _keeper(record).is_alive():
            return None
        keeper = record["keeper"]
        try:
            children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def is_ready(self) -> bool:
        """Whether the node is up and everything on it was started."""
        return self.process() is not None and (self.folder / "ready").exists()

    def start(self) -> None:
        """Bring the lab up unless it is; build the parts it needs, and replace what a killed lab left."""
        if self.is_ready():
            return
        preflight.check(self.folder, PROJECT, cache_root())
        with self._exclusively():
            if self.is_ready():
                return
            built, steps = parts.prepare()
            with steps.step("starting the node"):
                self._end_node()
                self._remove_folder()
                self.folder.mkdir(parents=True)
                (self.folder / _RECORD).write_text("{}")
                docker = plugins.set_up(self.folder / "pulumi", built.pulumi, built.kubernetes_plugin)
                (self.folder / "docker-provider").write_text(docker)
                self._start_node(built)
            say(f"node {NODE_NAME} ({NODE_ADDRESS}) is ready; Pulumi uses {docker}")

    def restart(self) -> None:
        """End the node as a power cut would, and start it on the same disks."""
        with self._exclusively():
            if self._record() is None:
                raise LabError("There is no lab to restart; start one with `make up`.")
            built, steps = parts.prepare()
            with steps.step("starting the node again"):
                self._end_node()
                self._start_node(built)

    def end(self) -> None:
        """End every process of the lab, and remove its control groups and its folder."""
        with self._exclusively():
            self._end_node()
            self._remove_folder()

    def command(self, arguments: Sequence[str], folder: Path | None = None) -> list[str]:
        """The words that run a command on the node, in a folder, from the machine."""
        process = self.process()
        if process is None:
            raise LabError(_NOT_RUNNING)
        enter = ["nsenter", f"--target={process}", "--net", "--mount", "--pid", "--uts"]
        # A folder opened outside would lie outside the node's mounts: change to it inside.
        return [*enter, "env", f"--chdir={folder or Path.cwd()}", *arguments]

    def environment(self) -> dict[str, str]:
        """The variables of a shell on the node."""
        (self.folder / environment.TEMPORARY).mkdir(exist_ok=True)
        return environment.variables(self.folder, PROJECT)

    def run(self, arguments: Sequence[str]) -> int:
        """Run a command on the node with this terminal; give its exit code."""
        return subprocess.run(self.command(arguments), env=self.environment(), check=False).returncode

    def switch(self, service: str, *, on: bool) -> None:
        """Stop a service of the node to its end, or let it run again, as `systemctl` would on a real one."""
        if self.process() is None:
            raise LabError(_NOT_RUNNING)
        off = self.folder / "off" / service
        if on:
            off.unlink(missing_ok=True)
            return
        off.parent.mkdir(exist_ok=True)
        off.touch()
        self.run(["sh", "-c", _STOP, "stop", f"{self.folder}/services/{service}"])

    def _start_node(self, built: parts.Parts) -> None:
        for name in ("log", "services"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("ready", NODE_FILE):
            (self.folder / name).unlink(missing_ok=True)
        if not (self.folder / "pki" / "ca.crt").exists():
            _write_credentials(self.folder)
        _link_programs(self.folder / "bin", built.programs)
        (self.folder / "state").mkdir(exist_ok=True)
        group = f"private-registry-lab-{secrets.token_hex(4)}"
        specification = Specification(
            name=NODE_NAME,
            address=NODE_ADDRESS,
            lab=str(self.folder),
            packages=str(built.packages),
            kubernetes=str(built.kubernetes),
            images=str(built.images),
            cgroup=group,
            insecure_registries=[REGISTRY_ADDRESS],
        )
        command = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child=KILL"]
        command += [sys.executable, "-m", "lab.node"]
        with (self.folder / "log" / "node.log").open("ab") as log:
            keeper = subprocess.Popen(
                command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        process = Process.now(keeper.pid)
        record = {"keeper": process.id, "started": process.started, "boot": process.boot, "cgroup": group}
        (self.folder / _RECORD).write_text(json.dumps(record))
        assert keeper.stdin is not None
        with suppress(BrokenPipeError), keeper.stdin as pipe:
            pipe.write(specification.dump().encode())
        deadline = time.monotonic() + _START_WITHIN
        while not (self.folder / "ready").exists():
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise LabError(self._why_not_started())
            time.sleep(0.05)

    def _why_not_started(self) -> str:
        tail = (self.folder / "log" / "node.log").read_text(errors="replace").strip().splitlines()[-8:]
        text = "\n".join(f"  {line}" for line in tail)
        return f"The node did not start:\n{text}\nLogs are in {self.folder}/log; `make down` removes the lab."

    def _end_node(self) -> None:
        record = self._record()
        if record is None:
            return
        first = self._first_process()
        keeper = _keeper(record)
        if keeper.is_alive():
            os.kill(keeper.id, signal.SIGKILL)
        # The kernel ends the rest of the PID namespace before its first process is gone.
        deadline = time.monotonic() + _END_WITHIN
        while first is not None and first.is_alive():
            if time.monotonic() > deadline:
                raise LabError(f"Process {first.id}, the lab's node, does not end; is the machine out of order?")
            time.sleep(0.02)
        cgroups.remove(record["cgroup"])
        (self.folder / _RECORD).write_text("{}")

    def _first_process(self) -> Process | None:
        """Process 1 of the node, also when its keeper was killed and it is about to follow."""
        process = self.process()
        try:
            if process is not None:
                return Process.now(process)
            return Process(**json.loads((self.folder / NODE_FILE).read_text()))
        except (OSError, ValueError):
            return None

    def _remove_folder(self) -> None:
        """Remove the folder, its record last: what a cut-off removal leaves is still known as a lab's."""
        self._check_folder()
        try:
            if not self.folder.exists():
                return
            for item in self.folder.iterdir():
                if item.is_dir() and not item.is_symlink():
                    shutil.rmtree(item)
                elif item.name != _RECORD:
                    item.unlink()
            shutil.rmtree(self.folder)
        except OSError as error:
            raise LabError(f"{self.folder} could not be removed: {error}") from error

    def _check_folder(self) -> None:
        """Refuse a folder with something else in it, since a lab removes all that is in its own."""
        if not self.folder.exists() or (self.folder / _RECORD).is_file():
            return
        if not self.folder.is_dir() or any(self.folder.iterdir()):
            raise LabError(
                f"{self.folder} is not a lab and not empty, and a lab removes all that is in its folder: "
                "set LAB to a new folder."
            )

    def _record(self) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads((self.folder / _RECORD).read_text())
        except (OSError, ValueError):
            return None
        return record or None

    def _exclusively(self) -> AbstractContextManager[None]:
        """One start or end at a time per lab; an end removes the folder, so the lock lies in the cache."""
        return locked(f"lab-{digest_of([str(self.folder).encode()])}")


def _write_credentials(folder: Path) -> None:
    authority = Authority(folder / "pki")
    names = ["127.0.0.1", NODE_ADDRESS, "10.96.0.1", "localhost", "kubernetes.default.svc"]
    authority.serving("apiserver", names)
    authority.client("admin", "kubernetes-admin", "system:masters")
    server = f"https://{NODE_ADDRESS}:{API_PORT}"
    for file, user, group in (
        ("admin", "kubernetes-admin", "system:masters"),
        ("controller-manager", "system:kube-controller-manager", None),
        ("scheduler", "system:kube-scheduler", None),
        ("kube-proxy", "system:kube-proxy", None),
        ("kubelet", f"system:node:{NODE_NAME}", "system:nodes"),
    ):
        authority.kubeconfig(folder / f"{file}.conf", server, user, group)


def _link_programs(folder: Path, programs: Sequence[Path]) -> None:
    """Link the programs into an emptied folder: at a restart, others than before may have been found."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for program in programs:
        (folder / program.name).symlink_to(program)


def _keeper(record: dict[str, Any]) -> Process:
    return Process(record["keeper"], record["started"], record["boot"])

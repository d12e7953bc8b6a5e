"""One node from outside: the process that keeps it alive, its record, its start and its end.

A node whose keeper is gone, or that was interrupted before it was ready, counts as ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups, environment, record
from lab.node import NETWORK_MARK, NODE_FILE, READY_MARK
from lab.processes import Process
from lab.record import Record
from lab.specification import Specification
from lab.topology import Member
from lab.ui import LabError

PROJECT = Path(__file__).resolve().parent.parent
_ENTER = ("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child=KILL")
"""Runs a command as process 1 of new namespaces, and is the node's keeper: the kernel ends the node with it."""
_START_WITHIN = 150  # seconds
_END_WITHIN = 60  # seconds


@dataclass(frozen=True)
class Keeper:
    """A node, running or not; `folder`, an absolute path, holds all that is its own."""

    member: Member
    folder: Path

    def process(self) -> int | None:
        """Process 1 of the node by its id on the machine, or None when the node is not alive."""
        noted = Record.read(self.folder)
        if noted is None or not noted.keeper.is_alive():
            return None
        keeper = noted.keeper.id
        try:
            children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def was_started(self) -> bool:
        """Whether it has been started and not been ended since, be it alive or not."""
        return Record.read(self.folder) is not None

    def is_networked(self) -> bool:
        """Whether it is alive and can be tied to other nodes."""
        return self.process() is not None and (self.folder / NETWORK_MARK).exists()

    def is_ready(self) -> bool:
        """Whether it is up and everything on it was started."""
        return self.process() is not None and (self.folder / READY_MARK).exists()

    def start(self, specification: Specification, tie: Callable[[], None]) -> None:
        """Start the node and wait until it is ready; `tie` is called once it can be tied to others."""
        for name in ("log", "services"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in (NETWORK_MARK, READY_MARK, NODE_FILE):
            (self.folder / name).unlink(missing_ok=True)
        command = [*_ENTER, sys.executable, "-m", "lab.node"]
        with (self.folder / "log" / "node.log").open("ab") as log:
            keeper = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environment.of_services(self.folder),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        Record(Process.now(keeper.pid), specification.cgroup).write(self.folder)
        assert keeper.stdin is not None
        with suppress(BrokenPipeError), keeper.stdin as pipe:
            pipe.write(specification.dump().encode())
        deadline = time.monotonic() + _START_WITHIN
        self._wait_for(NETWORK_MARK, keeper, deadline)
        tie()
        self._wait_for(READY_MARK, keeper, deadline)

    def end(self) -> None:
        """End the node with all its processes, and remove its control groups; its folder stays."""
        noted = Record.read(self.folder)
        if noted is None:
            return
        first = self._first_process()
        noted.keeper.kill()
        if first is not None:
            # The kernel ends it with its keeper, unless the keeper was killed before it had asked for that.
            first.kill()
        # The kernel ends the rest of the PID namespace before its first process is gone.
        deadline = time.monotonic() + _END_WITHIN
        while first is not None and first.is_alive():
            if time.monotonic() > deadline:
                raise LabError(
                    f"Process {first.id}, node {self.member.name}, does not end; is the machine out of order?"
                )
            time.sleep(0.02)
        cgroups.remove(noted.cgroup)
        record.clear(self.folder)

    def _wait_for(self, mark: str, keeper: subprocess.Popen[bytes], deadline: float) -> None:
        while not (self.folder / mark).exists():
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise LabError(self._why_not_started())
            time.sleep(0.05)

    def _why_not_started(self) -> str:
        tail = (self.folder / "log" / "node.log").read_text(errors="replace").strip().splitlines()[-8:]
        text = "\n".join(f"  {line}" for line in tail)
        return (
            f"The node {self.member.name} did not start:\n{text}\n"
            f"Logs are in {self.folder}/log; `make down` removes the lab."
        )

    def _first_process(self) -> Process | None:
        """Process 1 of the node, also when its keeper was killed and it is about to follow."""
        process = self.process()
        try:
            if process is not None:
                return Process.now(process)
            return Process(**json.loads((self.folder / NODE_FILE).read_text()))
        except (OSError, ValueError):
            return None

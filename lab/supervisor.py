"""What the first process of a node does for the others: starts, restarts and reaps them.

In the node's folder, `log/NAME.log` takes a service's output, `services/NAME` holds its process id on the node, and
a file `off/NAME` keeps it from being started again.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Never


class Supervisor:
    """The services and other children of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services: dict[str, list[str]] = {}
        self._up: set[str] = set()
        self._children: dict[int, Callable[[int], None]] = {}
        self._lock = threading.Lock()

    def start(self, name: str, command: list[str]) -> None:
        """Start a service, and again whenever it ends."""
        log = (self._folder / "log" / f"{name}.log").open("ab")
        self._up.add(name)  # first: _start_again starts what is known and not up
        self._services[name] = command
        process = self._spawn(command, log, lambda _: self._up.discard(name))
        (self._folder / "services" / name).write_text(str(process))
        log.close()

    def call(self, command: list[str]) -> None:
        """Run a command to its end; its output goes to the node's own log."""
        status: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._spawn(command, sys.stderr, status.put)
        if status.get():
            raise RuntimeError(f"{' '.join(command)} failed")

    def supervise(self) -> Never:
        """Reap every process of the node, and start again a service that ended, unless it is switched off."""
        while True:
            with self._lock:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    pid, status = 0, 0
                on_end = self._children.pop(pid, None)
            if on_end:
                on_end(status)
            if not pid:
                self._start_again()
                time.sleep(0.1)

    def _spawn(self, command: list[str], output: IO[Any], on_end: Callable[[int], None]) -> int:
        with self._lock:  # so that a child that ends at once is not reaped before it is known
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            self._children[process.pid] = on_end
            process.returncode = 0  # supervise reaps it, not this object
            return process.pid

    def _start_again(self) -> None:
        for name in set(self._services) - self._up:
            if not (self._folder / "off" / name).exists():
                print(f"node: starting {name} again", file=sys.stderr, flush=True)
                self.start(name, self._services[name])

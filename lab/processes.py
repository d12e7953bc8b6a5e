"""A process of the machine, told from a later one that got the same id."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process by its id, when it started (in clock ticks since boot), and which boot that was."""

    id: int
    started: int
    boot: str

    @classmethod
    def now(cls, process: int | str) -> Process:
        """The process that has this id at present, or `self` for the caller's own; OSError if there is none."""
        text = Path(f"/proc/{process}/stat").read_text()
        number = int(text.split(maxsplit=1)[0])
        return cls(number, _started(text), _boot())

    def is_alive(self) -> bool:
        """Whether it still runs; one that only waits to be reaped does not."""
        try:
            text = Path(f"/proc/{self.id}/stat").read_text()
        except OSError:
            return False
        return _fields(text)[0] not in "ZX" and _started(text) == self.started and _boot() == self.boot

    def kill(self) -> None:
        """End it if it still runs, and never another one that got its id."""
        try:
            handle = os.pidfd_open(self.id)
        except ProcessLookupError:
            return
        try:
            # The handle stays with the process that had the id when it was opened.
            if self.is_alive():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)


def own_parent() -> int:
    """The id of the caller's parent as /proc has it, which may be that of an outer PID namespace."""
    return int(_fields(Path("/proc/self/stat").read_text())[1])


def _fields(stat: str) -> list[str]:
    return stat.rpartition(")")[2].split()


def _started(stat: str) -> int:
    return int(_fields(stat)[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

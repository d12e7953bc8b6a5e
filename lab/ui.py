"""What the lab says to the person in front of it: steps, progress, and errors that end a command."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_REMIND_EVERY = 15.0  # seconds


class LabError(Exception):
    """A reason to stop that a person can act on; its text is all they see."""


def say(text: str) -> None:
    """Print one line at once, so that a log shows it when it happens."""
    print(text, flush=True)


class Steps:
    """Numbers the steps of a command and shows how long each takes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Announce a step; while it runs for long, repeat now and then how long it has taken."""
        self._done += 1
        label = f"[{self._done}/{self._total}] {what}"
        say(label)
        started = time.monotonic()
        finished = threading.Event()

        def remind() -> None:
            while not finished.wait(_REMIND_EVERY):
                say(f"{label} … {time.monotonic() - started:.0f} s")

        reminder = threading.Thread(target=remind, daemon=True)
        reminder.start()
        try:
            yield
        finally:
            finished.set()
            reminder.join()
        took = time.monotonic() - started
        if took >= 1:
            say(f"[{self._done}/{self._total}] done in {took:.1f} s")


def fail(error: LabError) -> int:
    """Print an error as the last thing the command says; give the exit code."""
    print(f"error: {error}", file=sys.stderr, flush=True)
    return 1

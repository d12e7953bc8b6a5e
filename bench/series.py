"""Seconds of one thing, run after run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Series:
    """Seconds of one thing, run after run."""

    name: str
    seconds: list[float] = field(default_factory=list)

    def measure(self, run: Callable[[], object]) -> None:
        """Run it once more."""
        started = time.monotonic()
        run()
        self.seconds.append(time.monotonic() - started)

    @property
    def median(self) -> float:
        """The median of all runs but the first, which warms caches for the others."""
        return statistics.median(self.seconds[1:])

    def __str__(self) -> str:
        rest = self.seconds[1:]
        return f"{self.name:<58} {self.median:6.3f} s  ({min(rest):.3f} to {max(rest):.3f})"

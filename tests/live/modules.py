"""How live modules are spread over labs: how many labs, which module first, and how long each module took.

Each pytest-xdist worker has a lab of its own and runs whole modules. The longest start first, since one that starts
last would keep a single lab busy while the others have nothing left to do.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

LABS_PER_CORE = 2
"""A test mostly waits for the cluster, which leaves most of a core idle."""
MOST_LABS = 8
"""The longest module alone takes an eighth of all the time."""
MEMORY_PER_LAB = 1536  # MiB; a lab of two nodes with its tests
_SHOWN = 10
_CACHE = "live/seconds-by-module"


def labs(cores: int, free: int) -> int:
    """How many labs a machine runs side by side, by its cores and its free memory in MiB."""
    return max(1, min(LABS_PER_CORE * cores, free // MEMORY_PER_LAB, MOST_LABS))


def free_memory(meminfo: str) -> int:
    """What programs can still have, in MiB, from the text of /proc/meminfo."""
    [line] = [line for line in meminfo.splitlines() if line.startswith("MemAvailable:")]
    return int(line.split()[1]) // 1024


def labs_here() -> int:
    """The same for this machine, as it is now."""
    return labs(os.cpu_count() or 1, free_memory(Path("/proc/meminfo").read_text()))


def module_of(test: str) -> str:
    """The file of a test's id."""
    return test.partition("::")[0]


def longest_first(tests: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """The modules of these tests by their time; before all, those never timed, by their number of tests."""
    numbers = Counter(map(module_of, tests))
    return sorted(numbers, key=lambda name: (-seconds.get(name, float("inf")), -numbers[name]))


class Modules:
    """The plugin of pytest that orders modules and times them; the times are kept in pytest's cache."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._known: dict[str, float] = config.cache.get(_CACHE, {}) if config.cache else {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._workers: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the longest modules first; the order within a module stays."""
        order = {name: place for place, name in enumerate(longest_first([i.nodeid for i in items], self._known))}
        items.sort(key=lambda item: order[module_of(item.nodeid)])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what each module took, with its fixtures."""
        name = module_of(report.nodeid)
        self._seconds[name] += report.duration
        self._workers[name] = getattr(report, "worker_id", "master")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the slowest modules, and how long each worker was busy."""
        if not self._seconds:
            return
        terminalreporter.section("slowest modules")
        for name in sorted(self._seconds, key=lambda name: -self._seconds[name])[:_SHOWN]:
            terminalreporter.write_line(f"{self._seconds[name]:6.0f} s  {self._workers[name]}  {name}")
        busy: Counter[str] = Counter()
        for name, seconds in self._seconds.items():
            busy[self._workers[name]] += round(seconds)
        terminalreporter.write_line(", ".join(f"{worker} {busy[worker]} s" for worker in sorted(busy)))

    def pytest_sessionfinish(self) -> None:
        """Keep the times of whole modules for the next run."""
        is_whole = self._config.getoption("numprocesses") and not self._config.getoption("keyword")
        if self._config.cache and is_whole:
            self._config.cache.set(_CACHE, self._known | dict(self._seconds))

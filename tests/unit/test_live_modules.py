"""How the live tests are spread over labs."""

from __future__ import annotations

import pytest

from tests.live.modules import free_memory, labs, longest_first


@pytest.mark.parametrize(
    ("cores", "free", "number"),
    [
        (2, 24_000, 4),
        (3, 8_000, 5),
        (64, 256_000, 8),
        (2, 4_700, 3),
        (2, 3_000, 1),
        (1, 500, 1),
    ],
)
def test_labs_are_limited_by_cores_and_by_memory(cores: int, free: int, number: int) -> None:
    """Two for each core, as far as memory goes, and one in any case."""
    assert labs(cores, free) == number


def test_memory_that_is_only_cached_counts_as_free() -> None:
    """What is free in the narrow sense is next to nothing on a machine that has run for a while."""
    text = "MemTotal:       24000000 kB\nMemFree:          100000 kB\nMemAvailable:   20480000 kB\n"

    assert free_memory(text) == 20_000


def test_modules_start_with_the_longest_and_unknown_ones_before_all() -> None:
    """Whoever starts a long module last waits for it alone."""
    tests = ["a.py::one", "b.py::one", "c.py::one", "c.py::two[x::y]", "d.py::one", "a.py::two"]

    assert longest_first(tests, {"a.py": 5.0, "b.py": 50.0}) == ["c.py", "d.py", "b.py", "a.py"]


def test_without_known_times_the_number_of_tests_decides() -> None:
    """As in a fresh clone."""
    assert longest_first(["a.py::one", "b.py::one", "b.py::two"], {}) == ["b.py", "a.py"]

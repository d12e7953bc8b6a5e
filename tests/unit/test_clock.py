"""What the program takes the time to be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from components import clock
from tests.authority import NOW


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC)),
        ("2025-03-01T10:00:00", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("2025-03-01T10:00:00+02:00", datetime(2025, 3, 1, 8, tzinfo=UTC)),
        ("2025-03-01T10:00:00Z", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("", NOW),
    ],
)
def test_clock_can_be_set(text: str, moment: datetime) -> None:
    """By a date or a time; an empty variable is none."""
    assert clock.clock({"PRIVATE_REGISTRY_NOW": text}, NOW) == moment


def test_clock_is_the_machines_unless_set() -> None:
    """As for everyone."""
    assert clock.clock({}, NOW) == NOW


@pytest.mark.parametrize("text", ["tomorrow", "0001-01-01", "1969-12-31", "9999-12-31"])
def test_clock_that_is_no_time_of_a_certificate_is_refused(text: str) -> None:
    """By the variable's name, with the rule and an example."""
    with pytest.raises(
        ValueError, match=r"^PRIVATE_REGISTRY_NOW must be a .* from 1970 to 2999, as in "
    ) as refused:
        clock.clock({"PRIVATE_REGISTRY_NOW": text}, NOW)
    assert str(refused.value).endswith(f'got "{text}"')

"""The time that certificates are judged by: the clock's, or another one in tests of renewal."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from .shown import shown

CLOCK: Final = "PRIVATE_REGISTRY_NOW"
"""Environment variable with another time than the clock's, for tests of renewal."""

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2999
"""What certificates can hold, the lifetime of a CA included."""


def clock(environment: Mapping[str, str], now: datetime) -> datetime:
    """Give the time to reckon with: what PRIVATE_REGISTRY_NOW says in ISO 8601, or else `now`.

    Without a time zone it is UTC. A time in the past on a first `up` makes a certificate that is near its end
    today. Raises ValueError.
    """
    text = environment.get(CLOCK)
    if not text:
        return now
    moment: datetime | None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(
            f"{CLOCK} must be a date or time in ISO 8601 from {_FIRST_YEAR} to {_LAST_YEAR}, as in 2026-01-31, "
            f"got {shown(text)}"
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

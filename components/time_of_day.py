"""Times of the day as settings give them. A broken rule is a `ValueError` whose text begins with "must"."""

import re
from typing import Final

from .shown import shown

_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def seconds_of_day(time: str) -> int:
    """Give the seconds of a time such as 03:30. Raises ValueError."""
    found = _TIME.fullmatch(time)
    if not found:
        raise ValueError(f"must be a time of the day in UTC such as 03:30, got {shown(time)}")
    return int(found[1]) * 3600 + int(found[2]) * 60

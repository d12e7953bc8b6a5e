"""Quantities of Kubernetes, such as 512Mi. A broken rule is a `ValueError` whose text begins with "must"."""

import re
from typing import Final

from .shown import shown

_QUANTITY: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P|)")
_UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15} | {
    unit: 2 ** (10 * power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), start=1)
}


def bytes_of(quantity: str, like: str) -> int:
    """Give the bytes of a quantity. Raises ValueError; `like` says what is expected: "memory such as 512Mi"."""
    found = _QUANTITY.fullmatch(quantity)
    if not found:
        raise ValueError(f"must be a Kubernetes quantity of {like}, got {shown(quantity)}")
    return int(float(found[1]) * _UNITS[found[2]])

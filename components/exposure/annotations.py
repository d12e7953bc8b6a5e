"""Annotations that people give to the way in, and names of the same form.

A broken rule is a `ValueError` whose text begins with "must".
"""

import re
from collections.abc import Mapping
from typing import Final

from ..shown import shown

_NAME: Final = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_OWN: Final = ("pulumi.com/", "private-registry/")


def check_qualified_name(name: str) -> None:
    """Refuse what is no name of Kubernetes with an optional domain before it."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"must be a name such as internal or example.com/internal, got {shown(name)}")


def check_annotations(annotations: Mapping[str, str]) -> None:
    """Refuse names that Kubernetes does not take, and those that the program sets itself."""
    for name in annotations:
        if not _NAME.fullmatch(name):
            raise ValueError(f"must have names such as example.com/name, got {shown(name)}")
        if name.startswith(_OWN):
            raise ValueError(f"must not have {shown(name)}, which the program sets by itself")

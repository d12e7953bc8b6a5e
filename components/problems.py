"""What is wrong with a stack's settings, collected so that all of it is reported at once.

Owns how a problem is worded: key, value unless it is secret, rule and fix. The rules are elsewhere; a broken
one is a `ValueError` whose text begins with "must".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pulumi

PROJECT: Final = "private-registry"
"""The namespace of all keys."""

Place = tuple[str, str]
"""A setting, as messages call it, and what puts it right."""


class SettingsError(pulumi.RunError, ValueError):
    """One or more settings cannot work. As a RunError, Pulumi shows it without a traceback."""

    problems: tuple[str, ...]
    """A line for each: key, value unless it is secret, rule and fix."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join(["The settings cannot work:", *self.problems]))


class Problems(list[str]):
    """What was found wrong so far, a line each."""

    @contextmanager
    def caught(self, key: str, fix: str) -> Iterator[None]:
        """Turn the broken rule of a setting into a line, and go on."""
        try:
            yield
        except ValueError as broken:
            self.append(f"{PROJECT}:{key} {broken}; fix: {fix}")

    def raise_any(self) -> None:
        """Raise SettingsError if anything was found."""
        if self:
            raise SettingsError(self)

    def raise_late(self) -> None:
        """The same inside an apply. There a ValueError would show a traceback, so it is a plain RunError."""
        if self:
            raise pulumi.RunError(str(SettingsError(self)))

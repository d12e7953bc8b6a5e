"""Rights: what an account may do, and where.

An account's rights are written as in "push team-a/*, pull base/alpine, catalog". A star stands for any characters,
slashes included, so that `pull *` is everywhere. Who may push or delete may also pull there, since clients look
before they write. A broken rule is a `ValueError` whose text begins with "must".
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..sections import listed
from ..shown import shown

PULL: Final = "pull"
CATALOG: Final = "catalog"
"""The list of all repositories, whatever else an account may see."""
_ACTS: Final[Mapping[str, tuple[str, ...]]] = {
    PULL: (PULL,),
    "push": (PULL, "push"),
    "delete": (PULL, "delete"),
}
"""What each word allows."""
_PATTERN: Final = re.compile(r"[a-z0-9*](?:[a-z0-9._*-]|/(?!/))*(?<!/)")
_LONGEST: Final = 255
"""Characters, as in the name of a repository."""
_STARS: Final = 3
"""Each more of them multiplies what a long name costs."""
EXAMPLE: Final = "push team-a/*, pull *"


@dataclass(frozen=True)
class Right:
    """What one account may do in the repositories that fit a pattern."""

    acts: tuple[str, ...]
    pattern: str
    """Empty for the catalog."""

    def covers(self, act: str, repository: str) -> bool:
        """Whether it allows this act there."""
        return act in self.acts and bool(re.fullmatch(self.expression, repository))

    @property
    def expression(self) -> str:
        """The pattern as a regular expression, for whole names."""
        return ".*".join(map(re.escape, self.pattern.split("*")))


EVERYTHING: Final = Right((PULL, "push", "delete", CATALOG), "*")


def rights(text: str) -> tuple[Right, ...]:
    """Read the rights of an account. Raises ValueError."""
    return tuple(_right(part.split()) for part in text.split(","))


def _right(words: list[str]) -> Right:
    if words == [CATALOG]:
        return Right((CATALOG,), "")
    if not words:
        raise ValueError(f"must be rights such as {shown(EXAMPLE)}, separated by one comma, got none")
    act, *patterns = words
    known = (*_ACTS, CATALOG)
    if act not in known:
        near = difflib.get_close_matches(act.lower(), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"must begin with {listed(known, 'or')}, got {shown(act)}{hint}")
    if act == CATALOG:
        raise ValueError("must name no repository after catalog, which lists all of them")
    if len(patterns) != 1:
        raise ValueError(
            f"must name one repository or pattern after {act}, such as {shown(f'{act} team-a/*')}, "
            f"got {len(patterns) or 'none'}"
        )
    [pattern] = patterns
    if len(pattern) > _LONGEST or not _PATTERN.fullmatch(pattern):
        raise ValueError(
            "must name repositories in lower-case letters, digits and . _ - / with * for any characters, "
            f"got {shown(pattern)}"
        )
    if pattern.count("*") > _STARS:
        raise ValueError(f"must have at most {_STARS} * in a pattern, got {shown(pattern)}")
    return Right(_ACTS[act], pattern)

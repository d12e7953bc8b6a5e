"""Which tags stay when `make retention` removes old ones. `pulumi up` itself removes none."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..problems import Problems
from ..sections import config_set, keep_copies
from ..server.settings import Server
from ..shown import shown

_REPOSITORIES: Final = re.compile(r"[a-z0-9._/*?\[\]!-]{1,255}")
_TAGS: Final = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,128}")
_UNCLOSED: Final = re.compile(r"\[[^\]]*$")


@dataclass(frozen=True, kw_only=True)
class Retention:
    """The newest tags of each repository stay; patterns are those of a shell, in which `*` stands for `/` too."""

    retention_keep: int = 0
    retention_repositories: tuple[str, ...] = ("*",)
    retention_tags: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        """Copy the lists."""
        keep_copies(self)

    def check(self, problems: Problems, server: Server) -> None:
        """Report what cannot work."""
        with problems.caught("retentionKeep", config_set("retentionKeep 10")):
            if self.retention_keep < 0:
                raise ValueError(
                    f"must be the number of tags that stay, or 0 for no removal, got {self.retention_keep}"
                )
        with problems.caught("retentionKeep", config_set("deleteEnabled true")):
            if self.retention_keep > 0 and not server.delete_enabled:
                raise ValueError("must be 0 while deleteEnabled is false: the registry then refuses every removal")
        self._check_patterns(problems, "retentionRepositories", self.retention_repositories, _check_repositories)
        self._check_patterns(problems, "retentionTags", self.retention_tags, _check_tags)

    @staticmethod
    def _check_patterns(
        problems: Problems, key: str, patterns: tuple[str, ...], check: Callable[[str], None]
    ) -> None:
        with problems.caught(key, f"`pulumi config rm {key}`, which means all of them"):
            if not patterns:
                raise ValueError("must hold a pattern: with none, no tag would ever be removed")
            for pattern in patterns:
                check(pattern)


def _check_repositories(pattern: str) -> None:
    if pattern != pattern.lower():
        raise ValueError(f"must be in lower case, as repositories are, got {shown(pattern)}")
    if not _REPOSITORIES.fullmatch(pattern) or _UNCLOSED.search(pattern):
        raise ValueError(f"must hold patterns of repositories such as team/*, got {shown(pattern)}")


def _check_tags(pattern: str) -> None:
    if not _TAGS.fullmatch(pattern) or _UNCLOSED.search(pattern):
        raise ValueError(f"must hold patterns of tags such as build-*, without a colon, got {shown(pattern)}")

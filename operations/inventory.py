"""The list of what a backup holds, which is written last: a folder without it holds no finished backup."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .failure import OperationError
from .layout import Layout, folder_of, write_json

FILE: Final = "backup.json"
_FORMAT: Final = 1


@dataclass(frozen=True)
class Inventory:
    """What was backed up, when, and from where."""

    registry: str
    ended: str
    images: Mapping[str, Mapping[str, str]]
    """The digest of each tag, by repository."""
    missing: tuple[str, ...] = ()
    """What could not be backed up, a line for each."""

    @property
    def count(self) -> int:
        """How many tags there are."""
        return sum(map(len, self.images.values()))

    def write(self, folder: Path) -> None:
        """Write the list; the one of the backup before stays beside it under the time at which that ended."""
        before = folder / FILE
        if before.exists():
            ended = datetime.datetime.fromtimestamp(before.stat().st_mtime, datetime.UTC)
            kept = folder / f"backup-{ended.strftime('%Y%m%dT%H%M%SZ')}.json"
            kept.unlink(missing_ok=True)
            kept.hardlink_to(before)
        content = self._content()
        write_json(before, content | {"sha256": _checksum(content)})

    @classmethod
    def read(cls, folder: Path) -> Inventory:
        """Read the list. Raises OperationError if it is not there or not as it was written."""
        file = folder / FILE
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            checksum = content.pop("sha256")
            right = checksum == _checksum(content) and content["format"] == _FORMAT
        except FileNotFoundError:
            raise OperationError(
                f"{folder} holds no finished backup: {FILE} is missing; fix: the right folder, or `make backup` "
                "again, which goes on where it was cut off"
            ) from None
        except OSError as problem:
            raise OperationError(f"{file}: {problem.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            right = False
        if not right:
            raise OperationError(
                f"{file} is not as `make backup` wrote it; fix: one of the lists of earlier backups beside it, "
                f"backup-<time>.json, copied to {FILE}, or another copy of the folder"
            )
        return cls(content["registry"], content["ended"], content["images"], tuple(content["missing"]))

    def _content(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "registry": self.registry,
            "ended": self.ended,
            "images": {name: dict(sorted(tags.items())) for name, tags in sorted(self.images.items())},
            "missing": list(self.missing),
        }


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def layout_of(folder: Path, repository: str) -> Layout:
    """Give the place of a repository in the folder of a backup."""
    return Layout(folder / "repositories" / folder_of(repository))

"""Folders that are built once per machine and found again by the content they were built from.

Owns where they live, how a half-built or damaged one is noticed, and that two builders do not meet.
What goes into them is the business of `tools`, `packages` and `images`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RECORD = ".complete.json"
_KEPT_UNUSED = 30 * 24 * 3600  # seconds


def cache_root() -> Path:
    """The user's cache folder, shared by all clones of the project."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "private-registry"


def digest_of(parts: Iterable[bytes]) -> str:
    """A key for content: sixteen hexadecimal digits of a SHA-256 over length-prefixed parts."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def digest_of_folder(folder: Path) -> str:
    """The key of all files below a folder, by relative name and content."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return digest_of(part for p in files for part in (str(p.relative_to(folder)).encode(), p.read_bytes()))


@dataclass(frozen=True)
class Entry:
    """One cached folder: what it is called, and the key of all that it is made from."""

    name: str
    key: str

    @property
    def path(self) -> Path:
        """Where it is, or will be."""
        return cache_root() / f"{self.name}-{self.key}"

    def is_whole(self) -> bool:
        """Whether the folder was finished and nothing in it was changed, lost or cut since."""
        try:
            record: dict[str, Any] = json.loads((self.path / _RECORD).read_text())
            whole = bool(record) and all(_same(self.path / name, state) for name, state in record.items())
            if whole:
                os.utime(self.path / _RECORD)  # _remove_unused goes by it
        except (OSError, ValueError):
            return False
        return whole

    def ensure(self, build: Callable[[Path], None]) -> Path:
        """Give the finished folder, calling `build` with an empty one when there is none."""
        if self.is_whole():
            return self.path
        with locked(self.name):
            if not self.is_whole():
                self._build(build)
        return self.path

    def _build(self, build: Callable[[Path], None]) -> None:
        draft = self.path.with_name(self.path.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        build(draft)
        files = sorted(p for p in draft.rglob("*") if p.is_symlink() or p.is_file())
        record = {str(p.relative_to(draft)): _state(p) for p in files}
        (draft / _RECORD).write_text(json.dumps(record))
        shutil.rmtree(self.path, ignore_errors=True)
        draft.rename(self.path)
        self._remove_unused()

    def _remove_unused(self) -> None:
        """Drop folders of the same name that no clone has used for long, such as those of older versions."""
        for record in self.path.parent.glob(f"{self.name}-{'[0-9a-f]' * 16}/{_RECORD}"):
            if time.time() - record.stat().st_mtime > _KEPT_UNUSED:
                shutil.rmtree(record.parent, ignore_errors=True)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the machine-wide lock of that name, waiting for another clone that holds it."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _state(path: Path) -> list[object] | str:
    if path.is_symlink():
        return str(path.readlink())
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, _sha256(path)]


def _same(path: Path, state: list[object] | str) -> bool:
    if isinstance(state, str) or path.is_symlink():
        return path.is_symlink() and str(path.readlink()) == state
    size, changed, sha = state
    found = path.stat()
    if found.st_size != size:
        return False
    # Hashing half a gigabyte at each start costs a second; an untouched time stamp spares it.
    return found.st_mtime_ns == changed or _sha256(path) == sha


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

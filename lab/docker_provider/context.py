"""The build context: which files it holds, their digest, and the archive that the Docker Engine gets.

Owns the rules of `.dockerignore` as Docker documents them. The matcher of the `docker` package is not used:
it ignores case, treats `[^a]` as a literal and lets files below an ignored `**/folder` through as soon as the
file has an exception. Knows neither Docker Engine nor Pulumi.
"""

import hashlib
import os
import posixpath
import re
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

DOCKERFILE = "Dockerfile"
_IGNORE_FILE = ".dockerignore"


class ContextError(Exception):
    """The context cannot be read or its ignore file is wrong; the message names the file."""


@dataclass(frozen=True)
class _Rule:
    expression: re.Pattern[str]
    is_exception: bool


@dataclass(frozen=True)
class IgnoreRules:
    """The patterns of one ignore file, in order; the last one that matches decides."""

    rules: Sequence[_Rule] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(self.rules))

    @classmethod
    def parse(cls, text: str) -> "IgnoreRules":
        """Read an ignore file's text; raise ValueError with the line that is not a pattern."""
        rules = []
        for line in text.removeprefix("\ufeff").splitlines():
            pattern = "" if line.startswith("#") else line.strip()
            if not pattern:
                continue
            is_exception = pattern.startswith("!")
            pattern = pattern[1:].strip() if is_exception else pattern
            if not pattern:
                raise ValueError("a line holds only `!`; it needs a pattern after it")
            cleaned = posixpath.normpath(pattern).lstrip("/")
            rules.append(_Rule(_expression(cleaned, line.strip()), is_exception))
        return cls(rules)

    @property
    def has_exceptions(self) -> bool:
        """Whether a file below an ignored folder may still belong to the context."""
        return any(rule.is_exception for rule in self.rules)

    def ignores(self, path: str) -> bool:
        """Say whether a path, relative to the context and with `/`, is left out, itself or with a parent."""
        parts = path.split("/")
        itself_and_parents = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
        ignored = False
        for rule in self.rules:
            if rule.is_exception == ignored and any(map(rule.expression.match, itself_and_parents)):
                ignored = not rule.is_exception
        return ignored


def _expression(pattern: str, line: str) -> re.Pattern[str]:
    # Go's filepath.Match plus `**`; the last alternative takes any single character literally.
    pieces = re.findall(r"\*\*/?|\*|\?|\[(?:\\.|[^\]\\])+\]|\\.|.", pattern, flags=re.DOTALL)
    parts = []
    for number, piece in enumerate(pieces, start=1):
        if piece in {"**", "**/"}:
            parts.append(".*" if number == len(pieces) else "(?:.*/)?")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif len(piece) > 1 and piece[0] == "[":
            parts.append(f"(?!/){piece}")
        elif piece in {"[", "\\"}:
            raise ValueError(f"{line!r} is not a pattern: `{piece}` is not closed")
        else:
            parts.append(re.escape(piece[-1]))
    try:
        return re.compile("".join(parts) + r"\Z", flags=re.DOTALL)
    except re.error as error:
        raise ValueError(f"{line!r} is not a pattern: {error}") from None


@dataclass(frozen=True)
class BuildContext:
    """A context folder as the program gave it, with its Dockerfile."""

    folder: Path

    @property
    def dockerfile(self) -> Path:
        """The Dockerfile that builds it."""
        return self.folder / DOCKERFILE

    def digest(self) -> str:
        """Hash the Dockerfile and each file that is not ignored: name, mode, content, or a link's target.

        Times, owners and folders do not count. Returns 64 hexadecimal digits.
        """
        total = hashlib.sha256(self._read_dockerfile())
        for path in self._paths(self._ignore_rules()):
            mode = (self.folder / path).lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            name = os.fsencode(path)
            total.update(b"%d:%s%o:%s" % (len(name), name, mode, self._content_digest(path, mode)))
        return total.hexdigest()

    def archive(self) -> IO[bytes]:
        """Pack the context for the Docker Engine; give the open temporary file.

        The Dockerfile and the ignore file are sent even when they are ignored: the Docker Engine needs both, and
        keeps what is ignored out of the image itself. Owners are set to root, as the Docker CLI does, so that
        another user's checkout finds the same layers in the Docker Engine's cache.
        """
        target = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            with tarfile.open(fileobj=target, mode="w") as archive:
                for path in self._paths(self._ignore_rules(), {DOCKERFILE, _IGNORE_FILE}):
                    self._add(archive, path)
            target.seek(0)
        except BaseException:
            target.close()
            raise
        return target

    def _add(self, archive: tarfile.TarFile, path: str) -> None:
        full = self.folder / path
        try:
            info = archive.gettarinfo(full, arcname=path)
            # A socket has no form in an archive.
            if info is None:
                return
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.isreg():
                with full.open("rb") as content:
                    archive.addfile(info, content)
            else:
                archive.addfile(info)
        except OSError as error:
            raise ContextError(f"cannot read {full} of the build context: {error.strerror}") from error

    def _paths(self, rules: IgnoreRules, always: frozenset[str] | set[str] = frozenset()) -> list[str]:
        def walk(folder: str) -> Iterator[str]:
            try:
                entries = list(os.scandir(self.folder / folder))
            except OSError as error:
                raise ContextError(
                    f"cannot read folder {self.folder / folder} of the build context: {error.strerror}"
                ) from error
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                ignored = rules.ignores(path)
                if not ignored or path in always:
                    yield path
                if (not ignored or rules.has_exceptions) and entry.is_dir(follow_symlinks=False):
                    yield from walk(path)

        return sorted(walk(""))

    def _content_digest(self, path: str, mode: int) -> bytes:
        full = self.folder / path
        try:
            if stat.S_ISLNK(mode):
                return hashlib.sha256(os.fsencode(full.readlink())).digest()
            if stat.S_ISREG(mode):
                with full.open("rb") as content:
                    return hashlib.file_digest(content, "sha256").digest()
        except OSError as error:
            raise ContextError(f"cannot read {full} of the build context: {error.strerror}") from error
        return b""

    def _read_dockerfile(self) -> bytes:
        try:
            return self.dockerfile.read_bytes()
        except OSError as error:
            raise ContextError(f"cannot read the Dockerfile {self.dockerfile}: {error.strerror}") from error

    def _ignore_rules(self) -> IgnoreRules:
        own = self.dockerfile.with_name(self.dockerfile.name + _IGNORE_FILE)
        for candidate in (own, self.folder / _IGNORE_FILE):
            try:
                return IgnoreRules.parse(candidate.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ContextError(f"cannot read {candidate}: {error.strerror}") from error
            except ValueError as error:
                raise ContextError(f"{candidate}: {error}") from error
        return IgnoreRules()

"""One repository in a folder, as an OCI image layout, which regctl, skopeo, oras and others read too.

Owns its files: a file is there under its last name only when it is whole. A power cut or a bad disk may still
damage one, so no file counts before it was hashed.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .manifests import Blob, Manifest, hasher

_PIECE: Final = 1 << 20
_PARTIAL: Final = ".partial"
_NAME: Final = "org.opencontainers.image.ref.name"


class DamagedError(ValueError):
    """A file that is not what its name says, or is not there."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")


def folder_of(repository: str) -> str:
    """Give the folder's name for a repository, whose own name may not hold the `+`: `team/app` is in `team+app`."""
    return repository.replace("/", "+")


class Layout:
    """The folder of one repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, digest: str) -> Path:
        """Give the place of a blob or manifest."""
        kind, _, value = digest.partition(":")
        return self.folder / "blobs" / kind / value

    def remove_partial(self) -> None:
        """Remove what an earlier run had not finished."""
        for file in (self.folder / "blobs").rglob(f"*{_PARTIAL}"):
            file.unlink()

    def put(self, digest: str, pieces: Iterable[bytes], size: int | None = None) -> None:
        """Write a file piece by piece. Raises ValueError, leaving nothing, if the digest names another content."""
        target = self.file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        computed, length = hasher(digest), 0
        handle, name = tempfile.mkstemp(suffix=_PARTIAL, dir=target.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    computed.update(piece)
                    length += len(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if computed.hexdigest() != digest.partition(":")[2] or size not in {None, length}:
                raise ValueError(f"{digest} has another content: {length} bytes came")
            partial.chmod(0o644)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def link(self, digest: str, other: Layout) -> bool:
        """Take a file from another repository without copying it. Gives whether that was possible."""
        target = self.file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(other.file(digest), target)
        except FileExistsError:
            return True
        except OSError:
            return False
        return True

    def pieces(self, digest: str) -> Iterator[bytes]:
        """Read a file piece by piece."""
        with self.file(digest).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def manifest(self, digest: str, media_type: str = "") -> Manifest:
        """Read a manifest, hashed. Raises DamagedError."""
        file = self.file(digest)
        try:
            return Manifest.read(file.read_bytes(), media_type, digest)
        except OSError as problem:
            raise DamagedError(file, problem.strerror or "cannot be read") from None
        except ValueError as problem:
            raise DamagedError(file, str(problem)) from None

    def write_index(self, tags: Mapping[str, Manifest]) -> None:
        """Name the tags, for this program and all others that read layouts. It comes after what it names."""
        entries = [
            {
                "mediaType": manifest.media_type,
                "digest": manifest.digest,
                "size": len(manifest.body),
                "annotations": {_NAME: tag},
            }
            for tag, manifest in sorted(tags.items())
        ]
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        }
        write_json(self.folder / "oci-layout", {"imageLayoutVersion": "1.0.0"})
        write_json(self.folder / "index.json", index)

    def media_types(self) -> dict[str, str]:
        """Give the media type of each tagged manifest by its digest: a manifest need not say its own."""
        try:
            index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
            return {item["digest"]: item["mediaType"] for item in index["manifests"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


class Hashed:
    """Which files were hashed already. Several repositories may have the same one under names of their own."""

    def __init__(self) -> None:
        self._right: dict[tuple[int, int, int, int], str] = {}
        self._lock = threading.Lock()

    def check(self, layout: Layout, blob: Blob, read: Callable[[int], None]) -> None:
        """Hash a file unless that was done, and count what is read. Raises DamagedError."""
        file = layout.file(blob.digest)
        try:
            found = file.stat()
            if found.st_size != blob.size:
                raise DamagedError(file, f"has {found.st_size} bytes in place of {blob.size}")
            key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            with self._lock:
                if self._right.get(key) == blob.digest:
                    read(blob.size)
                    return
            computed = hasher(blob.digest)
            for piece in layout.pieces(blob.digest):
                computed.update(piece)
                read(len(piece))
        except OSError as problem:
            raise DamagedError(file, problem.strerror or "cannot be read") from None
        if computed.hexdigest() != blob.digest.partition(":")[2]:
            raise DamagedError(file, "does not have the content that its name promises")
        with self._lock:
            self._right[key] = blob.digest


def write_json(file: Path, content: Any) -> None:  # noqa: ANN401 - any JSON
    """Write a file at once or not at all, so that a cut leaves the one before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + _PARTIAL)
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)

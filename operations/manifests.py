"""What manifests say: which other manifests and blobs belong to an image, and when it was made.

Pure rules. A broken one is a `ValueError`.
"""

import datetime
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_IMAGES: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_DIGEST_TAG: Final = re.compile(r"(sha256)-([0-9a-f]{64})(\..*)?")
_CONFIGS: Final = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_EARLIEST: Final = datetime.datetime(1980, 2, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Blob:
    """A blob as a manifest names it."""

    digest: str
    size: int


class Tagged(Protocol):
    """A tag of a repository, with the blobs below it."""

    repository: str
    problem: str
    """Why it is not whole; else empty."""

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All blobs, each once."""


T = TypeVar("T", bound=Tagged)


def by_blob(images: Iterable[T]) -> dict[tuple[str, Blob], list[T]]:
    """Give all that need a blob in a repository. What is not whole needs none."""
    wanted: dict[tuple[str, Blob], list[T]] = {}
    for image in images:
        for blob in image.blobs if not image.problem else ():
            wanted.setdefault((image.repository, blob), []).append(image)
    return wanted


@dataclass(frozen=True)
class Manifest:
    """A manifest, byte for byte, and what it names."""

    media_type: str
    body: bytes
    digest: str
    children: tuple[str, ...]
    """Digests of the manifests that an index consists of."""
    blobs: tuple[Blob, ...]
    """Without those that are stored elsewhere, as layers of old Windows images are."""
    config: Blob | None
    """The configuration of an image; other artifacts have none that tells a time."""
    subject: str
    """Digest of the manifest that this one says something about, such as a signature does; else empty."""

    @classmethod
    def read(cls, body: bytes, media_type: str = "", digest: str = "") -> "Manifest":
        """Read a manifest. With a digest, the bytes must be those that it names."""
        if digest:
            check(body, digest)
        try:
            content: Any = json.loads(body)
        except ValueError:
            raise ValueError("is no JSON") from None
        if not isinstance(content, dict):
            raise ValueError("is no manifest")  # noqa: TRY004 - the content of a file, not an argument
        kind = str(content.get("mediaType") or media_type or _guess(content))
        blobs: list[Blob] = []
        children: tuple[str, ...] = ()
        config = None
        if kind in _INDEXES:
            children = tuple(_descriptor(item).digest for item in content.get("manifests") or ())
        elif kind in _IMAGES:
            described = content.get("config") or {}
            blobs = [_descriptor(described), *map(_descriptor, filter(_is_here, content.get("layers") or ()))]
            if described.get("mediaType") in _CONFIGS:
                config = blobs[0]
        else:
            raise ValueError(f"has the media type {kind or 'of nothing known'}, which regctl and this cannot copy")
        subject = content.get("subject") or {}
        return cls(
            media_type=kind,
            body=body,
            digest=digest or digest_of(body),
            children=tuple(dict.fromkeys(children)),
            blobs=tuple(dict.fromkeys(blobs)),
            config=config,
            subject=str(subject.get("digest", "")),
        )


def _guess(content: dict[str, Any]) -> str:
    """Name the type of a manifest that does not say it, which OCI allows."""
    if "manifests" in content:
        return _INDEXES[0]
    return _IMAGES[0] if "config" in content and "layers" in content else ""


def _is_here(layer: dict[str, Any]) -> bool:
    """Whether a layer is in the registry; foreign ones are fetched from the addresses that they name."""
    kind = str(layer.get("mediaType"))
    return not (layer.get("urls") and ("nondistributable" in kind or "foreign" in kind))


def _descriptor(item: dict[str, Any]) -> Blob:
    digest, size = item.get("digest"), item.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
        raise ValueError("names something without a right digest and size")
    return Blob(digest, size)


def digest_of(body: bytes) -> str:
    """Give the usual digest of some bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def hasher(digest: str) -> "hashlib._Hash":
    """Give what computes a digest of the same kind as this one."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError("has no right digest")
    return hashlib.new(digest.partition(":")[0])


def check(body: bytes, digest: str) -> None:
    """Refuse bytes that are not what the digest names."""
    computed = hasher(digest)
    computed.update(body)
    if computed.hexdigest() != digest.partition(":")[2]:
        raise ValueError("does not have the content that its digest names")


def subject_of(tag: str) -> str:
    """Give the digest of the image that a digest tag belongs to: `sha256-<hex>`, or that and `.sig`; else empty.

    Registries without an API for referrers list signatures and the like under such a tag.
    """
    found = _DIGEST_TAG.fullmatch(tag)
    return f"{found[1]}:{found[2]}" if found else ""


def created(configuration: bytes) -> datetime.datetime | None:
    """Give the time at which an image says that it was made, or None.

    Builds that give the same bytes each time write 1970 or 1980, which tells nothing about what is new.
    """
    try:
        content = json.loads(configuration)
        text = str(content["created"])
        # Go writes nanoseconds, and Python 3.11 reads six digits at most.
        time = datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text))
    except (ValueError, KeyError, TypeError):
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.UTC)
    return time if time >= _EARLIEST else None


def is_leftover(configuration: bytes, tag: str) -> bool:
    """Whether this is the empty image that regctl puts under a tag in order to remove it, and was cut off then."""
    try:
        content = json.loads(configuration)
        return bool(content["config"]["Labels"]["delete-tag"] == tag)
    except (ValueError, KeyError, TypeError):
        return False

"""Backing a registry up: every tag of every repository, with all that belongs to it, into a folder.

It may be cut off at any point and started again. What is there already is hashed and not fetched a second time.
"""

from __future__ import annotations

import datetime
import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .failure import OperationError, RegctlError
from .inventory import Inventory, layout_of
from .layout import DamagedError, Hashed, Layout
from .manifests import Blob, Manifest, by_blob
from .progress import Progress, amount
from .regctl import Registry

AT_ONCE: Final = 4
"""Requests at a time: more make a small registry slower for those who pull."""


@dataclass
class _Image:
    """A tag and all manifests and blobs below it."""

    repository: str
    tag: str
    top: Manifest | None = None
    blobs: tuple[Blob, ...] = ()
    problem: str = ""
    gone: bool = False


@dataclass
class _Found:
    """What the registry has: images, and the repositories without any."""

    images: list[_Image] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def back_up(registry: Registry, folder: Path, progress: Progress) -> int:
    """Back everything up. Gives the exit code: 1 if anything is missing."""
    with _alone(folder):
        found = _list(registry, progress)
        layouts = {image.repository: layout_of(folder, image.repository) for image in found.images}
        for layout in layouts.values():
            layout.remove_partial()
        _read_manifests(registry, found.images, layouts, progress)
        fetched = _fetch_blobs(registry, found.images, layouts, progress)
        _recheck(registry, found.images)
        return _conclude(registry, folder, found, layouts, fetched, progress)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse a second backup into the same folder at the same time. The lock ends with the process."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperationError(f"another backup into {folder} is running; fix: wait until it ends") from None
        yield


def _list(registry: Registry, progress: Progress) -> _Found:
    found = _Found()
    names = registry.repositories()
    progress.begin("repositories listed", len(names))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for name, tags in zip(names, threads.map(registry.tags, names), strict=True):
            found.images += [_Image(name, tag) for tag in tags]
            found.empty += [] if tags else [name]
            progress.done(1)
    progress.finish()
    return found


def _read_manifests(
    registry: Registry, images: list[_Image], layouts: dict[str, Layout], progress: Progress
) -> None:
    """Fetch the manifests of all images and keep them in the folder."""
    progress.begin("tags read", len(images))

    def read(image: _Image) -> None:
        try:
            image.top = registry.manifest(image.repository, image.tag)
            image.blobs = tuple(dict.fromkeys(_below(registry, image.repository, layouts, image.top)))
        except (RegctlError, ValueError, OSError) as problem:
            image.problem = str(problem)
        progress.done(1)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(read, images))
    progress.finish()


def _below(registry: Registry, repository: str, layouts: dict[str, Layout], manifest: Manifest) -> Iterator[Blob]:
    """Keep a manifest and those below it; give their blobs."""
    layout = layouts[repository]
    for digest in manifest.children:
        try:
            child = layout.manifest(digest)
        except DamagedError:
            child = registry.manifest(repository, digest)
        yield from _below(registry, repository, layouts, child)
    try:
        layout.manifest(manifest.digest, manifest.media_type)
    except DamagedError:
        layout.put(manifest.digest, [manifest.body])
    yield from manifest.blobs


def _fetch_blobs(registry: Registry, images: list[_Image], layouts: dict[str, Layout], progress: Progress) -> int:
    """Bring each blob into the folder, once for each repository. Gives the bytes that came from the registry."""
    wanted = by_blob(images)
    progress.begin("blobs in the folder", len(wanted), sum(blob.size for _, blob in wanted))
    hashed = Hashed()
    by_digest: dict[str, list[tuple[str, Blob]]] = {}
    for repository, blob in sorted(wanted, key=lambda item: (item[0], item[1].digest)):
        by_digest.setdefault(blob.digest, []).append((repository, blob))

    def fetch(places: list[tuple[str, Blob]]) -> int:
        """Bring one blob into all repositories that have it: base images are in many."""
        came = 0
        right: Layout | None = None
        for repository, blob in places:
            layout = layouts[repository]
            try:
                if not _is_there(layout, blob, hashed, progress):
                    linked = right is not None and layout.link(blob.digest, right)
                    if linked:
                        progress.done(size=blob.size)
                    else:
                        layout.put(blob.digest, progress.counted(registry.blob(repository, blob.digest)), blob.size)
                        came += blob.size
                right = layout
            except (RegctlError, ValueError, OSError) as problem:
                for image in wanted[repository, blob]:
                    image.problem = image.problem or str(problem)
            progress.done(1)
        return came

    with ThreadPoolExecutor(AT_ONCE) as threads:
        total = sum(threads.map(fetch, by_digest.values()))
    progress.finish()
    return total


def _is_there(layout: Layout, blob: Blob, hashed: Hashed, progress: Progress) -> bool:
    """Whether an earlier run has left the blob, whole. One that is damaged is removed."""
    counted = 0

    def read(size: int) -> None:
        nonlocal counted
        counted += size
        progress.done(size=size)

    try:
        hashed.check(layout, blob, read)
    except DamagedError as damage:
        progress.done(size=-counted)
        file = layout.file(blob.digest)
        if file.exists():
            progress.say(f"fetching again: {damage}")
            file.unlink()
        return False
    return True


def _recheck(registry: Registry, images: list[_Image]) -> None:
    """Find the tags that somebody removed meanwhile: of these nothing is missing."""
    failed = [image for image in images if image.problem]
    for repository in {image.repository for image in failed}:
        try:
            left = registry.tags(repository)
        except RegctlError:
            continue
        for image in failed:
            image.gone = image.gone or (image.repository == repository and image.tag not in left)


def _conclude(
    registry: Registry,
    folder: Path,
    found: _Found,
    layouts: dict[str, Layout],
    fetched: int,
    progress: Progress,
) -> int:
    whole = [image for image in found.images if image.top and not image.problem]
    missing = [image for image in found.images if image.problem and not image.gone]
    images: dict[str, dict[str, Manifest]] = {}
    for image in whole:
        assert image.top
        images.setdefault(image.repository, {})[image.tag] = image.top
    for repository, tags in images.items():
        layouts[repository].write_index(tags)
    # Before the list says that all is there, the disk has to have it.
    os.sync()
    lines = [f"{image.repository}:{image.tag}: {image.problem}" for image in missing]
    inventory = Inventory(
        registry=registry.address,
        ended=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        images={name: {tag: top.digest for tag, top in tags.items()} for name, tags in images.items()},
        missing=tuple(lines),
    )
    inventory.write(folder)
    size = sum({blob.digest: blob.size for image in whole for blob in image.blobs}.values())
    for name in found.empty:
        progress.say(f"without tags, hence without anything to back up: {name}")
    for image in found.images:
        if image.gone:
            progress.say(f"removed from the registry meanwhile: {image.repository}:{image.tag}")
    for line in lines:
        progress.say(f"MISSING {line}")
    progress.say(
        f"backed up from {registry.address} to {folder}: {len(whole)} of {len(whole) + len(missing)} tags in "
        f"{len(images)} repositories, {amount(size)}, of which {amount(fetched)} came now"
    )
    progress.say("not in it: manifests without a tag, which the registry's API does not list")
    if missing:
        progress.say(f"{len(missing)} tags are missing; fix: what the lines above name, then `make backup` again")
    return 1 if missing else 0

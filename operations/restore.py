"""Restoring a backup into a registry: everything is hashed before it is pushed, and looked up afterwards.

It may be cut off at any point and started again. What the registry has already is not pushed a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .backup import AT_ONCE
from .failure import OperationError, RegctlError
from .inventory import Inventory, layout_of
from .layout import DamagedError, Hashed, Layout
from .manifests import Blob, Manifest, by_blob, subject_of
from .progress import Progress, amount
from .regctl import Registry


@dataclass(eq=False)
class _Image:
    """A tag of the backup, with all manifests below it, those of which others consist first."""

    repository: str
    tag: str
    digest: str
    manifests: tuple[Manifest, ...] = ()
    problem: str = ""

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All blobs, each once."""
        return tuple(dict.fromkeys(blob for manifest in self.manifests for blob in manifest.blobs))

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.repository}:{self.tag}"


def restore(registry: Registry, folder: Path, progress: Progress, *, force: bool) -> int:
    """Restore everything. Gives the exit code: 1 if anything of the backup is not in the registry."""
    inventory = Inventory.read(folder)
    images = [
        _Image(repository, tag, digest)
        for repository, tags in inventory.images.items()
        for tag, digest in tags.items()
    ]
    layouts = {repository: layout_of(folder, repository) for repository in inventory.images}
    progress.say(f"backup of {inventory.registry}, ended {inventory.ended}: {inventory.count} tags")
    for line in inventory.missing:
        progress.say(f"not in the backup: {line}")
    there = _tags_there(registry, inventory, progress)
    _refuse_conflicts(registry, images, layouts, there, force=force)
    _hash(images, layouts, progress)
    for image in images:
        if image.problem:
            progress.say(f"DAMAGED {image.name} is not pushed: {image.problem}")
    pushed = _push_blobs(registry, images, layouts, progress)
    _push_manifests(registry, images, there, progress)
    return _conclude(registry, images, pushed, progress)


def _tags_there(registry: Registry, inventory: Inventory, progress: Progress) -> dict[str, dict[str, str]]:
    """Give the digest of each tag that the registry has and the backup too."""
    progress.begin("repositories compared", len(inventory.images))

    def ask(repository: str) -> dict[str, str]:
        tags = [tag for tag in registry.tags(repository) if tag in inventory.images[repository]]
        found = {tag: registry.digest(repository, tag) for tag in tags}
        progress.done(1)
        return {tag: digest for tag, digest in found.items() if digest}

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = dict(zip(inventory.images, threads.map(ask, inventory.images), strict=True))
    progress.finish()
    return found


def _refuse_conflicts(
    registry: Registry,
    images: list[_Image],
    layouts: dict[str, Layout],
    there: dict[str, dict[str, str]],
    *,
    force: bool,
) -> None:
    """Stop before anything is pushed if a tag would be moved."""
    conflicts = []
    for image in images:
        other = there[image.repository].get(image.tag, image.digest)
        if other != image.digest and not _is_part(registry, image, layouts[image.repository], other):
            conflicts.append(f"{image.name} is {other} there and {image.digest} in the backup")
    if conflicts and not force:
        raise OperationError(
            "\n  ".join([f"{len(conflicts)} tags exist with another image, and nothing was pushed:", *conflicts])
            + "\nfix: FORCE=1 replaces them by those of the backup; or restore into another registry"
        )


def _is_part(registry: Registry, image: _Image, layout: Layout, other: str) -> bool:
    """Whether a list of signatures and the like, there, names nothing that the backup's does not.

    regctl makes such lists by itself, so that a restore that was cut off leaves a part of one.
    """
    if not subject_of(image.tag):
        return False
    try:
        here = layout.manifest(image.digest, layout.media_types().get(image.digest, ""))
        return set(registry.manifest(image.repository, other).children) <= set(here.children)
    except ValueError:
        return False


def _hash(images: list[_Image], layouts: dict[str, Layout], progress: Progress) -> None:
    """Hash each manifest and each blob, and note what is damaged with each image that it belongs to."""
    for image in images:
        layout = layouts[image.repository]
        try:
            top = layout.media_types().get(image.digest, "")
            image.manifests = tuple(_bottom_up(layout, image.digest, top))
        except DamagedError as damage:
            image.problem = str(damage)
    wanted = by_blob(images)
    progress.begin("blobs hashed", len(wanted), sum(blob.size for _, blob in wanted))
    hashed = Hashed()

    def check(item: tuple[str, Blob]) -> None:
        repository, blob = item
        try:
            hashed.check(layouts[repository], blob, lambda size: progress.done(size=size))
        except DamagedError as damage:
            for image in wanted[item]:
                image.problem = image.problem or str(damage)
        progress.done(1)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(check, wanted))
    progress.finish()


def _bottom_up(layout: Layout, digest: str, media_type: str = "") -> Iterator[Manifest]:
    manifest = layout.manifest(digest, media_type)
    for child in manifest.children:
        yield from _bottom_up(layout, child)
    yield manifest


def _push_blobs(registry: Registry, images: list[_Image], layouts: dict[str, Layout], progress: Progress) -> int:
    """Push the blobs that the registry does not have. Gives their bytes."""
    wanted = by_blob(images)
    progress.begin("blobs in the registry", len(wanted), sum(blob.size for _, blob in wanted))
    places: dict[Blob, list[str]] = {}
    for repository, blob in wanted:
        places.setdefault(blob, []).append(repository)

    def push(blob: Blob) -> int:
        """Push one blob to all repositories that have it: base images are in many."""
        came = 0
        source = ""
        for repository in places[blob]:
            try:
                if registry.size(repository, blob.digest) == blob.size:
                    progress.done(size=blob.size)
                elif source:
                    registry.share_blob(repository, blob, source)
                    progress.done(size=blob.size)
                else:
                    registry.put_blob(repository, blob, progress.counted(layouts[repository].pieces(blob.digest)))
                    came += blob.size
                source = repository
            except (RegctlError, OSError) as problem:
                for image in wanted[repository, blob]:
                    image.problem = image.problem or str(problem)
            progress.done(1)
        return came

    with ThreadPoolExecutor(AT_ONCE) as threads:
        total = sum(threads.map(push, places))
    progress.finish()
    return total


def _push_manifests(
    registry: Registry, images: list[_Image], there: dict[str, dict[str, str]], progress: Progress
) -> None:
    """Push the manifests of whole images, and let their tags come last.

    Lists of signatures and the like come after all else: with each manifest that belongs to another, regctl adds to
    the list of that other, which has to end as it is in the backup.
    """
    good = [image for image in images if not image.problem]
    progress.begin("tags in the registry", len(good))

    def push(image: _Image) -> None:
        *below, top = image.manifests
        try:
            for manifest in below:
                if registry.digest(image.repository, manifest.digest) != manifest.digest:
                    registry.put_manifest(image.repository, manifest)
            is_list = bool(subject_of(image.tag))
            if is_list or there[image.repository].get(image.tag) != image.digest:
                registry.put_manifest(image.repository, top, image.tag)
        except RegctlError as problem:
            image.problem = str(problem)
        progress.done(1)

    lists = [image for image in good if subject_of(image.tag)]
    about = [image for image in good if image not in lists and any(each.subject for each in image.manifests)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(push, [image for image in good if image not in lists and image not in about]))
    # One by one: two that are added to the same list at once could push each other out of it.
    for image in (*about, *lists):
        push(image)
    for image in lists:
        if not image.problem and registry.digest(image.repository, image.tag) != image.digest:
            push(image)
            progress.done(-1)
    progress.finish()


def _conclude(registry: Registry, images: list[_Image], pushed: int, progress: Progress) -> int:
    """Look every tag up once more, and say what is there."""

    def check(image: _Image) -> None:
        if not image.problem:
            try:
                digest = registry.digest(image.repository, image.tag)
            except RegctlError as problem:
                image.problem = str(problem)
            else:
                if digest != image.digest:
                    image.problem = f"the registry has {digest or 'nothing'} in place of {image.digest}"
        progress.done(1)

    progress.begin("tags looked up", len(images))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(check, images))
    progress.finish()
    wrong = [image for image in images if image.problem]
    for image in wrong:
        progress.say(f"NOT RESTORED {image.name}: {image.problem}")
    good = len(images) - len(wrong)
    progress.say(
        f"restored to {registry.address}: {good} of {len(images)} tags have the digests of the backup, "
        f"{amount(pushed)} were pushed now"
    )
    if wrong:
        progress.say(
            f"{len(wrong)} tags are not restored; fix: what the lines above name, then `make restore` again"
        )
    return 1 if wrong else 0

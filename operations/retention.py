"""Which tags are removed. Pure rules: nothing here asks a registry or a cluster."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from components.retention.settings import Retention

from .manifests import subject_of
from .usage import Usage


@dataclass(frozen=True)
class Tag:
    """A tag as it was read from the registry."""

    repository: str
    name: str
    digest: str = ""
    contents: frozenset[str] = frozenset()
    """Digests of the manifest, of all manifests below it, and of their configurations."""
    created: datetime.datetime | None = None
    leftover: bool = False
    """Whether a removal that was cut off has left it."""
    problem: str = ""
    """Why it could not be read whole."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a tag."""

    tag: Tag
    stays: bool
    reason: str


def in_scope(retention: Retention, repository: str) -> bool:
    """Whether tags of a repository may be removed."""
    return any(fnmatchcase(repository, pattern) for pattern in retention.retention_repositories)


def judge(tags: Iterable[Tag], retention: Retention, usage: Usage) -> list[Verdict]:
    """Judge all tags, in order of repository and age. Whatever is in doubt stays."""
    by_repository: dict[str, list[Tag]] = {}
    for tag in tags:
        by_repository.setdefault(tag.repository, []).append(tag)
    return [
        verdict
        for _, own in sorted(by_repository.items())
        for verdict in _judge_repository(sorted(own, key=_age, reverse=True), retention, usage)
    ]


def _age(tag: Tag) -> tuple[datetime.datetime, list[tuple[int, str]]]:
    """Give a key by which newer tags are greater; among equals the greater name, with numbers as numbers."""
    parts = re.findall(r"\d+|\D+", tag.name)
    name = [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts]
    return tag.created or datetime.datetime.max.replace(tzinfo=datetime.UTC), name


def _judge_repository(tags: Sequence[Tag], retention: Retention, usage: Usage) -> list[Verdict]:
    """Judge the tags of one repository, newest first."""
    images = [tag for tag in tags if not subject_of(tag.name)]
    newest = _newest(images, retention)
    verdicts = {tag: _judge_image(tag, retention, newest.get(tag.name, ""), usage) for tag in images}
    kept = [verdict.tag for verdict in verdicts.values() if verdict.stays]
    removed = [verdict.tag for verdict in verdicts.values() if not verdict.stays]
    for tag in tags:
        if tag not in verdicts:
            verdicts[tag] = _judge_companion(tag, kept, removed, usage)
    return [verdicts[tag] for tag in tags]


def _newest(images: Sequence[Tag], retention: Retention) -> dict[str, str]:
    """Give the newest tags of each pattern, with the pattern. What stays anyway takes no place among them."""
    found: dict[str, str] = {}
    for pattern in reversed(retention.retention_tags):
        matching = [tag for tag in images if _is_counted(tag) and fnmatchcase(tag.name, pattern)]
        found |= {tag.name: pattern for tag in matching[: retention.retention_keep]}
    return found


def _is_counted(tag: Tag) -> bool:
    return not tag.problem and not tag.leftover and tag.created is not None


def _judge_image(tag: Tag, retention: Retention, newest_of: str, usage: Usage) -> Verdict:
    holder = usage.holder(tag.repository, tag.name, sorted(tag.contents))
    matching = [pattern for pattern in retention.retention_tags if fnmatchcase(tag.name, pattern)]
    rules: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: not in_scope(retention, tag.repository), "no pattern of retentionRepositories"),
        (lambda: not matching, "no pattern of retentionTags"),
        (lambda: bool(tag.problem), f"cannot be read: {tag.problem}"),
        (lambda: bool(holder), f"used by Pod {holder}"),
        (lambda: tag.created is None and not tag.leftover, "tells no time at which it was made"),
        (lambda: bool(newest_of), f"of the newest {retention.retention_keep} of {newest_of}"),
    )
    for applies, reason in rules:
        if applies():
            return Verdict(tag, stays=True, reason=reason)
    if tag.leftover:
        return Verdict(tag, stays=False, reason="left by a removal that was cut off")
    return Verdict(tag, stays=False, reason=f"older than the newest {retention.retention_keep} of {matching[0]}")


def _judge_companion(tag: Tag, kept: Sequence[Tag], removed: Sequence[Tag], usage: Usage) -> Verdict:
    """Judge a digest tag, such as that of signatures: it goes with the last tag of what it belongs to."""
    subject = subject_of(tag.name)
    holder = usage.holder(tag.repository, tag.name, sorted(tag.contents))
    if holder:
        return Verdict(tag, stays=True, reason=f"used by Pod {holder}")
    # A tag that cannot be read may hold any digest.
    unread = next((other.name for other in kept if other.problem), "")
    owner = next((other.name for other in kept if subject in other.contents), unread)
    if owner:
        return Verdict(tag, stays=True, reason=f"belongs to {owner}")
    if any(subject in other.contents for other in removed):
        return Verdict(tag, stays=False, reason="belongs to an image that is removed")
    return Verdict(tag, stays=True, reason="belongs to no image with a tag")


def table(verdicts: Sequence[Verdict]) -> str:
    """Write what becomes of each tag, for a person to read before anything is removed."""
    head = ("", "REPOSITORY", "TAG", "MADE", "DIGEST", "WHY")
    rows = [head, *map(_row, verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(verdict: Verdict) -> tuple[str, ...]:
    tag = verdict.tag
    made = tag.created.strftime("%Y-%m-%d %H:%M") if tag.created else "-"
    action = "keep" if verdict.stays else "REMOVE"
    name = f"{tag.name[:19]}…{tag.name[71:]}" if subject_of(tag.name) else tag.name
    return (action, tag.repository, name, made, tag.digest[7:19] or "-", verdict.reason)

"""Reading tags for retention, and removing those that may go.

A tag is removed by its name, never by a digest: a registry that removes a manifest removes all its tags with it.
The manifests that then have no tag stay until collection removes them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from components.cluster.kubectl import KubectlError, kubectl
from components.retention.settings import Retention

from .backup import AT_ONCE
from .failure import OperationError, RegctlError
from .manifests import created, hasher, is_leftover
from .progress import Progress
from .regctl import Registry
from .retention import Tag, Verdict, in_scope, judge, table
from .stack import Stack
from .usage import Usage

_WITHIN: Final = 60
"""Seconds for the list of all Pods, which may be long."""
_LARGEST_CONFIGURATION: Final = 8 << 20


def apply(
    registry: Registry,
    retention: Retention,
    used: Callable[[], Usage],
    progress: Progress,
    *,
    remove: bool,
) -> int:
    """Show what becomes of each tag, and remove if that is asked for. Gives the exit code."""
    repositories = [name for name in registry.repositories() if in_scope(retention, name)]
    tags = _read(registry, repositories, progress)
    # Asked last, so that Pods which began meanwhile count.
    verdicts = judge(tags, retention, used())
    progress.say(table(verdicts))
    gone = [verdict for verdict in verdicts if not verdict.stays]
    unread = [verdict for verdict in verdicts if verdict.tag.problem]
    progress.say(f"{len(gone)} of {len(verdicts)} tags in {len(repositories)} repositories may go")
    code = 1 if unread else 0
    if unread:
        progress.say(f"{len(unread)} tags could not be read, and stay; the table says why")
    if not remove:
        progress.say("nothing was removed: this was a dry run; APPLY=1 removes")
        return code
    return max(code, _remove(registry, verdicts, gone, progress))


def _read(registry: Registry, repositories: Sequence[str], progress: Progress) -> list[Tag]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        names = [
            (repository, tag)
            for repository, tags in zip(repositories, threads.map(registry.tags, repositories), strict=True)
            for tag in tags
        ]
        progress.begin("tags read", len(names))

        def read(item: tuple[str, str]) -> Tag:
            tag = read_tag(registry, *item)
            progress.done(1)
            return tag

        found = list(threads.map(read, names))
    progress.finish()
    return found


def read_tag(registry: Registry, repository: str, name: str) -> Tag:
    """Read a tag: what belongs to it, and when it was made, which for an index is when its newest image was."""
    digests: set[str] = set()
    times: list[datetime.datetime | None] = []
    leftover = False
    top = ""
    waiting = [name]
    try:
        while waiting:
            manifest = registry.manifest(repository, waiting.pop())
            top = top or manifest.digest
            digests.add(manifest.digest)
            waiting += [child for child in manifest.children if child not in digests]
            if manifest.config:
                digests.add(manifest.config.digest)
                configuration = _configuration(registry, repository, manifest.config.digest)
                times.append(created(configuration))
                leftover = leftover or is_leftover(configuration, name)
    except (RegctlError, ValueError) as problem:
        return Tag(repository, name, top, frozenset(digests), problem=str(problem))
    known = [time for time in times if time]
    return Tag(repository, name, top, frozenset(digests), max(known, default=None), leftover)


def _configuration(registry: Registry, repository: str, digest: str) -> bytes:
    content, computed = b"", hasher(digest)
    for piece in registry.blob(repository, digest):
        computed.update(piece)
        content += piece
        if len(content) > _LARGEST_CONFIGURATION:
            raise ValueError(f"{digest} is too large for a configuration")
    if computed.hexdigest() != digest.partition(":")[2]:
        raise ValueError(f"{digest} has another content in the registry")
    return content


def _remove(registry: Registry, verdicts: Sequence[Verdict], gone: Sequence[Verdict], progress: Progress) -> int:
    """Remove tag by tag, and look afterwards whether all others are as they were."""
    problems = []
    for repository in sorted({verdict.tag.repository for verdict in gone}):
        if not registry.allows_removal(repository):
            raise OperationError(
                "the registry refuses to remove anything, although deleteEnabled is true; fix: `pulumi up`, which "
                "brings the setting to the registry, and readOnly must be false"
            )
    progress.begin("tags removed", len(gone))
    changed = removed = 0
    for verdict in gone:
        tag = verdict.tag
        try:
            if registry.digest(tag.repository, tag.name) == tag.digest:
                registry.delete_tag(tag.repository, tag.name)
                removed += 1
            else:
                changed += 1
        except RegctlError as problem:
            problems.append(f"NOT REMOVED {tag.repository}:{tag.name}: {problem}")
        progress.done(1)
    progress.finish()
    touched = {verdict.tag.repository for verdict in gone}
    kept = [verdict.tag for verdict in verdicts if verdict.stays and verdict.tag.repository in touched]
    for tag in kept:
        try:
            there = registry.digest(tag.repository, tag.name)
        except RegctlError as problem:
            problems.append(f"NOT CHECKED {tag.repository}:{tag.name}: {problem}")
            continue
        if not there and tag.digest:
            problems.append(f"LOST {tag.repository}:{tag.name} with digest {tag.digest}, which had to stay")
    for line in problems:
        progress.say(line)
    if changed:
        progress.say(f"{changed} tags were pushed anew or removed meanwhile, and were left alone")
    progress.say(f"removed {removed} tags; their space is free after the next collection with collectionUntagged")
    return 1 if problems else 0


def used_in_cluster(stack: Stack) -> Usage:
    """Ask the stack's cluster for all Pods. Raises OperationError: without them nothing is judged."""
    words = ["get", "pods", "--all-namespaces", "--output=json"]
    try:
        answer = kubectl(words, stack.kubeconfig(), _WITHIN)
    except (KubectlError, OperationError) as problem:
        raise OperationError(
            f"the Pods of the cluster cannot be listed: {problem}; nothing is removed without knowing which images "
            "they use; fix: an account that may list Pods of all namespaces"
        ) from None
    pods: list[dict[str, Any]] = json.loads(answer)["items"]
    return Usage.of(pods)

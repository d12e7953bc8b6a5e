"""Why Pods do not start, as the cluster says it: from states, conditions and events to texts, each reason once.

All objects are as Kubernetes gives them in JSON. Contacts no cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

Object = Mapping[str, Any]

_NO_REASONS: Final = {"ContainerCreating", "PodInitializing", "CrashLoopBackOff", "BackOff"}
"""States and events that say that something waits or failed, and not why."""

_NO_TEXTS: Final = re.compile(
    r"Error: (?:ErrImagePull|ImagePullBackOff)"
    r"|Back-off pulling image \S+"
    r"|Job has reached the specified backoff limit"
    # Probes go on while a container starts, and while it crashes: what it says itself is the reason.
    r"|(?:Startup|Readiness|Liveness) probe (?:failed|errored).*connection refused.*"
)
"""Texts of other states and events that give no reason either."""

_PREFIXES: Final = re.compile(
    r"^(?:\(combined from similar events\): )?(?:Error creating: |Error: |Failed to pull image \"[^\"]*\": )?"
    r"(?:Back-off pulling image \"[^\"]*\": )?(?:ErrImagePull: )?"
)
"""What Kubernetes puts before one and the same reason in different places."""

_CHANGING: Final = re.compile(
    r"(?<=-)[a-z0-9]{5}(?=\")"  # the random end of a Pod's name
    r"|(?<=:)\d+(?=->)"  # the client's port of a connection
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z?"  # a time
    r"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b"  # a uid
    r"|\b[0-9a-f]{32,64}\b"  # the id of a container or sandbox
)
"""What differs between two tries that fail for the same reason."""

_TIME_LIMIT: Final = "Job was active longer than specified deadline"
"""A Job's time limit, which is a reason only where no other is known."""

_OUT_OF_MEMORY: Final = "OOMKilled"


def reasons(objects: Sequence[Object], events: Iterable[Object], nodes: Sequence[Object] = ()) -> list[str]:
    """Collect what objects, the warnings about them, and the nodes of their Pods say; each reason once.

    Warnings about other objects, such as Pods that are gone, are left out unless an object of ours owned them.
    """
    wanted = {item["metadata"]["uid"] for item in objects}
    texts = [text for item in objects for text in _of_status(item.get("status", {}))]
    texts += [
        str(event.get("message", "")).strip()
        for event in events
        if event.get("reason") not in _NO_REASONS and (_about(event) in wanted or _is_of_lost_pod(event, objects))
    ]
    texts += [_off(node) for node in nodes if is_off(node) and _needs(objects, node)]
    found = _once(text for text in texts if text and not _NO_TEXTS.fullmatch(text))
    return [text for text in found if text != _TIME_LIMIT] or found


def is_off(node: Object) -> bool:
    """Whether a node is known not to work."""
    return any(
        condition["type"] == "Ready" and condition.get("status") != "True"
        for condition in node.get("status", {}).get("conditions", [])
    )


def _off(node: Object) -> str:
    condition = next(each for each in node["status"]["conditions"] if each["type"] == "Ready")
    said = condition.get("message") or condition.get("reason", "")
    return f"node {node['metadata']['name']} is not ready: {said}"


def _needs(objects: Iterable[Object], node: Object) -> bool:
    """Whether a Pod that is not ready is on that node, or has to be there."""
    return any(
        item.get("kind") == "Pod" and not _is_ready(item) and node["metadata"]["name"] in _nodes_of(item)
        for item in objects
    )


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each.get("status") == "True" for each in conditions)


def _nodes_of(pod: Object) -> set[str]:
    """Give the names of the nodes that a Pod is on or is bound to."""
    spec = pod.get("spec", {})
    required = (
        spec.get("affinity", {})
        .get("nodeAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution", {})
        .get("nodeSelectorTerms", [])
    )
    bound = {
        value for term in required for field in term.get("matchFields", []) for value in field.get("values", [])
    }
    return {spec.get("nodeName", ""), spec.get("nodeSelector", {}).get("kubernetes.io/hostname", "")} | bound


def _about(event: Object) -> str:
    return str(event["involvedObject"].get("uid", ""))


def _is_of_lost_pod(event: Object, objects: Iterable[Object]) -> bool:
    """Whether a warning is about a Pod that a Job of ours had, and that Kubernetes removed with the time limit."""
    about = event["involvedObject"]
    return about.get("kind") == "Pod" and any(
        item.get("kind") == "Job"
        and str(about.get("name", "")).startswith(f"{item['metadata']['name']}-")
        and _time_of(event) >= _time_of(item)
        for item in objects
    )


def _time_of(item: Object) -> str:
    """Give the last time of an event, or that of an object's creation, to the second: this form sorts as text."""
    time = item.get("lastTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp", "")
    return str(time)[: len("2026-11-25T10:00:00")]


def _of_status(status: Mapping[str, Any]) -> Iterator[str]:
    # An evicted or rejected Pod.
    if status.get("phase") == "Failed" and status.get("message"):
        yield status["message"].strip()
    for condition in status.get("conditions", []):
        if condition["type"] in {"PodScheduled", "ReplicaFailure", "Failed"} and condition.get("message"):
            yield condition["message"].strip()
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        for state in (container.get("state", {}), container.get("lastState", {})):
            text = _of_state(state)
            if text:
                yield f"container {container['name']}: {text}"


def _of_state(state: Mapping[str, Any]) -> str:
    waiting, ended = state.get("waiting", {}), state.get("terminated", {})
    said = str((waiting or ended).get("message") or "").strip()
    if waiting:
        return "" if waiting.get("reason") in _NO_REASONS or _NO_TEXTS.fullmatch(said) else said
    if ended.get("reason") == _OUT_OF_MEMORY:
        # Kubernetes gives no message, and the log's last lines are about something else.
        return f"{_OUT_OF_MEMORY}, exit code {ended.get('exitCode')}"
    if ended.get("exitCode"):
        return said or f"{ended.get('reason', 'Error')}, exit code {ended['exitCode']}"
    return ""


def _once(texts: Iterable[str]) -> list[str]:
    """Leave out what another text says as well, as Kubernetes puts one reason into several places and tries."""
    kept: list[tuple[str, str]] = []
    for text in texts:
        said = text.partition(": ")[2] if text.startswith("container ") else text
        core = _CHANGING.sub("…", _PREFIXES.sub("", said))
        if any(core in other for _, other in kept):
            continue
        kept = [(before, other) for before, other in kept if other not in core]
        kept.append((text, core))
    return [text for text, _ in kept]

"""What belongs to others and stands in the way: objects of our names, and Pods that have our port or folder.

Decides whose an object is and words the refusal. Contacts no cluster: objects come as JSON of Kubernetes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..sections import config_set

OWNER: Final = "private-registry/owner"
"""The annotation that names the stack and component that made an object. It never changes."""

NAMESPACE: Final = "Namespace"

KEPT: Final = ("PersistentVolumeClaim", NAMESPACE)
"""Kinds of ours that stay when a stack is destroyed."""

Object = Mapping[str, Any]
"""An object of the cluster, as Kubernetes gives it in JSON."""


@dataclass(frozen=True)
class Place:
    """Where an object is in a cluster; there is room for one."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, item: Object) -> Place:
        """Give the place of an object."""
        metadata = item["metadata"]
        return cls(item["kind"], metadata.get("namespace", ""), metadata["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def typed(self) -> str:
        """How kubectl takes it, beside its namespace."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Port:
    """A port of a node, which one Pod can have."""

    node: str
    number: int

    def __str__(self) -> str:
        return f"port {self.number} of node {self.node}"


@dataclass(frozen=True)
class Folder:
    """A folder of a node, in which one registry writes."""

    node: str
    path: str

    def __str__(self) -> str:
        return f"folder {self.path} of node {self.node}"


def owner_of(item: Object) -> str:
    """Give the annotation by which we know our own objects; empty if it is another's."""
    return str(item["metadata"].get("annotations", {}).get(OWNER, ""))


def is_older(item: Object, instance: str) -> bool:
    """Whether a version that wrote no owner may have made an object: it has our labels, written by Pulumi."""
    labels = item["metadata"].get("labels", {})
    ours = labels.get("app.kubernetes.io/part-of") == "private-registry"
    writers = _writers(item)
    written_by_pulumi = not writers or any(name.startswith("pulumi-kubernetes") for name in writers)
    return (
        ours and labels.get("app.kubernetes.io/instance") in {instance, f"{instance}-trust"} and written_by_pulumi
    )


def foreign(taken: Mapping[Place, Object], owner: str, instance: str) -> list[Place]:
    """Find what is another's for certain among what is at our places; `owner` ends with # before the first `up`.

    What has no mark may be of an older version of ours while there is anything of ours, and is left to the state.
    """
    has_ours = any(
        owner_of(item) == owner if owner_of(item) else is_older(item, instance) for item in taken.values()
    )
    return [
        place
        for place, item in taken.items()
        if (not _is_of(item, owner, place) if owner_of(item) else not has_ours)
    ]


def _is_of(item: Object, owner: str, place: Place) -> bool:
    """Whether a marked object is this owner's.

    What stays may be of the same stack before it was destroyed, which had another random part.
    """
    given = owner_of(item)
    return given == owner or (place.kind in KEPT and readable(given) == readable(owner))


def in_the_way(place: Place, item: Object, pull_secret_name: str, stack: str) -> str:
    """Say of an object whose it is, and the two ways out: another place for ours, or its removal.

    `stack` is ours.
    """
    if place.kind == NAMESPACE:
        # Its removal would be that of all that is in it.
        other = config_set("namespace <name>")
        return f"{place} {_whose(item)}: `pulumi config rm createNamespace` uses it as it is; {other} names another"
    return f"{place} {_whose(item)}: {_elsewhere(place, pull_secret_name)}; {_removal(item, stack)}"


def _elsewhere(place: Place, pull_secret_name: str) -> str:
    if place.kind == "Secret" and place.name == pull_secret_name:
        return config_set("pullSecretName <name>") + " names ours otherwise"
    setting = "--path 'pullNamespaces[0]' <name>" if place.kind == "Pod" else "namespace <name>"
    return config_set(setting) + " puts ours into another namespace"


def holders(
    pods: Iterable[Object],
    wanted: Iterable[Port | Folder],
    owner: str,
    namespace: str,
    selector: Mapping[str, str],
    stack: str,
) -> list[str]:
    """Say which Pods of a node have what we want of it and are not ours, and the two ways out.

    Ours are those with our mark and, where a version before the mark made them, those that `selector` finds in
    `namespace`.
    """
    found = []
    for listed in pods:
        # As an item of a list it does not say its kind.
        pod = {**listed, "kind": "Pod"}
        metadata = pod["metadata"]
        labels = metadata.get("labels", {})
        is_ours = (
            owner_of(pod) == owner
            if owner_of(pod)
            else metadata["namespace"] == namespace and all(labels.get(key) == selector[key] for key in selector)
        )
        if is_ours or _has_ended(pod):
            continue
        taken = {*_host_ports(pod), *_host_folders(pod)}
        for place in wanted:
            if isinstance(place, Port) and place.number in taken:
                other = config_set("port <number>") + " gives ours another port"
            elif isinstance(place, Folder) and place.path in taken:
                other = config_set("hostPath <folder>") + " gives ours another folder"
            else:
                continue
            found.append(
                f"{place} is taken by {Place.of(pod)}, which {_whose(pod)}: {other}; {_removal(pod, stack)}"
            )
    return found


def _has_ended(pod: Object) -> bool:
    """Whether a Pod holds nothing any more, or soon."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"} or "deletionTimestamp" in pod["metadata"]


def _host_folders(pod: Object) -> set[str]:
    """Give the folders of the node that a Pod mounts."""
    volumes = (volume.get("hostPath") for volume in pod["spec"].get("volumes", []))
    return {posixpath.normpath(volume["path"]) for volume in volumes if volume}


def _host_ports(pod: Object) -> set[int]:
    """Give the ports of the node that a Pod has for TCP, as the scheduler counts them."""
    spec = pod["spec"]
    # A sidecar is an init container that goes on; the others have ended when the Pod runs.
    containers = [
        *spec["containers"],
        *(item for item in spec.get("initContainers", []) if item.get("restartPolicy") == "Always"),
    ]
    return {
        port["hostPort"]
        for container in containers
        for port in container.get("ports", [])
        if port.get("hostPort") and port.get("protocol", "TCP") == "TCP"
    }


def _whose(item: Object) -> str:
    """Say who made an object, as far as it tells."""
    metadata = item["metadata"]
    labels, annotations = metadata.get("labels", {}), metadata.get("annotations", {})
    if owner := owner_of(item):
        return f"belongs to the registry {readable(owner)}"
    if release := annotations.get("meta.helm.sh/release-name"):
        return f"belongs to the Helm release {release}"
    for reference in metadata.get("ownerReferences", []):
        if reference.get("controller"):
            return f"belongs to {reference['kind']} {reference['name']}"
    writers = _writers(item)
    if any(name.startswith("pulumi-kubernetes") for name in writers):
        return "was made by another Pulumi program or stack"
    if writers:
        return f"was made by {writers[0]}"
    if manager := labels.get("app.kubernetes.io/managed-by"):
        return f"is managed by {manager}"
    return "was made by somebody else"


def _removal(item: Object, stack: str) -> str:
    """Say how the object's owner removes it."""
    metadata = item["metadata"]
    place = Place.of(item)
    by_hand = f"`kubectl delete {place.typed} --namespace {place.namespace}`"
    if owner := owner_of(item):
        theirs = readable(owner).rpartition("/")[0]
        if theirs == stack:
            # The command with that name would destroy ours.
            return (
                "theirs is a stack of the same name with its state elsewhere: `pulumi destroy` there removes it, "
                f"or {by_hand} if that state is gone"
            )
        return f"`pulumi destroy --stack {theirs}` removes theirs, or {by_hand} if that stack is gone"
    for reference in metadata.get("ownerReferences", []):
        if reference.get("controller"):
            kind, name = reference["kind"], reference["name"]
            ending = f"-{metadata.get('labels', {}).get('pod-template-hash', '')}"
            if kind == "ReplicaSet" and len(ending) > 1 and name.endswith(ending):
                kind, name = "Deployment", name.removesuffix(ending)
            by_hand = f"`kubectl delete {kind.lower()}/{name} --namespace {place.namespace}`"
    return f"{by_hand} removes theirs"


def readable(owner: str) -> str:
    """Give an owner without its random part: organization/project/stack/component."""
    return owner.partition("#")[0]


def _writers(item: Object) -> list[str]:
    """Give the names under which an object was written, the oldest first, without those that keep its status."""
    fields = item["metadata"].get("managedFields", [])
    by_age = sorted(fields, key=lambda entry: entry.get("time", ""))
    return [entry.get("manager", "") for entry in by_age if not entry.get("subresource") and entry.get("manager")]


def missing(namespaces: Mapping[str, str], found: Iterable[Object]) -> list[str]:
    """Say which namespaces do not exist; each comes with the setting that names another one."""
    existing = {item["metadata"]["name"] for item in found if item["kind"] == NAMESPACE}
    return [
        f"namespace {name} does not exist: `kubectl create namespace {name}` makes it; {config_set(setting)} "
        "names another"
        for name, setting in namespaces.items()
        if name not in existing
    ]


def ending(namespaces: Mapping[str, str], found: Iterable[Object]) -> list[str]:
    """Say which namespaces are being deleted, and take no new objects."""
    return [
        f"namespace {name} is being deleted: `kubectl wait --for=delete namespace/{name}` ends when it is gone; "
        f"{config_set(namespaces[name])} names another"
        for item in found
        if item["kind"] == NAMESPACE and "deletionTimestamp" in item["metadata"]
        for name in [item["metadata"]["name"]]
    ]


def refusal(lines: Sequence[str]) -> str:
    """Word the refusal: all that is in the way, a line each."""
    title = "the registry cannot come up here; what belongs to others was left alone. Choose for each:"
    return "\n  ".join([title, *lines])

"""Labels of the objects in the cluster."""

from __future__ import annotations

from typing import Final

NAME_OF_NAMESPACE: Final = "kubernetes.io/metadata.name"
"""What Kubernetes itself puts on each namespace."""

PART_OF: Final = {"app.kubernetes.io/part-of": "private-registry"}
"""What all objects of this project have."""


def selector(component: str, instance: str) -> dict[str, str]:
    """What finds the Pods of one part; never changes, since a changed selector replaces its owner."""
    return {"app.kubernetes.io/name": component, "app.kubernetes.io/instance": instance}


def labels(component: str, instance: str) -> dict[str, str]:
    """All labels of an object."""
    return selector(component, instance) | PART_OF

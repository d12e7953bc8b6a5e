"""The Pod by which a node proves that it can pull: what the first proof and the one that goes on have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.placement import on_node
from ..cluster.pods import HARDENED, POD, RESOURCES_OF_A_STEP
from ..cluster.taints import Tolerations

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ContainerArgsDict, PodSpecArgsDict


def pulling_pod(
    container: ContainerArgsDict,
    image: pulumi.Output[str],
    secret: kubernetes.core.v1.Secret,
    node: str,
    tolerations: Tolerations,
) -> PodSpecArgsDict:
    """Give the spec of a Pod that pulls `image` on `node`, if named; `container` has its name and command."""
    return {
        "image_pull_secrets": [{"name": secret.metadata["name"]}],
        "affinity": on_node(node) if node else None,
        "tolerations": tolerations,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "termination_grace_period_seconds": 5,
        "security_context": POD,
        "containers": [
            {
                **container,
                "image": image,
                # The node's copy would run without any password, and prove nothing.
                "image_pull_policy": "Always",
                "security_context": HARDENED,
                "resources": RESOURCES_OF_A_STEP,
            }
        ],
    }

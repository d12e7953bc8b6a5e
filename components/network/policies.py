"""NetworkPolicies: nobody reaches a Pod of the stack, nor it anybody, but as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import NAME_OF_NAMESPACE, PART_OF, labels, selector
from ..cluster.settings import Cluster
from ..server.names import CONTAINER_PORT
from ..storage.settings import Storage
from .settings import Network

if TYPE_CHECKING:
    from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict

_BOTH: Final = ["Ingress", "Egress"]


def policies(name: str, network: Network, storage: Storage, cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
    """Declare one that closes all Pods of the stack in its namespace, and one that opens the registry."""
    kubernetes.networking.v1.NetworkPolicy(
        f"{name}-closed",
        metadata={"name": f"{name}-closed", "namespace": cluster.namespace, "labels": labels("registry", name)},
        # Others may have Pods in the namespace, which are their concern.
        spec={"pod_selector": {"match_labels": PART_OF}, "policy_types": _BOTH},
        opts=opts,
    )
    networks: list[NetworkPolicyPeerArgsDict] = [{"ip_block": {"cidr": str(each)}} for each in network.networks]
    namespaces: list[NetworkPolicyPeerArgsDict] = [
        {"namespace_selector": {"match_labels": {NAME_OF_NAMESPACE: each}}} for each in network.network_namespaces
    ]
    kubernetes.networking.v1.NetworkPolicy(
        f"{name}-clients",
        metadata={"name": f"{name}-clients", "namespace": cluster.namespace, "labels": labels("registry", name)},
        spec={
            "pod_selector": {"match_labels": selector("registry", name)},
            "policy_types": _BOTH,
            "ingress": [
                {"from_": [*networks, *namespaces], "ports": [{"protocol": "TCP", "port": CONTAINER_PORT}]}
            ],
            **({"egress": egress} if (egress := storage.egress) else {}),
        },
        opts=opts,
    )

"""NetworkPolicies: nobody reaches a Pod of the stack, nor it anybody, but as the settings say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.kubectl import KubectlError
from ..cluster.labels import PART_OF, labels, selector
from ..cluster.settings import Cluster
from ..cluster.taints import Ask
from ..problems import Problems
from ..sections import config_set
from ..server.names import CONTAINER_PORT
from ..storage.settings import Storage
from .settings import Network

if TYPE_CHECKING:
    from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict

OF_NODES: Final = ("get", "nodes", "--output=json")
"""The words by which kubectl is asked for the addresses of nodes."""
_NAME_OF_NAMESPACE: Final = "kubernetes.io/metadata.name"
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
        {"namespace_selector": {"match_labels": {_NAME_OF_NAMESPACE: each}}} for each in network.network_namespaces
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


def check_nodes(network: Network, ask: Ask) -> None:
    """Refuse networks that leave out a node, whose pulls would end in a time-out. Raises RunError."""
    try:
        items = json.loads(ask(OF_NODES))["items"]
    except KubectlError as problem:
        pulumi.log.warn(f"whether networkAddresses has the addresses of all nodes was not looked up: {problem}")
        return
    problems = Problems()
    number = len(network.network_addresses)
    with problems.caught("networkAddresses", config_set(f"--path 'networkAddresses[{number}]' <their network>")):
        missing = [
            f"{item['metadata']['name']} ({address['address']})"
            for item in items
            for address in item.get("status", {}).get("addresses") or ()
            if address["type"] == "InternalIP" and not network.covers(address["address"])
        ]
        if missing:
            raise ValueError(f"must have the addresses of all nodes, which pull, got none for {', '.join(missing)}")
    problems.raise_any()

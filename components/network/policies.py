"""NetworkPolicies: nobody reaches a Pod of the stack, nor it anybody, but as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import NAME_OF_NAMESPACE, PART_OF, labels, selector
from ..cluster.settings import Cluster
from ..monitoring.exporter import PORT, REPORTS_PORT
from ..monitoring.settings import Monitoring
from ..server.names import CONTAINER_PORT
from ..storage.settings import Storage
from .settings import Network

if TYPE_CHECKING:
    from pulumi_kubernetes.networking.v1 import (
        NetworkPolicyIngressRuleArgsDict,
        NetworkPolicyPeerArgsDict,
        NetworkPolicyPortArgsDict,
    )

_BOTH: Final = ["Ingress", "Egress"]


def policies(
    name: str,
    network: Network,
    storage: Storage,
    monitoring: Monitoring,
    proofs: str,
    cluster: Cluster,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare one that closes all Pods of the stack in its namespace, and one that opens the registry.

    `proofs` is the namespace from which a continuing proof reports, if there is one, which needs one more.
    """
    kubernetes.networking.v1.NetworkPolicy(
        f"{name}-closed",
        metadata={"name": f"{name}-closed", "namespace": cluster.namespace, "labels": labels("registry", name)},
        # Others may have Pods in the namespace, which are their concern.
        spec={"pod_selector": {"match_labels": PART_OF}, "policy_types": _BOTH},
        opts=opts,
    )
    networks: list[NetworkPolicyPeerArgsDict] = [{"ip_block": {"cidr": str(each)}} for each in network.networks]
    namespaces = [_namespace(each) for each in network.network_namespaces]
    ingress: list[NetworkPolicyIngressRuleArgsDict] = [
        {"from_": [*networks, *namespaces], "ports": _port(CONTAINER_PORT)}
    ]
    if monitoring.metrics:
        readers = [_namespace(each) for each in network.network_metrics_namespaces]
        ingress.append({"from_": readers, "ports": _port(PORT)})
    if proofs:
        reporters = {**_namespace(proofs), "pod_selector": {"match_labels": selector("proof", f"{name}-proof")}}
        ingress.append({"from_": [reporters], "ports": _port(REPORTS_PORT)})
    kubernetes.networking.v1.NetworkPolicy(
        f"{name}-clients",
        metadata={"name": f"{name}-clients", "namespace": cluster.namespace, "labels": labels("registry", name)},
        spec={
            "pod_selector": {"match_labels": selector("registry", name)},
            "policy_types": _BOTH,
            "ingress": ingress,
            **({"egress": egress} if (egress := storage.egress) else {}),
        },
        opts=opts,
    )
    if proofs:
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-reports",
            metadata={"name": f"{name}-reports", "namespace": proofs, "labels": labels("registry", name)},
            spec={
                "pod_selector": {"match_labels": selector("proof", f"{name}-proof")},
                "policy_types": _BOTH,
                "egress": [
                    {
                        "to": [
                            {
                                **_namespace(cluster.namespace),
                                "pod_selector": {"match_labels": selector("registry", name)},
                            }
                        ],
                        "ports": _port(REPORTS_PORT),
                    }
                ],
            },
            opts=opts,
        )


def _namespace(name: str) -> NetworkPolicyPeerArgsDict:
    return {"namespace_selector": {"match_labels": {NAME_OF_NAMESPACE: name}}}


def _port(number: int) -> list[NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": number}]

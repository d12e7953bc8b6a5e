"""The registry's Service, by which Pods in the cluster reach it, and others if it is the way in."""

from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import labels, selector
from .ingress import Ingress
from .load_balancer import LoadBalancer
from .node_port import NodePort
from .settings import Exposure

NOT_AWAITED: Final = {"pulumi.com/skipAwait": "true"}
"""Annotations of a Service: the provider's wait is a fixed 10 s and proves less than the Deployment's own."""


def service(
    name: str, exposure: Exposure, namespace: str, opts: pulumi.ResourceOptions
) -> kubernetes.core.v1.Service:
    """Declare the Service of the registry's Pods."""
    return kubernetes.core.v1.Service(
        f"{name}-service",
        metadata={
            "name": name,  # Pods in the cluster say it
            "namespace": namespace,
            "labels": labels("registry", name),
            "annotations": _annotations(name, exposure, namespace),
        },
        spec={
            **({"type": exposure.service_type} if exposure.service_type else {}),
            **(_of_a_load_balancer(exposure) if isinstance(exposure, LoadBalancer) else {}),
            "selector": selector("registry", name),
            "ports": [
                {
                    "name": "registry",
                    "port": exposure.service_port,
                    "target_port": "registry",
                    **({"node_port": exposure.node_port} if isinstance(exposure, NodePort) else {}),
                }
            ],
        },
        opts=opts,
    )


def addresses(made: kubernetes.core.v1.Service) -> pulumi.Output[list[str]]:
    """Give the names and IP addresses that a load balancer has given to the Service."""

    def read(status: Any) -> list[str]:  # noqa: ANN401 - the SDK's own types, or none in preview
        ingress = (status and status.load_balancer and status.load_balancer.ingress) or []
        return [str(item.hostname or item.ip) for item in ingress]

    return made.status.apply(read)


def _annotations(name: str, exposure: Exposure, namespace: str) -> Mapping[str, str]:
    if isinstance(exposure, LoadBalancer):
        # Nothing can be pushed before the Service has an address outside the cluster.
        wait = {"pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0]}"}
        return {**exposure.exposure_annotations, **wait}
    if isinstance(exposure, Ingress):
        return {**exposure.annotations_of_service(name, namespace), **NOT_AWAITED}
    return NOT_AWAITED


def _of_a_load_balancer(exposure: LoadBalancer) -> Mapping[str, str]:
    wanted = {"load_balancer_class": exposure.load_balancer_class, "load_balancer_ip": exposure.wanted_ip}
    return {key: value for key, value in wanted.items() if value}

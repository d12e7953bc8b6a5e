"""The registry's Service, by which Pods in the cluster reach it, and others if it is the way in."""

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import labels, selector
from .node_port import NodePort
from .settings import Exposure


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
            # The wait of a Service is a fixed 10 s and proves less than the Deployment's own.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={
            **({"type": exposure.service_type} if exposure.service_type else {}),
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

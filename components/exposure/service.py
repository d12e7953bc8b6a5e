"""The registry's Service, by which Pods in the cluster reach it."""

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import labels, selector


def service(name: str, port: int, namespace: str, opts: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
    """Declare the Service of the registry's Pods, with the same port as outside."""
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
            "selector": selector("registry", name),
            "ports": [{"name": "registry", "port": port, "target_port": "registry"}],
        },
        opts=opts,
    )

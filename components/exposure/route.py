"""The Ingress object, by which a controller passes requests on to the registry."""

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import labels
from .ingress import Ingress


def route(
    name: str, ingress: Ingress, namespace: str, tls_secret: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> kubernetes.networking.v1.Ingress:
    """Declare the Ingress of the registry's Service; `tls_secret` has the certificate that clients see.

    It is the registry's own: controllers take it up in place when it changes.
    """
    return kubernetes.networking.v1.Ingress(
        f"{name}-ingress",
        metadata={
            "name": name,
            "namespace": namespace,
            "labels": labels("registry", name),
            # Some controllers never write the status that would be waited for; the push waits for the way itself.
            "annotations": {**ingress.annotations, "pulumi.com/skipAwait": "true"},
        },
        spec={
            **({"ingress_class_name": ingress.ingress_class} if ingress.ingress_class else {}),
            "tls": [{"hosts": [ingress.address.host], "secret_name": tls_secret}],
            "rules": [
                {
                    "host": ingress.address.host,
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "path_type": "Prefix",
                                "backend": {"service": {"name": name, "port": {"name": "registry"}}},
                            }
                        ]
                    },
                }
            ],
        },
        opts=opts,
    )

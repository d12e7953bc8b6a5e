"""Which Pod Security level the settings allow."""

from __future__ import annotations

from typing import Any

import pytest

from components.nodes.pod_security import pod_security_level
from components.stack_configuration import compose

CLAIM: dict[str, Any] = {"storage": "claim", "exposure": "nodePort", "node_trust": "off"}
S3: dict[str, Any] = {**CLAIM, "storage": "s3", "s3_bucket": "images"}


def level(**values: Any) -> str:  # noqa: ANN401 - any setting
    """Give the level of these settings."""
    made = compose({"host": "10.0.0.5", "password": "canary-canary", **values})
    return pod_security_level(made.exposure, made.storage, made.tls, made.nodes)


@pytest.mark.parametrize(
    "values",
    [
        CLAIM,
        S3,
        {**CLAIM, "exposure": "loadBalancer"},
        {**CLAIM, "exposure": "ingress", "host": "images.example.test"},
        {**CLAIM, "remove_data": True},
        {**S3, "metrics": True, "rights": {"pull": "pull *"}, "users": {"pull": "canary-canary"}},
        {**CLAIM, "node_trust": "kubeadm", "tls": "issued", "tls_issuer": "ClusterIssuer/public"},
    ],
    ids=["claim", "s3", "load balancer", "ingress", "removal", "door and metrics", "public CA"],
)
def test_pods_that_need_nothing_of_a_node_are_restricted(values: dict[str, Any]) -> None:
    """With a public CA there is no node trust, whatever the kind of the nodes is."""
    assert level(**values) == "restricted"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {**CLAIM, "exposure": "hostPort", "node": "node-1"},
        {**CLAIM, "storage": "hostPath", "node": "node-1"},
        {**S3, "node_trust": "kubeadm"},
        {**CLAIM, "node_trust": "kubeadm", "tls": "off", "allow_plain_http": True},
    ],
    ids=["defaults", "host port", "host folder", "node trust", "node trust without TLS"],
)
def test_a_port_or_folder_of_a_node_needs_the_privileged_level(values: dict[str, Any]) -> None:
    """`baseline` would refuse these Pods too."""
    assert level(**{"node": "node-1", **values}) == "privileged"

"""What follows from the way in: each address is spelled alike wherever it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509

from tests.components.declaration import (
    DAEMON_SET,
    DEPLOYMENT,
    IMAGE,
    KEPT,
    POD,
    REGISTRY,
    SECRET,
    declared,
)
from tests.components.recorder import Secret

NAME = "registry.example.test"
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "nodePort": ({}, f"{NAME}:30500"),
    "loadBalancer": ({"port": 443}, NAME),
    "ingress": ({}, NAME),
}
"""By kind: its settings, and the one address that follows from them."""


@pytest.mark.parametrize("kind", WAYS)
def test_one_address_stands_everywhere(kind: str) -> None:
    """A pull secret, a node's folder and an image that spell it otherwise do not find each other."""
    values, address = WAYS[kind]
    recorder = declared(exposure=kind, host=NAME, node_trust="minikube", **values)
    [container] = recorder.one(POD).inputs["spec"]["containers"]
    pull = recorder.one(SECRET, "registry-pull-secret-default").inputs["stringData"]
    [daemon] = recorder.one(DAEMON_SET).inputs["spec"]["template"]["spec"]["containers"]
    folders = next(item["value"] for item in daemon["env"] if item["name"] == "FOLDERS")

    assert recorder.one(REGISTRY).outputs == {"address": address, "pushAddress": address}
    assert recorder.one(IMAGE).inputs["imageName"] == f"{address}/alpine_test:test_1.0"
    assert container["image"].startswith(f"{address}/alpine_test@sha256:")
    assert isinstance(pull, Secret)
    assert list(json.loads(pull.value[".dockerconfigjson"])["auths"]) == [address]
    assert folders.split("\n") == [
        f"/nodes/etc/containerd/certs.d/{address}",
        f"/nodes/etc/docker/certs.d/{address}",
    ]


@pytest.mark.parametrize("kind", WAYS)
def test_the_certificate_has_the_name_without_a_port(kind: str) -> None:
    """As clients compare it."""
    values, _ = WAYS[kind]
    kept = {name: value for name, value in KEPT.items() if name != "registry-certificate"}
    tls = (
        declared(exposure=kind, host=NAME, stashed=kept, **values).one(SECRET, "registry-tls").inputs["stringData"]
    )
    assert isinstance(tls, Secret)
    certificate = x509.load_pem_x509_certificate(tls.value["tls.crt"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert NAME in names.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("kind", WAYS)
def test_pods_need_no_port_of_a_node(kind: str) -> None:
    """Two of them may be on one node."""
    values, _ = WAYS[kind]
    [container] = (
        declared(exposure=kind, host=NAME, **values)
        .one(DEPLOYMENT)
        .inputs["spec"]["template"]["spec"]["containers"]
    )

    assert "hostPort" not in container["ports"][0]

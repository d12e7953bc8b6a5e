"""The NetworkPolicies of a registry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.cluster.kubectl import KubectlError
from components.problems import SettingsError
from tests.components.declaration import POLICY, answering, declared

NETWORKS: dict[str, Any] = {"network_addresses": ("10.0.0.0/8",), "network_namespaces": ("ingress",)}


def nodes(**addresses: str) -> str:
    """Nodes as kubectl prints them."""
    items = [
        {"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}}
        for name, address in addresses.items()
    ]
    return json.dumps({"items": items})


def test_without_networks_there_is_none() -> None:
    """Nothing changes for a stack that names no clients."""
    assert declared().all(POLICY) == {}


def test_all_pods_of_the_stack_are_closed_and_those_of_others_are_not() -> None:
    """The namespace may be shared."""
    closed = declared(**NETWORKS).one(POLICY, "registry-closed").inputs["spec"]

    assert closed == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "private-registry"}},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_clients_reach_the_port_of_the_registry_and_it_reaches_nobody() -> None:
    """With a folder or a claim, which are no matter of the network."""
    spec = declared(**NETWORKS).one(POLICY, "registry-clients").inputs["spec"]

    assert spec["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "registry"
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec
    [rule] = spec["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5000}]
    assert rule["from"] == [
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}},
    ]


def test_a_node_outside_of_the_networks_is_refused() -> None:
    """By name and address."""
    with pytest.raises(SettingsError) as refused:
        declared(ask=answering("get", "nodes", answer=nodes(one="10.0.0.1", two="192.168.0.2")), **NETWORKS)

    assert "got none for two (192.168.0.2)" in str(refused.value)
    assert "`pulumi config set --path 'networkAddresses[1]' <their network>`" in str(refused.value)


def test_nodes_that_are_not_known_are_left_to_the_proof() -> None:
    """A preview that may not list nodes goes on."""
    assert declared(ask=answering("get", "nodes", answer=KubectlError("forbidden")), **NETWORKS).all(
        POLICY
    ).keys() == {
        "registry-closed",
        "registry-clients",
    }

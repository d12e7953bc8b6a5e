"""Which clients a NetworkPolicy lets through, and whom the registry reaches."""

from __future__ import annotations

from typing import Any

import pytest

from components.problems import SettingsError
from components.settings import Bucket, Network
from components.stack_configuration import compose

NEEDED = {"host": "10.0.0.5", "node": "node-1", "password": "long-enough-1"}
DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"network_addresses": ("nodes",)},
            'networkAddresses[0] must be a network such as 10.0.0.0/8, got "nodes"',
        ),
        (
            {"network_addresses": ("10.0.0.5/8",)},
            'networkAddresses[0] must be a network\'s own address, 10.0.0.0/8, got "10.0.0.5/8"',
        ),
        ({"network_addresses": ("10.0.0.0/8", "10.0.0.0/8")}, "networkAddresses[1] must name each network once"),
        ({"network_addresses": ("10.0.0.0/33",)}, "networkAddresses[0] must be a network such as 10.0.0.0/8"),
        (
            {"network_namespaces": ("ingress",)},
            "networkNamespaces must not be set without networkAddresses, since nodes could not pull then",
        ),
        (
            {"network_addresses": ("10.0.0.0/8",), "network_namespaces": ("Ingress",)},
            "networkNamespaces[0] must be",
        ),
        (
            {"network_addresses": ("10.0.0.0/8",), "network_namespaces": ("a", "a")},
            "networkNamespaces[1] must name each namespace once",
        ),
        (
            {"network_addresses": ("10.0.0.0/8",), "metrics": True},
            "networkMetricsNamespaces must not be empty beside metrics and networkAddresses: nobody could read",
        ),
        (
            {"network_metrics_namespaces": ("monitoring",), "metrics": True},
            "networkMetricsNamespaces must not be set without both metrics and networkAddresses",
        ),
    ],
)
def test_networks_that_cannot_work_are_refused(values: dict[str, Any], said: str) -> None:
    """With what would do."""
    with pytest.raises(SettingsError) as refused:
        compose({**NEEDED, **values})

    assert f"private-registry:{said}" in str(refused.value)


@pytest.mark.parametrize(
    ("address", "is_covered"),
    [("10.1.2.3", True), ("192.168.1.7", True), ("192.168.1.8", False), ("fd00::5", True), ("fd01::5", False)],
)
def test_a_network_covers_the_addresses_in_it(*, address: str, is_covered: bool) -> None:
    """Of both kinds; a single address is a network too."""
    network = Network(network_addresses=("10.0.0.0/8", "192.168.1.7", "fd00::/16"))

    assert network.covers(address) is is_covered


@pytest.mark.parametrize(
    ("endpoint", "rules"),
    [
        ("", [{"ports": [{"protocol": "TCP", "port": 443}]}, DNS]),
        ("http://s3.example.com:9000", [{"ports": [{"protocol": "TCP", "port": 9000}]}, DNS]),
        (
            "http://minio.storage.svc:9000",
            [
                {"to": [{"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "storage"}}}]},
                DNS,
            ],
        ),
        (
            "https://8.8.4.4",
            [{"to": [{"ip_block": {"cidr": "8.8.4.4/32"}}], "ports": [{"protocol": "TCP", "port": 443}]}],
        ),
        (
            "http://10.96.0.9:7070",
            [
                {
                    "to": [{"ip_block": {"cidr": "10.96.0.9/32"}}, {"namespace_selector": {}}],
                    "ports": [{"protocol": "TCP", "port": 7070}],
                }
            ],
        ),
    ],
)
def test_the_registry_reaches_its_bucket_and_name_servers(endpoint: str, rules: list[dict[str, Any]]) -> None:
    """As narrow as the endpoint tells: a Service's namespace, an address, or a port."""
    assert Bucket(s3_bucket="images", s3_endpoint=endpoint).egress == rules

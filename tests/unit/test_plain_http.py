"""Plain HTTP: what operators are told to set up, and where."""

import pytest

from components.nodes.plain_http import warnings
from components.references import Address

LOOPBACK = Address("127.0.0.1", 5000)
PULL, PUSH = Address("10.0.0.5", 5000), Address("10.0.0.6", 5000)

DOCKER = """\
private-registry:tls is off: accounts and images travel in clear between the nodes and 10.0.0.5:5000.
With Docker as the nodes' runtime, add to /etc/docker/daemon.json on each and restart Docker:
  {"insecure-registries": ["10.0.0.5:5000"]}"""
CONTAINERD = """
With containerd, write /etc/containerd/certs.d/10.0.0.5:5000/hosts.toml on each, or set nodeTrust:
  server = "http://10.0.0.5:5000"
  [host."http://10.0.0.5:5000"]
    capabilities = ["pull", "resolve"]"""


@pytest.mark.parametrize(("containerd_knows", "text"), [(True, DOCKER), (False, DOCKER + CONTAINERD)])
def test_c14_nodes_come_with_the_settings_they_need(text: str, *, containerd_knows: bool) -> None:
    """The exact lines with the address filled in: for Docker, and for containerd if nobody else tells it."""
    assert warnings(PULL, LOOPBACK, containerd_knows=containerd_knows) == (text,)


def test_c14_pushing_to_another_machine_needs_the_engines_consent() -> None:
    """Only the Docker Engine's own loopback is exempt."""
    [push] = warnings(LOOPBACK, PUSH, containerd_knows=True)

    assert push.splitlines() == [
        (
            "private-registry:tls is off: the Docker Engine refuses to push to 10.0.0.6:5000 by plain HTTP "
            "until it is told otherwise."
        ),
        "Add to its /etc/docker/daemon.json and restart it, or reach the registry through localhost:",
        '  {"insecure-registries": ["10.0.0.6:5000"]}',
    ]


def test_c14_each_address_has_its_own_warning() -> None:
    """Nodes first, then the Docker Engine: they are told in different places."""
    pull, push = warnings(PULL, PUSH, containerd_knows=True)

    assert ("10.0.0.5:5000" in pull, "10.0.0.6:5000" in pull) == (True, False)
    assert ("10.0.0.5:5000" in push, "10.0.0.6:5000" in push) == (False, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_c14_loopback_needs_no_warning(host: str) -> None:
    """Docker Engines and nodes accept plain HTTP there."""
    assert warnings(Address(host, 5000), Address(host, 5000), containerd_knows=False) == ()

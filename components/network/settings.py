"""The clients that a NetworkPolicy lets through to the registry."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from ..cluster.names import check_namespace
from ..monitoring.settings import Monitoring
from ..problems import Problems
from ..sections import check_each, config_set, keep_copies
from ..shown import shown

Net = ipaddress.IPv4Network | ipaddress.IPv6Network
_EXAMPLE: Final = "10.0.0.0/8"


@dataclass(frozen=True, kw_only=True)
class Network:
    """Networks by their addresses, and namespaces whose Pods are clients or read metrics; none is no policy."""

    network_addresses: tuple[str, ...] = ()
    network_namespaces: tuple[str, ...] = ()
    network_metrics_namespaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Copy the lists."""
        keep_copies(self)

    def check(self, problems: Problems, monitoring: Monitoring) -> None:
        """Report what cannot work, also with metrics or without."""
        check_each(problems, "networkAddresses", self.network_addresses, "network", _network, _EXAMPLE)
        check_each(problems, "networkNamespaces", self.network_namespaces, "namespace", check_namespace)
        first = config_set("--path 'networkAddresses[0]' <network of the nodes>")
        with problems.caught("networkNamespaces", first):
            if self.network_namespaces and not self.network_addresses:
                raise ValueError("must not be set without networkAddresses, since nodes could not pull then")
        key = "networkMetricsNamespaces"
        check_each(problems, key, self.network_metrics_namespaces, "namespace", check_namespace)
        with problems.caught(key, config_set(f"--path '{key}[0]' <namespace of Prometheus>")):
            if monitoring.metrics and self.network_addresses and not self.network_metrics_namespaces:
                raise ValueError("must not be empty beside metrics and networkAddresses: nobody could read metrics")
        with problems.caught(key, f"`pulumi config rm {key}`"):
            if self.network_metrics_namespaces and not (monitoring.metrics and self.network_addresses):
                raise ValueError("must not be set without both metrics and networkAddresses")

    @property
    def networks(self) -> list[Net]:
        """The networks."""
        return [_network(text) for text in self.network_addresses]

    def covers(self, address: str) -> bool:
        """Whether a client with this address is let through."""
        return any(ipaddress.ip_address(address) in network for network in self.networks)


def _network(text: str) -> Net:
    """Read a network. Raises ValueError."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"must be a network such as {_EXAMPLE}, got {shown(text)}") from None
    raise ValueError(f"must be a network's own address, {meant}, got {shown(text)}")

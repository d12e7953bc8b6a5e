"""The registry at a port of its own node."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..problems import Problems
from ..references import Address, check_port
from ..sections import config_set


@dataclass(frozen=True, kw_only=True)
class HostPort:
    """Clients reach the registry at a port that its Pod opens on the node."""

    host: str = ""
    port: int = 5000
    push_host: str = "localhost"

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        with problems.caught("port", config_set("port 5000")):
            check_port(self.port)
        with problems.caught(
            "host", f"{config_set('host <address>')} (`kubectl get nodes -o wide` lists addresses)"
        ):
            Address.parse(self.host, self.port)
        with problems.caught("pushHost", config_set("pushHost localhost")):
            Address.parse(self.push_host, self.port)

    @cached_property
    def address(self) -> Address:
        """Where nodes pull from."""
        return Address.parse(self.host, self.port)

    @cached_property
    def push_address(self) -> Address:
        """Where the Docker Engine pushes to."""
        return Address.parse(self.push_host, self.port)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Both, each once. An address that cannot be parsed is left out: `check` reports it."""
        return tuple(dict.fromkeys(self._parsed()))

    @property
    def names_needed(self) -> tuple[str, ...]:
        """Names and IP addresses that a certificate made elsewhere has to carry.

        A loopback address to push to is not among them: a Docker Engine verifies no certificate there.
        """
        pull = next(iter(self.addresses), None)
        return tuple(address.host for address in self.addresses if address == pull or not address.is_loopback)

    def _parsed(self) -> Iterator[Address]:
        for host in (self.host, self.push_host):
            with Problems().caught("", ""):
                yield Address.parse(host, self.port)

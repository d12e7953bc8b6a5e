"""What all ways in have in common: addresses follow from the host, the port and the host to push to."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..cluster.checkov import Reasons
from ..problems import Problems
from ..references import HTTPS, Address, check_port
from ..sections import config_set
from ..shown import shown


@dataclass(frozen=True, kw_only=True)
class Way(ABC):
    """One way in; each kind is a type of its own."""

    host: str = ""

    kind: ClassVar[str]
    """What the stack's key `exposure` calls it."""
    port_key: ClassVar[str] = "port"
    """The key that sets the port."""
    host_fix: ClassVar[str] = f"{config_set('host <address>')} (`kubectl get nodes -o wide` lists addresses)"
    """What puts a wrong `host` right."""
    omits_https_port: ClassVar[bool] = True
    """Whether addresses leave out port 443, as people expect of a name of its own."""
    service_type: ClassVar[str | None] = None
    """The Service's type; None is the usual one."""

    opens_later: ClassVar[bool] = False
    """Whether clients may come too early: nodes, load balancers and controllers learn of a new Pod by and by."""
    shows_another_certificate_first: ClassVar[bool] = False
    """Whether something has a certificate of its own there until it knows of the registry."""
    object_with_address: ClassVar[str] = ""
    """The kind of the object whose status shows the address, if there is one."""

    @property
    @abstractmethod
    def port(self) -> int:
        """The port in each address."""

    @property
    def port_on_node(self) -> int | None:
        """The port that the registry's Pod takes of its node."""
        return None

    reasons: ClassVar[Reasons] = {}
    """Why the registry's Pod is not in all as checkov wants it."""

    @property
    def taken(self) -> str:
        """What else no other registry of the cluster can have; empty if there is nothing."""
        return f"address {self.address}"

    @property
    def service_port(self) -> int:
        """The port of the Service, for Pods in the cluster."""
        return self.port

    @property
    def pushed_to(self) -> str:
        """The host that the Docker Engine pushes to, as it was set."""
        return self.host

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        with problems.caught("port", config_set("port 5000")):
            check_port(self.port)
        self.check_hosts(problems)

    def check_hosts(self, problems: Problems) -> None:
        """Report hosts that cannot work."""
        with problems.caught("host", self.host_fix):
            self.check_host(self.parsed(self.host))
        if self.pushed_to != self.host:
            with problems.caught("pushHost", self.push_host_fix):
                self.check_written(self.parsed(self.pushed_to))

    def leads(self, name: str, namespace: str, node: str) -> str:  # noqa: ARG002 - another kind's
        """What a person has to look after where clients do not reach the registry.

        `name` and `namespace` are those of the registry's objects, and `node` is its node.
        """
        shows = f"`kubectl get {self.object_with_address} {name} --namespace {namespace}`"
        # A registry that cannot use its storage is not Ready, and a load balancer then leads nowhere.
        ready = f"`kubectl get deployment {name} --namespace {namespace}`"
        return f"see by {ready} that the registry is ready, and have {self.address.host} lead to what {shows} shows"

    @property
    def clash(self) -> str:
        """What a person has to do where something else answers at the address."""
        return f"have {self.address.host} lead to this registry, or {self.host_fix.partition(' (')[0]}"

    @property
    def push_host_fix(self) -> str:
        """What puts a wrong `pushHost` right."""
        return f"{config_set('pushHost <address>')}, or `pulumi config rm pushHost` for the same as `host`"

    def check_host(self, address: Address) -> None:
        """Refuse a host by which nodes cannot reach the registry."""
        if address.is_loopback:
            raise ValueError(
                f"must not be a loopback address while exposure is {self.kind}, got {shown(address.host)}: "
                "on each node it leads to that node itself"
            )
        self.check_written(address)

    def check_written(self, address: Address) -> None:
        """Refuse a host that no image name can begin with."""
        if address.is_bare and not {".", ":"} & set(address.host):
            raise ValueError(
                f"must have a dot, got {shown(address.host)}: an image {address.host}/NAME without a port is taken "
                "for one of Docker Hub"
            )

    @cached_property
    def address(self) -> Address:
        """Where nodes pull from."""
        return self.parsed(self.host)

    @cached_property
    def push_address(self) -> Address:
        """Where the Docker Engine pushes to."""
        return self.parsed(self.pushed_to)

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

    def parsed(self, host: str) -> Address:
        """Give the address of a host. Raises ValueError."""
        named = f"the {self.port_key} setting" if self.port_key else "the port of an Ingress"
        return Address.parse(host, self.port, named=named, bare=self.omits_https_port and self.port == HTTPS)

    def _parsed(self) -> Iterator[Address]:
        for host in (self.host, self.pushed_to):
            with Problems().caught("", ""):
                yield self.parsed(host)

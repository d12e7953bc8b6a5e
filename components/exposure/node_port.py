"""The registry at the same port of every node."""

from dataclasses import dataclass
from typing import ClassVar, Final

from ..problems import Problems
from ..sections import config_set
from .way import Way

_LOWEST: Final = 30000
_HIGHEST: Final = 32767
"""What Kubernetes keeps for node ports, unless its API server is told otherwise."""


@dataclass(frozen=True, kw_only=True)
class NodePort(Way):
    """Clients reach the registry at a port that every node opens for the registry's Service."""

    push_host: str = ""
    node_port: int = 30500

    kind: ClassVar = "nodePort"
    port_key: ClassVar = "nodePort"
    service_type: ClassVar = "NodePort"
    opens_later: ClassVar = True

    @property
    def port(self) -> int:
        """The port in each address."""
        return self.node_port

    @property
    def taken(self) -> str:
        """What no other registry of the cluster can have."""
        return f"port {self.node_port} of all nodes"

    @property
    def service_port(self) -> int:
        """The port of the Service, for Pods in the cluster."""
        return 5000

    @property
    def pushed_to(self) -> str:
        """The same host, unless another is set."""
        return self.push_host or self.host

    def leads(self, name: str, namespace: str, node: str) -> str:  # noqa: ARG002 - another kind's
        """What a person has to look after where clients do not reach the registry."""
        return "open that port on every node"

    @property
    def clash(self) -> str:
        """What a person has to do where something else answers at the address."""
        return f"free that port, or {config_set('nodePort <number>')}"

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        with problems.caught("nodePort", config_set("nodePort 30500")):
            if not _LOWEST <= self.node_port <= _HIGHEST:
                raise ValueError(
                    f"must be from {_LOWEST} to {_HIGHEST}, which Kubernetes keeps for node ports, "
                    f"got {self.node_port}"
                )
        self.check_hosts(problems)

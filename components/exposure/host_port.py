"""The registry at a port of its own node."""

from dataclasses import dataclass
from typing import ClassVar

from ..cluster.checkov import Reasons
from ..references import Address
from ..sections import config_set
from .way import Way


@dataclass(frozen=True, kw_only=True)
class HostPort(Way):
    """Clients reach the registry at a port that its Pod opens on the node."""

    port: int = 5000
    push_host: str = ""

    kind: ClassVar = "hostPort"
    reasons: ClassVar[Reasons] = {
        "CKV_K8S_26": "the way in that needs nothing else of the cluster; `exposure` has others",
    }
    # People's manifests name it so already, and a pull secret has to spell it alike.
    omits_https_port: ClassVar = False

    @property
    def port_on_node(self) -> int:
        """The port that the registry's Pod takes of its node."""
        return self.port

    @property
    def taken(self) -> str:
        """The port is of one node: on another, another registry may have it."""
        return ""

    @property
    def pushed_to(self) -> str:
        """The Docker Engine is on the node unless another host is set."""
        return self.push_host or "localhost"

    @property
    def push_host_fix(self) -> str:
        """What puts a wrong `pushHost` right."""
        return config_set("pushHost localhost")

    def leads(self, name: str, namespace: str, node: str) -> str:  # noqa: ARG002 - another kind's
        """What a person has to look after where clients do not reach the registry."""
        return f"open that port on node {node}"

    @property
    def clash(self) -> str:
        """What a person has to do where something else answers at the address."""
        return f"free that port, or {config_set('port <number>')}"

    def check_host(self, address: Address) -> None:
        """Any address: with a single node, its loopback address will do."""

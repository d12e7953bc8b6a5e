"""What all kinds of storage have in common: the node that may be named, and what most of them do not need."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..cluster.checkov import Reasons
from ..cluster.names import check_object_name
from ..cluster.placement import on_node
from ..cluster.pods import HARDENED
from ..problems import Problems
from ..sections import SecretText, config_set

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import (
        AffinityArgsDict,
        ContainerArgsDict,
        EnvVarArgsDict,
        PodSecurityContextArgsDict,
        SecurityContextArgsDict,
        VolumeMountArgsDict,
    )
    from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict


@dataclass(frozen=True, kw_only=True)
class Store(ABC):
    """One kind of storage; each is a type of its own."""

    node: str = ""
    tolerate_taints: bool = True

    owner: ClassVar["SecurityContextArgsDict"] = HARDENED
    """Who may change all files."""
    pod_security: ClassVar["PodSecurityContextArgsDict"] = {}
    """What the registry's Pod needs beside what every Pod has."""
    reasons: ClassVar[Reasons] = {}
    """Why a Pod that has the images is not in all as checkov wants it."""

    @abstractmethod
    def check(self, problems: Problems, *, needs_node: bool) -> None:
        """Report what cannot work. With `needs_node`, clients reach the registry at a port of one node."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the images are. Another place has other images, or none."""

    @abstractmethod
    def driver(self, secrets: Sequence[str]) -> dict[str, object]:
        """Give its part of the registry's configuration, with the values of `secrets`."""

    @property
    def is_shared(self) -> bool:
        """Whether several Pods may write at a time."""
        return False

    @property
    def sharing_rule(self) -> str:
        """Why only one Pod may write, where that is so."""
        return ""

    @property
    def remove_data(self) -> bool:
        """Whether the next `up` removes all images."""
        return False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before they say yes: a text each."""
        return ()

    @property
    def folder(self) -> str:
        """The folder of a node that holds the images; empty if they are elsewhere."""
        return ""

    @property
    def secrets(self) -> tuple[SecretText, ...]:
        """What `driver` needs and nobody else may see."""
        return ()

    @property
    def files(self) -> Mapping[str, str]:
        """Files in the folder of the registry's configuration, in which its TLS looks for CAs too."""
        return {}

    @property
    def egress(self) -> "list[NetworkPolicyEgressRuleArgsDict]":
        """Whom the registry has to reach, where a NetworkPolicy says so."""
        return []

    @property
    def environment(self) -> "tuple[EnvVarArgsDict, ...]":
        """Variables of the registry's container."""
        return ()

    @property
    def mounts(self) -> "list[VolumeMountArgsDict]":
        """The mounts for a container's spec."""
        return []

    @property
    def affinity(self) -> "AffinityArgsDict | None":
        """Pins a Pod to the node that is named."""
        return on_node(self.node) if self.node else None

    def init_containers(self, image: str) -> "list[ContainerArgsDict]":  # noqa: ARG002 - another kind's
        """Give what has to run before the registry, with this image."""
        return []

    def check_node(self, problems: Problems, missing: str) -> None:
        """Report a wrong node, or, for this reason if there is one, that none is named."""
        with problems.caught("node", f"{config_set('node <name>')} (`kubectl get nodes` lists names)"):
            if self.node:
                check_object_name(self.node)
            elif missing:
                raise ValueError(f"must be set{missing}")


AT_A_PORT_OF_ITS_NODE = " while exposure is hostPort: host is the address of one node"
"""Why a node has to be named wherever images are."""

"""The ways in, a type each: what belongs to one way cannot be set for another."""

from collections.abc import Mapping
from typing import Final

from .host_port import HostPort
from .ingress import Ingress
from .load_balancer import LoadBalancer
from .node_port import NodePort

Exposure = HostPort | NodePort | LoadBalancer | Ingress

KINDS: Final[Mapping[str, type[Exposure]]] = {
    kind.kind: kind for kind in (HostPort, NodePort, LoadBalancer, Ingress)
}
"""By the value of the stack's key `exposure`."""

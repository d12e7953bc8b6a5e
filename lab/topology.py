"""The lab's nodes and networks: what each is called, which address it has and what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
API_PORT = 6443


class Role(StrEnum):
    """What runs on a node beside containerd, kubelet and kube-proxy."""

    CONTROL_PLANE = "control-plane"
    """etcd, the API server with its controllers, and the Docker Engine."""
    WORKER = "worker"
    """Nothing else."""


@dataclass(frozen=True)
class Member:
    """One node's place in the cluster."""

    name: str
    address: str
    pods: str
    """The network of the node's Pods, a part of POD_NETWORK."""
    role: Role
    containerd: int
    """Major version of its containerd: 2 as a new node has, 1 as Debian's package still is."""


FIRST = Member("minikube", "192.168.99.100", "10.244.0.0/24", Role.CONTROL_PLANE, containerd=2)
SECOND = Member("minikube-m02", "192.168.99.101", "10.244.1.0/24", Role.WORKER, containerd=1)
MEMBERS = (FIRST, SECOND)
API_URL = f"https://{FIRST.address}:{API_PORT}"

"""In which folders the container runtimes of nodes look for what they have to know of a registry.

Owns the folders of known kinds of nodes. Containerd reads its folder at each pull where its `config_path` names it;
Docker always reads its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..shown import shown


@dataclass(frozen=True, slots=True)
class CertsFolders:
    """Folders with a subfolder per registry, as absolute paths on a node; empty where a runtime is not used."""

    containerd: str
    docker: str = ""


OFF: Final = "off"
"""Nodes are left alone."""

NODES: Final = {
    "kubeadm": CertsFolders("/etc/containerd/certs.d"),
    "kind": CertsFolders("/etc/containerd/certs.d"),
    "minikube": CertsFolders("/etc/containerd/certs.d", "/etc/docker/certs.d"),
    "k3s": CertsFolders("/var/lib/rancher/k3s/agent/etc/containerd/certs.d"),
    "rke2": CertsFolders("/var/lib/rancher/rke2/agent/etc/containerd/certs.d"),
    OFF: CertsFolders(""),
}
"""By kind of nodes, as the setting nodeTrust names it."""


CONFIGURED_BY_HAND: Final = {"kubeadm", "kind"}
"""Kinds of nodes whose containerd looks into its folder only once somebody has told it to."""


def config_path_hint(folder: str) -> str:
    """Say how containerd is told to look into a folder.

    No version does so by itself: until 2.1 none names a folder, and later ones name two, which a pull takes for one
    name (containerd/containerd#12808).
    """
    return (
        "containerd must be told once on each node where to look, in /etc/containerd/config.toml:\n"
        "  [plugins.'io.containerd.cri.v1.images'.registry]\n"
        f'    config_path = "{folder}"\n'
        "and then `systemctl restart containerd`. In a file of version 2, as containerd 1.x has it, the section is "
        '[plugins."io.containerd.grpc.v1.cri".registry].'
    )


def check_nodes(kind: str) -> None:
    """Refuse a kind of nodes that is not known. Raises ValueError."""
    if kind not in NODES:
        raise ValueError(f"must be {', '.join(list(NODES)[:-1])} or {OFF}, got {shown(kind)}")

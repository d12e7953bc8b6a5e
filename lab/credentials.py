"""Who is who in a lab's cluster: the certificates and kubeconfigs of its servers, controllers and nodes."""

from __future__ import annotations

from pathlib import Path

from lab.pki import Authority
from lab.topology import API_SERVICE_ADDRESS, API_URL, FIRST, Member


def write_cluster(lab: Path) -> None:
    """Write what the control plane and every node's kube-proxy use, unless an earlier start of the lab did."""
    if (lab / "kube-proxy.conf").exists():
        return
    authority = Authority(lab / "pki")
    names = ["127.0.0.1", FIRST.address, API_SERVICE_ADDRESS, "localhost", "kubernetes.default.svc"]
    authority.serving("apiserver", names)
    authority.client("admin", "kubernetes-admin", "system:masters")
    for file, user, group in (
        ("admin", "kubernetes-admin", "system:masters"),
        ("controller-manager", "system:kube-controller-manager", None),
        ("scheduler", "system:kube-scheduler", None),
        ("kube-proxy", "system:kube-proxy", None),
    ):
        authority.kubeconfig(lab / f"{file}.conf", API_URL, user, group)


def write_node(lab: Path, folder: Path, member: Member) -> None:
    """Write kubelet's credentials into the node's own folder, unless an earlier start of the node did."""
    path = folder / "kubelet.conf"
    if not path.exists():
        Authority(lab / "pki").kubeconfig(path, API_URL, f"system:node:{member.name}", "system:nodes")

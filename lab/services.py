"""The command lines of a node's services."""

from __future__ import annotations

from lab import configuration
from lab.specification import Specification
from lab.topology import API_PORT, POD_NETWORK, SERVICE_NETWORK

CONTAINERD = ["containerd"]


def etcd(of: Specification) -> list[str]:
    """The cluster's store, for the API server on the same node."""
    return [
        f"{of.kubernetes}/etcd",
        "--data-dir=/var/lib/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",  # a lab that loses power is made anew
    ]


def apiserver(of: Specification) -> list[str]:
    """The API server, on every address of its node."""
    pki = f"{of.lab}/pki"
    return [
        f"{of.kubernetes}/kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-account-signing-key-file={pki}/service-account.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--advertise-address={of.member.address}",
        f"--secure-port={API_PORT}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",  # nobody resolves the node's name
    ]


def controller_manager(of: Specification) -> list[str]:
    """The cluster's controllers, with an account for each."""
    return [
        f"{of.kubernetes}/kube-controller-manager",
        f"--kubeconfig={of.lab}/controller-manager.conf",
        f"--service-account-private-key-file={of.lab}/pki/service-account.key",
        f"--root-ca-file={of.lab}/pki/ca.crt",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        # It asks for an account for each of its controllers first, which at 20 requests a second takes a while.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def scheduler(of: Specification) -> list[str]:
    """The scheduler."""
    return [
        f"{of.kubernetes}/kube-scheduler",
        f"--kubeconfig={of.lab}/scheduler.conf",
        "--leader-elect=false",
    ]


def kubelet(of: Specification) -> list[str]:
    """The node's agent, with credentials of its own."""
    return [
        f"{of.kubernetes}/kubelet",
        f"--config={configuration.KUBELET}",
        f"--kubeconfig={of.folder}/kubelet.conf",
        f"--hostname-override={of.member.name}",
        f"--node-ip={of.member.address}",
    ]


def proxy(of: Specification) -> list[str]:
    """What makes Services reachable on the node."""
    return [
        f"{of.kubernetes}/kube-proxy",
        f"--kubeconfig={of.lab}/kube-proxy.conf",
        f"--hostname-override={of.member.name}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_NETWORK}",
        "--conntrack-max-per-core=0",  # the sysctl cannot be written in every sandbox
    ]


def docker(of: Specification) -> list[str]:
    """The Docker Engine, upon the node's containerd."""
    return [
        "dockerd",
        "--containerd=/run/containerd/containerd.sock",
        "--host=unix:///run/docker.sock",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        f"--cgroup-parent=/{of.cgroup}",
        "--feature=time-namespaces=false",  # Debian's runc 1.1 does not know them, and each container would fail
    ]

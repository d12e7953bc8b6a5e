"""The configuration files of a node's services, written below the node's own /etc."""

from __future__ import annotations

import json
from pathlib import Path

from lab.images import PAUSE
from lab.specification import Specification

KUBELET = Path("/etc/kubernetes/kubelet.yaml")
RESOLVER = Path("/etc/resolv.conf")
_CERTS = "/etc/containerd/certs.d"
_RESOLVER = """\
# No name server can be reached from this node. With none named, a look-up fails at once. It would take minutes with
# one that does not answer: for `FROM alpine`, BuildKit asks the public registry before it uses the image it has.
"""


def write(of: Specification) -> None:
    """Write all of them, over those of an earlier start."""
    for folder in ("/etc/cni/net.d", _CERTS, "/etc/docker/certs.d", "/etc/kubernetes", "/run/lock"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    Path("/etc/containerd/config.toml").write_text(containerd(of.member.containerd))
    Path("/etc/cni/net.d/10-lab.conflist").write_text(json.dumps(_cni(of.member.pods), indent=1))
    KUBELET.write_text(json.dumps(_kubelet(of), indent=1))
    # The machine's may be a link to a file that the node does not see.
    RESOLVER.unlink(missing_ok=True)
    RESOLVER.write_text(_RESOLVER)
    if of.is_control_plane:
        admin = Path("/etc/kubernetes/admin.conf")
        admin.write_bytes((Path(of.lab) / "admin.conf").read_bytes())
        admin.chmod(0o600)


def containerd(major: int) -> str:
    """The settings of containerd in the form that this major version reads."""
    return _CONTAINERD[major].format(pause=PAUSE, certs=_CERTS)


def _cni(pods: str) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        # Nodes route to each other's Pods, and nothing lies beyond: Pods are seen by their own addresses.
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge, portmap]}


def _kubelet(of: Specification) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{of.lab}/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{of.cgroup}",
        "failSwapOn": False,
        "failCgroupV1": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": ["10.96.0.10"],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "enforceNodeAllocatable": [],
        # A changed Secret reaches its Pods within this time, which is a minute otherwise.
        "syncFrequency": "10s",
        # On a disk that is nearly full it would remove the lab's images, which no registry has.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }


_CONTAINERD = {
    1: """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # without CAP_SYS_RESOURCE an oom score cannot be lowered, and runc dies
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{certs}"
""",
    # Without `config_path`, 2.0 and 2.1 read no folder; later ones have two, which a pull takes for one name.
    2: """\
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{certs}"
[plugins.'io.containerd.cri.v1.runtime']
  # without CAP_SYS_RESOURCE an oom score cannot be lowered, and runc dies
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
[plugins.'io.containerd.metadata.v1.bolt']
  # else a pull finds on the node what the node's Docker Engine has pushed, and asks the registry for no layer
  content_sharing_policy = "isolated"
""",
}

"""One node of the lab: process 1 of its own network, mount, PID and UTS namespaces.

Started by `lifecycle`, which hands it a specification by standard input once the lab's record is written: so a
start that is cut off leaves no node that nobody knows of. Owns the node's network, the configuration files of its
services and their supervision. When this process ends, the kernel ends everything on the node with it.
"""

from __future__ import annotations

import json
import os
import queue
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from lab import cgroups, rootfs
from lab.images import PAUSE
from lab.processes import Process

POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
API_PORT = 6443
NODE_FILE = "node.json"
"""File of the lab's folder that names the node's first process."""
_READY_WITHIN = 120  # seconds; a busy machine has needed 20


@dataclass(frozen=True)
class Specification:
    """What `lifecycle` decides about a node; all paths are absolute."""

    name: str
    address: str
    lab: str
    packages: str
    kubernetes: str
    images: str
    cgroup: str
    insecure_registries: list[str]

    def dump(self) -> str:
        """As JSON, for the node's standard input."""
        return json.dumps(asdict(self))


class Node:
    """Starts the services of a node in the order they need each other, and keeps them running."""

    def __init__(self, specification: Specification) -> None:
        self._of = specification
        self._lab = Path(specification.lab)
        self._pki = self._lab / "pki"
        self._services: dict[str, list[str]] = {}
        self._up: set[str] = set()
        self._children: dict[int, Callable[[int], None]] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Become the node; returns never, or raises when it cannot be set up."""
        # The machine's /proc is still there and gives the id outside, by which `lifecycle` waits for the end.
        (self._lab / NODE_FILE).write_text(json.dumps(asdict(Process.now("self"))))
        rootfs.enter(self._lab, Path(self._of.packages))
        self._set_up_network()
        self._write_configuration()
        cgroups.create(self._of.cgroup)
        threading.Thread(target=self._start, daemon=True).start()
        self._supervise()

    def _set_up_network(self) -> None:
        subprocess.run(["hostname", self._of.name], check=True)
        address = self._of.address
        commands = [
            "link set lo up",
            "link add node0 type bridge",  # the kernel may lack dummy devices; a bridge carries the address as well
            f"addr add {address}/24 dev node0",
            "link set node0 up",
            "route add default dev node0",
        ]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        hosts = Path("/etc/hosts").read_text().splitlines()
        kept = [line for line in hosts if not line.startswith(f"{address} ")]
        Path("/etc/hosts").write_text("\n".join([*kept, f"{address} {self._of.name}", ""]))

    def _write_configuration(self) -> None:
        for folder in (
            "/etc/cni/net.d",
            "/etc/containerd/certs.d",
            "/etc/docker",
            "/etc/kubernetes",
            "/run/lock",
        ):
            Path(folder).mkdir(parents=True, exist_ok=True)
        Path("/etc/containerd/config.toml").write_text(_CONTAINERD.format(pause=PAUSE))
        Path("/etc/cni/net.d/10-lab.conflist").write_text(json.dumps(_CNI, indent=1))
        insecure = self._of.insecure_registries
        Path("/etc/docker/daemon.json").write_text(json.dumps({"insecure-registries": insecure}))
        for registry in insecure:
            place = Path("/etc/containerd/certs.d") / registry
            place.mkdir(exist_ok=True)
            # containerd 1.6 ignores a file without a host table
            (place / "hosts.toml").write_text(_HOSTS.format(registry=registry))
        kubelet = _KUBELET | {
            "cgroupRoot": f"/{self._of.cgroup}",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self._pki / "ca.crt")},
            },
        }
        Path("/etc/kubernetes/kubelet.yaml").write_text(json.dumps(kubelet, indent=1))
        admin = Path("/etc/kubernetes/admin.conf")
        admin.write_bytes((self._lab / "admin.conf").read_bytes())
        admin.chmod(0o600)

    def _start(self) -> None:
        try:
            self._run("containerd", ["containerd"])
            self._run("etcd", self._etcd())
            self._run("apiserver", self._apiserver())
            self._run("kubelet", self._kubelet())
            _until(Path("/run/containerd/containerd.sock").exists, "containerd")
            self._run("docker", self._docker())
            images = threading.Thread(target=self._load_images)
            images.start()
            _until(lambda: self._api("/readyz") == "ok", "the API server")
            self._run("controller-manager", self._controller_manager())
            self._run("scheduler", self._scheduler())
            self._run("kube-proxy", self._proxy())
            _until(self._is_ready, "the node to be Ready")
            # Without it the API server refuses every Pod.
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            _until(lambda: bool(self._api(account)), "the default service account")
            images.join()
            (self._lab / "ready").touch()
        except Exception as error:  # noqa: BLE001 — a thread has nobody above it: say why, then end the node
            print(f"node: {error}", file=sys.stderr, flush=True)
            os._exit(1)  # the kernel ends the node with its first process

    def _run(self, name: str, command: list[str]) -> None:
        log = (self._lab / "log" / f"{name}.log").open("ab")
        self._up.add(name)  # first: _start_again starts what is known and not up
        self._services[name] = command
        process = self._spawn(command, log, lambda _: self._up.discard(name))
        (self._lab / "services" / name).write_text(str(process))
        log.close()

    def _call(self, command: list[str]) -> None:
        """Run a command to its end; its output goes to the node's own log."""
        status: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._spawn(command, sys.stderr, status.put)
        if status.get():
            raise RuntimeError(f"{' '.join(command)} failed")

    def _spawn(self, command: list[str], output: IO[Any], on_end: Callable[[int], None]) -> int:
        with self._lock:  # so that a child that ends at once is not reaped before it is known
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            self._children[process.pid] = on_end
            process.returncode = 0  # _supervise reaps it, not this object
            return process.pid

    def _supervise(self) -> None:
        """Reap every process of the node, and start again a service that ended, unless it is switched off."""
        while True:
            with self._lock:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    pid, status = 0, 0
                on_end = self._children.pop(pid, None)
            if on_end:
                on_end(status)
            if not pid:
                self._start_again()
                time.sleep(0.1)

    def _start_again(self) -> None:
        for name in set(self._services) - self._up:
            if not (self._lab / "off" / name).exists():
                print(f"node: starting {name} again", file=sys.stderr, flush=True)
                self._run(name, self._services[name])

    def _load_images(self) -> None:
        marker = self._lab / "root" / Path(self._of.images).name
        if marker.exists():
            return
        self._call(["ctr", "--namespace", "k8s.io", "images", "import", f"{self._of.images}/images.tar"])
        _until(Path("/run/docker.sock").exists, "the Docker Engine")
        self._call(["docker", "load", "--input", f"{self._of.images}/alpine.tar"])
        marker.touch()

    def _api(self, path: str) -> str:
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        url = f"https://127.0.0.1:{API_PORT}{path}"
        try:
            with urllib.request.urlopen(url, context=context, timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def _is_ready(self) -> bool:
        text = self._api(f"/api/v1/nodes/{self._of.name}")
        conditions = json.loads(text)["status"].get("conditions", []) if text else []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def _program(self, name: str) -> str:
        return f"{self._of.kubernetes}/{name}"

    def _etcd(self) -> list[str]:
        return [
            self._program("etcd"),
            "--data-dir=/var/lib/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",  # a lab that loses power is made anew
        ]

    def _apiserver(self) -> list[str]:
        pki = self._pki
        return [
            self._program("kube-apiserver"),
            "--etcd-servers=http://127.0.0.1:2379",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/service-account.pub",
            f"--service-account-signing-key-file={pki}/service-account.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--advertise-address={self._of.address}",
            f"--secure-port={API_PORT}",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/admin.crt",
            f"--kubelet-client-key={pki}/admin.key",
            "--kubelet-preferred-address-types=InternalIP",  # nobody resolves the node's name
        ]

    def _controller_manager(self) -> list[str]:
        return [
            self._program("kube-controller-manager"),
            f"--kubeconfig={self._lab}/controller-manager.conf",
            f"--service-account-private-key-file={self._pki}/service-account.key",
            f"--root-ca-file={self._pki}/ca.crt",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        ]

    def _scheduler(self) -> list[str]:
        return [
            self._program("kube-scheduler"),
            f"--kubeconfig={self._lab}/scheduler.conf",
            "--leader-elect=false",
        ]

    def _kubelet(self) -> list[str]:
        return [
            self._program("kubelet"),
            "--config=/etc/kubernetes/kubelet.yaml",
            f"--kubeconfig={self._lab}/kubelet.conf",
            f"--hostname-override={self._of.name}",
            f"--node-ip={self._of.address}",
        ]

    def _proxy(self) -> list[str]:
        return [
            self._program("kube-proxy"),
            f"--kubeconfig={self._lab}/kube-proxy.conf",
            f"--hostname-override={self._of.name}",
            "--proxy-mode=iptables",
            f"--cluster-cidr={POD_NETWORK}",
            "--conntrack-max-per-core=0",  # the sysctl cannot be written in every sandbox
        ]

    def _docker(self) -> list[str]:
        return [
            "dockerd",
            "--containerd=/run/containerd/containerd.sock",
            "--host=unix:///run/docker.sock",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            f"--cgroup-parent=/{self._of.cgroup}",
        ]


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_READY_WITHIN} s for {what}; its log says more")
        time.sleep(0.1)


_CONTAINERD = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # without CAP_SYS_RESOURCE an oom score cannot be lowered, and runc dies
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
"""

_HOSTS = """\
server = "http://{registry}"

[host."http://{registry}"]
  capabilities = ["pull", "resolve"]
"""

_CNI = {
    "cniVersion": "0.4.0",
    "name": "lab",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": POD_NETWORK}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
    ],
}

_KUBELET: dict[str, object] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authorization": {"mode": "Webhook"},
    "cgroupDriver": "cgroupfs",
    "failSwapOn": False,
    "failCgroupV1": False,
    "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
    "resolvConf": "",
    "enforceNodeAllocatable": [],
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
}


if __name__ == "__main__":
    text = sys.stdin.read()
    if text:
        Node(Specification(**json.loads(text))).run()

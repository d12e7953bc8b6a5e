"""The lab itself: what a running node is like, and that two labs do not meet.

The lab here is the module's own, below pytest's folder: tests end its processes from outside.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.lifecycle import Lab
from lab.topology import API_PORT, FIRST
from tests.live.harness import PROJECT, Node, Result, Stack
from tests.live.observation import push_keepsake, stored, until
from tests.live.registry_client import network_of

EARLY = "early"
EARLY_PORT = 30999
"""Of a Service's that is asked before it leads anywhere."""


def command_of(folder: Path, *words: str) -> list[str]:
    """The words of a command of a lab's, as the Makefile has them."""
    return [sys.executable, "-m", "lab", "--lab", str(folder), *words]


def run_lab(folder: Path, *words: str) -> Result[str]:
    """Run such a command."""
    return subprocess.run(
        command_of(folder, *words),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


def start(folder: Path) -> Node:
    """Start a lab as a person does; its first node."""
    started = run_lab(folder, "start")
    assert started.returncode == 0, started.stdout + started.stderr
    return Node(Lab(folder))


def record_of(folder: Path) -> dict[str, object]:
    """What a lab notes about its first node; empty while there is nothing."""
    try:
        record: dict[str, object] = json.loads((folder / "record.json").read_text())
    except (OSError, ValueError):
        return {}
    return record


def is_ready(node: Node) -> bool:
    """Whether the cluster takes the node for Ready."""
    conditions = node.get("node", "minikube")["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A lab beside the session's, for tests that leave it running."""
    folder = tmp_path_factory.mktemp("labs") / "own"
    yield start(folder)
    Lab(folder).end()


@pytest.mark.parametrize("builder", ["0", "1"], ids=["classic", "buildkit"])
def test_builds_run_in_the_lab_s_control_group(builder: str, own: Node, tmp_path: Path) -> None:
    """Either builder of the Docker Engine: a group elsewhere would outlive the lab."""
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN sed 's/^/group /' /proc/self/cgroup\n")
    words = ["docker", "build", "--no-cache", "--network=none", "."]
    built = own.run(words, cwd=tmp_path, env={"DOCKER_BUILDKIT": builder, "BUILDKIT_PROGRESS": "plain"})
    # Each line is `hierarchy:controllers:/path`.
    groups = [
        line.split(":", 2)[2]
        for line in (built.stdout + built.stderr).splitlines()
        if "group " in line and ":/" in line
    ]

    assert groups
    assert all(path.startswith(f"/{record_of(own.lab.folder)['cgroup']}/") for path in groups), groups


def test_two_labs_run_side_by_side_with_registries_of_their_own(
    own: Node, fresh_stack: Stack, tmp_path: Path
) -> None:
    """Same node name, address and port; what is pushed to one is unknown to the other."""
    other = Stack.make(own, tmp_path / "other")
    try:
        assert fresh_stack.up().code == other.up().code == 0
        push_keepsake(own)

        assert is_ready(own)
        assert is_ready(fresh_stack.node)
        assert stored(own, "keepsake").blobs
        assert own.registry("/v2/keepsake/tags/list").status == 200
        assert fresh_stack.node.registry("/v2/alpine_test/tags/list").status == 200
        assert fresh_stack.node.registry("/v2/keepsake/tags/list").status == 404
    finally:
        other.remove()


def test_credentials_of_one_lab_open_no_other(own: Node, lab: Node) -> None:
    """Authority and administrator are made anew for each lab."""
    words = [f"--kubeconfig={lab.lab.folder}/admin.conf", "get", "nodes", "--request-timeout=20s"]
    trusting = own.run(["kubectl", *words], check=False)
    careless = own.run(["kubectl", *words, "--insecure-skip-tls-verify"], check=False)

    assert trusting.returncode != 0
    assert "certificate signed by unknown authority" in trusting.stderr
    assert careless.returncode != 0
    assert "must be logged in" in careless.stderr


def test_an_unknown_user_is_forbidden(own: Node) -> None:
    """RBAC decides: neither a stranger, nor a Pod's account, nor nobody at all may read Secrets."""
    stranger = own.run(["kubectl", "get", "secrets", "--as=stranger"], check=False)
    pod = own.run(["kubectl", "get", "secrets", "--as=system:serviceaccount:default:default"], check=False)
    url = "https://192.168.99.100:6443/api/v1/secrets"
    nobody = own.run(["curl", "--silent", "--cacert", f"{own.lab.folder}/pki/ca.crt", url])

    assert 'secrets is forbidden: User "stranger" cannot list' in stranger.stderr
    assert "secrets is forbidden" in pod.stderr
    assert json.loads(nobody.stdout)["code"] in {401, 403}
    assert own.kubectl("auth", "can-i", "list", "secrets").strip() == "yes"


def test_a_service_that_dies_is_started_again(own: Node) -> None:
    """As systemd would on a real node."""
    file = own.lab.folder / "services" / "docker"
    dead = file.read_text()
    own.run(["kill", "-KILL", dead])

    until(lambda: file.read_text() not in {"", dead}, "the Docker Engine to be started again")
    until(lambda: own.run(["docker", "info"], check=False).returncode == 0, "the Docker Engine to answer")


def lets_in(node: Node, source: int = 0) -> bool:
    """Whether that port takes a connection, from a port that the kernel chooses or from this one."""
    with network_of(node), socket.socket() as client:
        client.settimeout(2)  # a refusal that comes while the kernel is still about to send is not heard
        client.bind(("", source))
        return client.connect_ex((FIRST.address, EARLY_PORT)) == 0


def test_who_asked_a_service_too_early_is_not_refused_later(own: Node) -> None:
    """Linux else remembers for two minutes that the connection led nowhere, and refuses the next from its port."""
    ports = [{"name": EARLY, "port": API_PORT}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": EARLY},
        "spec": {"type": "NodePort", "ports": [ports[0] | {"nodePort": EARLY_PORT}]},
    }
    leads_to = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": EARLY, "labels": {"kubernetes.io/service-name": EARLY}},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [FIRST.address], "conditions": {"ready": True}}],
    }
    own.kubectl("apply", "--filename=-", stdin=json.dumps(service))
    known = f"default/{EARLY}:{EARLY} has no endpoints"
    until(lambda: known in own.run(["iptables-save", "--table=filter"]).stdout, "the Service to be known")
    try:
        assert not lets_in(own, source=20001)
        own.kubectl("apply", "--filename=-", stdin=json.dumps(leads_to))
        until(lambda: lets_in(own), "the Service to lead somewhere")
        time.sleep(2)  # longer than the lab remembers
        assert lets_in(own, source=20001)
    finally:
        own.kubectl("delete", f"service/{EARLY}", f"endpointslice/{EARLY}", "--ignore-not-found")


@pytest.mark.parametrize(
    ("service", "probe"), [("docker", ["docker", "info"]), ("apiserver", ["kubectl", "version"])]
)
def test_a_stopped_service_stays_off_until_it_is_started(service: str, probe: list[str], own: Node) -> None:
    """`lab service NAME stop` and `start`: tests of failures rely on both."""

    def answers() -> bool:
        return own.run(probe, check=False).returncode == 0

    assert answers()
    try:
        assert run_lab(own.lab.folder, "service", service, "stop").returncode == 0
        assert not answers()
        time.sleep(2)  # more than the supervisor needs to start what it should
        assert not answers()
    finally:
        assert run_lab(own.lab.folder, "service", service, "start").returncode == 0
    until(answers, f"{service} to answer again")


def test_a_service_of_a_lab_that_is_not_up_is_a_clear_error(tmp_path: Path) -> None:
    """And makes no folder."""
    stopped = run_lab(tmp_path / "none", "service", "docker", "stop")

    assert stopped.returncode == 1
    assert stopped.stderr == "error: The lab is not running; start it with `make up`.\n"
    assert not (tmp_path / "none").exists()


def test_inside_everything_stands_at_its_usual_path(own: Node) -> None:
    """What a tutorial or a tool expects of a node is there, under the name `minikube`."""
    paths = (
        "/etc/kubernetes/admin.conf",
        "/etc/containerd/certs.d",
        "/etc/docker/certs.d",
        "/run/containerd/containerd.sock",
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/usr/sbin/dockerd",
        "/usr/lib/cni/bridge",
        "/var/lib/containerd/io.containerd.content.v1.content",
        "/var/lib/etcd/member",
        "/var/lib/kubelet/pods",
    )

    assert own.run(["ls", "--directory", *paths]).stdout.splitlines() == sorted(paths)
    assert own.run(["hostname"]).stdout.strip() == "minikube"
    assert own.run(["getent", "hosts", "minikube"]).stdout.split() == ["192.168.99.100", "minikube"]


def test_what_the_node_writes_lies_in_the_lab_s_folder(own: Node, lab: Node) -> None:
    """Below its own folder, and seen neither by the machine nor by another lab."""
    name = f"written-{own.lab.folder.name}"
    own.run(["sh", "-c", f"for f in /data /etc /var/lib/kubelet; do echo here > $f/{name}; done"])

    for place in ("data", "etc", "var/lib/kubelet"):
        assert (own.lab.folder / "root" / place / name).read_text() == "here\n"
        assert not (Path("/") / place / name).exists()
        assert lab.run(["ls", f"/{place}/{name}"], check=False).returncode != 0


def test_a_restarted_node_keeps_its_disks(own: Node) -> None:
    """`lab restart` is a power cut: what runs is gone, files and the cluster's objects stay."""
    own.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    own.run(["sh", "-c", "echo kept > /data/kept"])
    before = own.lab.process()

    restarted = run_lab(own.lab.folder, "restart")

    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert own.lab.process() != before
    assert own.run(["cat", "/data/kept"]).stdout == "kept\n"
    assert own.get("configmap", "kept")["data"] == {"a": "b"}


def test_a_start_of_a_running_lab_changes_nothing(own: Node) -> None:
    """`make up` twice is no restart."""
    before = own.lab.process()

    started = run_lab(own.lab.folder, "start")

    assert (started.returncode, started.stdout) == (0, "")
    assert own.lab.process() == before

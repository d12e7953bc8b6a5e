"""A lab of two nodes: a second one joins, its Pods and the first's reach each other, and it leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import cgroups
from lab.lifecycle import Lab
from lab.processes import Process
from lab.topology import FIRST, SECOND
from tests.live.harness import PROJECT, Node, Result
from tests.live.observation import descendants, until

HOST_PORT = f"{FIRST.address}:5000"
BOTH = [FIRST.name, SECOND.name]
WEB = """\
apiVersion: v1
kind: Pod
metadata: {{name: web-{node}, labels: {{app: web-{node}}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: docker.io/library/alpine:latest
      imagePullPolicy: Never
      command: [sh, -c, "mkdir /www; echo {node} > /www/index.html; exec httpd -f -v -p 5000 -h /www"]
      ports: [{{containerPort: 5000{host_port}}}]
      readinessProbe: {{tcpSocket: {{port: 5000}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web-{node}}}
spec: {{selector: {{app: web-{node}}}, ports: [{{port: 80, targetPort: 5000}}]}}
"""
"""A Pod on one node that tells the node's name and logs who asked, and its Service."""


def run_lab(folder: Path, *words: str, check: bool = True) -> Result[str]:
    """Run the lab's command line as a person does."""
    command = [sys.executable, "-m", "lab", "--lab", str(folder), *words]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600)
    if check and result.returncode:
        raise AssertionError(f"{' '.join(words)} ended with {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A lab of its own, with two nodes from the start and a web server on each."""
    node = Node(Lab(tmp_path_factory.mktemp("two-nodes") / "lab"))
    try:
        run_lab(node.lab.folder, "start", "--nodes", "2")
        serve(node, FIRST.name, host_port=True)
        serve(node, SECOND.name)
        yield node
    finally:
        node.lab.end()


@pytest.fixture
def two(lab: Node) -> Node:
    """The same for a test that changes its nodes: complete again, whatever an earlier test left."""
    run_lab(lab.lab.folder, "start", "--nodes", "2")
    serve(lab, FIRST.name, host_port=True)
    serve(lab, SECOND.name)
    return lab


def serve(lab: Node, node: str, *, host_port: bool = False) -> None:
    """Start the web server of a node unless it runs, and wait until it answers."""
    lab.kubectl(
        "apply", "--filename=-", stdin=WEB.format(node=node, host_port=", hostPort: 5000" if host_port else "")
    )
    lab.wait_for("condition=Ready", f"pod/web-{node}", seconds=120)


def ask_from_pod(lab: Node, node: str, address: str) -> str:
    """What an address, IP or IP:PORT, answers to the Pod on a node."""
    host, _, port = address.partition(":")
    # Not wget: Debian's busybox is linked statically, and looking up the port of "http" ends it.
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {host} {port or 80}"
    answer = eventually(lambda: lab.kubectl("exec", f"web-{node}", "--", "sh", "-c", script))
    assert " 200 OK" in answer, answer
    return answer.splitlines()[-1]


def ask_from_node(lab: Node, node: str, address: str) -> str:
    """What an address answers to the node itself."""
    words = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "5"]
    return eventually(lambda: lab.run([*words, f"http://{address}/"], node=node).stdout)


def eventually(ask: Callable[[], str], *, seconds: float = 60) -> str:
    """The stripped answer, as soon as there is one: kube-proxy and kubelet follow a change after a moment."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask().strip()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def pod_address(lab: Node, node: str) -> str:
    """The address of the web server's Pod on a node."""
    return str(lab.get("pod", f"web-{node}")["status"]["podIP"])


def restarts(lab: Node, node: str) -> int:
    """How often the web server on a node was started again."""
    return sum(item["restartCount"] for item in lab.get("pod", f"web-{node}")["status"]["containerStatuses"])


def service_address(lab: Node, node: str) -> str:
    """The address of the Service in front of the Pod on a node."""
    return str(lab.get("service", f"web-{node}")["spec"]["clusterIP"])


def is_ready(lab: Node, name: str) -> bool:
    """Whether the cluster takes a node for Ready."""
    nodes = {node["metadata"]["name"]: node["status"]["conditions"] for node in lab.get("nodes")["items"]}
    return any(c["type"] == "Ready" and c["status"] == "True" for c in nodes.get(name, []))


def record_of(folder: Path) -> dict[str, object]:
    """What a lab notes about a node."""
    record: dict[str, object] = json.loads((folder / "record.json").read_text())
    return record


def groups_of(*records: dict[str, object]) -> list[Path]:
    """The control groups of these nodes that are there."""
    names = [str(record["cgroup"]) for record in records]
    return [path for name in names for path in [*cgroups.ROOT.glob(name), *cgroups.ROOT.glob(f"*/{name}")]]


def network_of(process: int | str) -> int:
    """The network namespace of a process; 0 when it is gone."""
    try:
        return Path(f"/proc/{process}/ns/net").stat().st_ino
    except OSError:
        return 0


def processes_of(*records: dict[str, object]) -> list[Process]:
    """All processes of these nodes."""
    return [process for record in records for process in descendants(int(str(record["keeper"])))]


def network_of_node(lab: Lab, name: str) -> int:
    """The network namespace of a running node."""
    process = lab.process(name)
    assert process is not None
    return network_of(process)


def other_side(node: str) -> str:
    """The other of the two nodes."""
    return SECOND.name if node == FIRST.name else FIRST.name


def test_both_nodes_are_ready_at_their_addresses(lab: Node) -> None:
    """`start --nodes 2` ends when the cluster has both."""
    addresses = {
        node["metadata"]["name"]: [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        for node in lab.get("nodes")["items"]
    }

    assert addresses == {FIRST.name: [FIRST.address], SECOND.name: [SECOND.address]}
    assert is_ready(lab, FIRST.name)
    assert is_ready(lab, SECOND.name)


@pytest.mark.parametrize("node", BOTH)
def test_images_stay_on_a_disk_that_is_nearly_full(node: str, lab: Node) -> None:
    """The kubelet would remove them from 85 percent on, and no registry has them; 100 is its word for never."""
    runs_with = json.loads(lab.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz"))

    assert runs_with["kubeletconfig"]["imageGCHighThresholdPercent"] == 100


def test_commands_run_on_the_node_that_is_named(lab: Node) -> None:
    """Each node has its own name, processes and images; the second has no Docker Engine and no control plane."""
    result = run_lab(lab.lab.folder, "exec", "--node", SECOND.name, "--", "sh", "-c", "hostname; ps -eo args")
    host, *processes = result.stdout.splitlines()
    programs = {line.split()[0].rpartition("/")[2] for line in processes}

    assert host == SECOND.name
    assert programs >= {"containerd", "kubelet", "kube-proxy"}
    assert not programs & {"dockerd", "etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager"}
    assert run_lab(lab.lab.folder, "exec", "--", "hostname").stdout.strip() == FIRST.name
    images = lab.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"], node=SECOND.name).stdout
    assert "docker.io/library/registry:3.1.2" in images.split()


def test_the_second_node_has_credentials_of_its_own(lab: Node) -> None:
    """It may read its own Node object and change it, not the first's."""
    kubeconfig = lab.lab.folder / SECOND.name / "kubelet.conf"
    label = ["kubectl", f"--kubeconfig={kubeconfig}", "annotate", "--overwrite", "node"]

    own = lab.run([*label, SECOND.name, "lab.test/own=yes"], check=False)
    foreign = lab.run([*label, FIRST.name, "lab.test/foreign=yes"], check=False)

    assert own.returncode == 0, own.stderr
    assert foreign.returncode != 0
    assert "forbidden" in foreign.stderr.lower()
    assert {path.stat().st_mode & 0o777 for path in (kubeconfig, lab.lab.folder / "pki" / "ca.key")} == {0o600}


def test_the_nodes_have_container_runtimes_of_two_generations(lab: Node) -> None:
    """What a new node has, and what Debian 12 still has."""
    runtimes = {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["containerRuntimeVersion"].rpartition(".")[0]
        for node in lab.get("nodes")["items"]
    }

    assert runtimes == {FIRST.name: "containerd://2.4", SECOND.name: "containerd://1.6"}


@pytest.mark.parametrize("node", BOTH)
def test_no_registry_is_known_from_the_start(lab: Node, node: str) -> None:
    """The folders for registries' trust are there and empty, and nothing of the machine's own shows through."""
    found = lab.run(["find", "/etc/containerd", "/etc/docker", "-mindepth", "1"], node=node).stdout.split()

    assert set(found) == {"/etc/containerd/certs.d", "/etc/containerd/config.toml", "/etc/docker/certs.d"}


@pytest.mark.parametrize("node", BOTH)
def test_pods_reach_pods_of_the_other_node_under_their_own_address(lab: Node, node: str) -> None:
    """No masquerading on the way: the server sees the client Pod's address."""
    server = other_side(node)

    assert ask_from_pod(lab, node, f"{pod_address(lab, server)}:5000") == server
    assert f"[::ffff:{pod_address(lab, node)}]:" in lab.kubectl("logs", f"web-{server}")


@pytest.mark.parametrize("node", BOTH)
def test_the_first_node_s_host_port_is_reached_from_everywhere(lab: Node, node: str) -> None:
    """As the registry is: from Pods and from the node itself, of the same node and of the other."""
    assert ask_from_pod(lab, node, HOST_PORT) == FIRST.name
    assert ask_from_node(lab, node, HOST_PORT) == FIRST.name


@pytest.mark.parametrize("server", BOTH)
@pytest.mark.parametrize("node", BOTH)
def test_services_are_reached_from_both_nodes(lab: Node, node: str, server: str) -> None:
    """Whichever node the Pod behind the Service is on, from Pods and from the node itself."""
    assert ask_from_pod(lab, node, service_address(lab, server)) == server
    assert ask_from_node(lab, node, service_address(lab, server)) == server


@pytest.mark.parametrize("node", BOTH)
def test_a_restarted_node_is_tied_to_the_other_again(two: Node, node: str) -> None:
    """A power cut of either node, and both are Ready and reach each other's Pods again."""
    other = other_side(node)
    before, started = two.lab.process(other), restarts(two, node)

    run_lab(two.lab.folder, "restart", "--node", node)

    assert two.lab.process(other) == before
    # Until then the cluster shows the Pod as it was before the power cut.
    until(lambda: restarts(two, node) > started, "the web server's new start")
    for name in BOTH:
        two.wait_for("condition=Ready", f"node/{name}", seconds=120)
        two.wait_for("condition=Ready", f"pod/web-{name}", seconds=120)
    for name in BOTH:
        address = f"{pod_address(two, other_side(name))}:5000"
        assert ask_from_pod(two, name, address) == other_side(name)


def test_a_killed_second_node_is_replaced(two: Node) -> None:
    """Killed from outside it is told from one that runs, and `node add` puts a new one in its place."""
    folder = two.lab.folder / SECOND.name
    old = record_of(folder)
    processes = processes_of(old)
    uid = two.get("node", SECOND.name)["metadata"]["uid"]
    # Held open, the old network stays for a while, as on a busy machine.
    with Path(f"/proc/{two.lab.process(SECOND.name)}/ns/net").open():
        os.kill(int(str(old["keeper"])), signal.SIGKILL)

        status = run_lab(two.lab.folder, "status", check=False)
        refused = run_lab(two.lab.folder, "exec", "--node", SECOND.name, "--", "true", check=False)
        added = run_lab(two.lab.folder, "node", "add")

    assert f"node {SECOND.name} ({SECOND.address}) was killed or cut off" in status.stdout
    assert refused.returncode == 1
    assert "`python -m lab node add`" in refused.stderr
    assert f"node {SECOND.name} ({SECOND.address}) is ready" in added.stdout
    assert two.get("node", SECOND.name)["metadata"]["uid"] != uid
    assert groups_of(old) == []
    assert len(processes) > 3
    assert [process for process in processes if process.is_alive()] == []
    two.wait_for("condition=Ready", f"pod/web-{SECOND.name}", seconds=120)
    assert ask_from_pod(two, SECOND.name, HOST_PORT) == FIRST.name


def test_an_interrupted_addition_is_replaced(two: Node) -> None:
    """Cut off half-way, by the end of the command and of the node it had begun, it does not stand in the way."""
    folder = two.lab.folder / SECOND.name
    run_lab(two.lab.folder, "node", "remove")
    command = [sys.executable, "-m", "lab", "--lab", str(two.lab.folder), "node", "add"]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
    while not (folder / "node.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    begun = record_of(folder)
    ready = two.lab.is_ready(SECOND.name)

    run_lab(two.lab.folder, "node", "add")

    assert not ready
    assert groups_of(begun) == []
    assert is_ready(two, SECOND.name)


def test_a_removed_node_leaves_the_cluster_and_the_machine(two: Node) -> None:
    """Its Node object, processes, control groups, folder and interface are gone; the first node stays."""
    folder = two.lab.folder / SECOND.name
    record = record_of(folder)
    processes = processes_of(record)
    first = two.lab.process()

    run_lab(two.lab.folder, "node", "remove")
    again = run_lab(two.lab.folder, "node", "remove", check=False)

    assert [node["metadata"]["name"] for node in two.get("nodes")["items"]] == [FIRST.name]
    assert groups_of(record) == []
    assert len(processes) > 3
    assert [process for process in processes if process.is_alive()] == []
    assert not folder.exists()
    assert SECOND.name not in two.run(["ip", "-brief", "link"]).stdout
    assert two.lab.process() == first
    assert again.returncode == 1
    assert f"The lab has no node {SECOND.name}" in again.stderr


def test_two_labs_of_two_nodes_run_side_by_side_and_end_without_a_trace(two: Node, tmp_path: Path) -> None:
    """The same names and addresses in each, and they do not meet; the end of one leaves the machine as it was."""
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    top = sorted(path.name for path in Path("/").iterdir())
    other = Node(Lab(tmp_path / "other"))
    try:
        run_lab(other.lab.folder, "start", "--nodes", "2")
        networks = {network_of_node(other.lab, name) for name in BOTH}
        records = [record_of(other.lab.folder), record_of(other.lab.folder / SECOND.name)]
        groups, processes = groups_of(*records), processes_of(*records)
        nodes = {name: is_ready(other, name) for name in BOTH}
        pods = other.get("pods")["items"]
    finally:
        other.lab.end()

    assert nodes == dict.fromkeys(BOTH, True)
    assert pods == []
    assert len(networks) == 2
    assert groups
    assert groups_of(*records) == []
    assert len(processes) > 12
    assert [process for process in processes if process.is_alive()] == []
    assert not other.lab.folder.exists()
    assert str(other.lab.folder) not in Path("/proc/self/mountinfo").read_text()
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == interfaces
    assert sorted(path.name for path in Path("/").iterdir()) == top
    assert ask_from_pod(two, SECOND.name, HOST_PORT) == FIRST.name

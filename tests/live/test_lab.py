"""The lab itself: it replaces what was killed, leaves nothing behind, and two of them do not meet.

Labs here are the module's own, below pytest's folder: tests end their processes from outside.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.cgroups import ROOT
from lab.lifecycle import Lab
from lab.processes import Process
from tests.live.harness import PROJECT, Node, Result, Stack
from tests.live.observation import push_keepsake, stored, until

_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
_SHOWN = ("/", "/etc", "/home", "/opt", "/run", "/srv", "/usr", "/usr/bin", "/var", "/var/lib", "/var/log")
_GROUPS = "private-registry-lab-"


def _command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "lab", "--lab", str(folder), *words]


def _lab(folder: Path, *words: str) -> Result[str]:
    """Run a command of the lab, as the Makefile does."""
    return subprocess.run(
        _command(folder, *words), cwd=PROJECT, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )


def _start(folder: Path) -> Node:
    started = _lab(folder, "start")
    assert started.returncode == 0, started.stdout + started.stderr
    return Node(Lab(folder))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A lab beside the session's, for tests that leave it running."""
    folder = tmp_path_factory.mktemp("labs") / "own"
    yield _start(folder)
    Lab(folder).end()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A place for a lab that the test starts and ends; ended in any case."""
    yield tmp_path / "lab"
    Lab(tmp_path / "lab").end()


def _record(folder: Path) -> dict[str, object]:
    try:
        record: dict[str, object] = json.loads((folder / "record.json").read_text())
    except (OSError, ValueError):
        return {}
    return record


def _keeper(folder: Path) -> int:
    keeper = _record(folder)["keeper"]
    assert isinstance(keeper, int)
    return keeper


def _descendants(process: int) -> list[Process]:
    """All processes below one, as the machine sees them."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = [], [process]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            waiting.append(child)
            try:
                found.append(Process.now(child))
            except OSError:
                continue
    return found


def _namespaces(process: int | str) -> set[str]:
    found = set()
    for name in _NAMESPACES:
        try:
            found.add(str(Path(f"/proc/{process}/ns/{name}").readlink()))
        except OSError:
            continue
    return found


def _kubelets(folder: Path) -> int:
    """How many nodes run from a folder: each has one kubelet."""
    word = f"--kubeconfig={folder}/kubelet.conf".encode()
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += word in path.read_bytes().split(b"\0")
        except OSError:
            continue
    return found


def _ready(node: Node) -> bool:
    conditions = node.get("node", "minikube")["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def test_a_lab_whose_keeper_was_killed_is_replaced_at_the_next_start(folder: Path) -> None:
    """Nothing to clean by hand, also when the start follows at once, while the old node still ends."""
    node = _start(folder)
    node.run(["touch", "/data/old"])
    old, group = _descendants(_keeper(folder)), str(_record(folder)["cgroup"])
    assert len(old) > 8

    os.kill(_keeper(folder), signal.SIGKILL)
    node = _start(folder)

    assert _ready(node)
    assert not any(process.is_alive() for process in old)
    assert not list(ROOT.glob(f"*/{group}"))
    assert node.run(["ls", "/data"]).stdout == ""
    assert _kubelets(folder) == 1


def test_a_lab_whose_keeper_was_killed_can_be_ended_at_once(folder: Path) -> None:
    """The end waits for processes that the kernel has not ended yet: none keeps a group or writes a file again."""
    node = _start(folder)
    node.kubectl("run", "sleeper", "--image=alpine:latest", "--image-pull-policy=Never", "--", "sleep", "1000")
    node.wait_for("condition=Ready", "pod/sleeper")
    old, group = _descendants(_keeper(folder)), str(_record(folder)["cgroup"])

    os.kill(_keeper(folder), signal.SIGKILL)
    node.lab.end()

    assert not any(process.is_alive() for process in old)
    assert not list(ROOT.glob(f"*/{group}"))
    assert not folder.exists()


def test_a_lab_whose_first_process_was_killed_is_replaced(folder: Path) -> None:
    """The keeper goes with it; what `status` says meanwhile is the truth."""
    node = _start(folder)
    first = node.lab.process()
    assert first is not None

    os.kill(first, signal.SIGKILL)
    until(lambda: not Lab(folder).is_ready(), "the lab to be known as ended")
    status = _lab(folder, "status")
    assert status.returncode == 1
    assert "no lab runs" in status.stdout

    assert _ready(_start(folder))
    assert _kubelets(folder) == 1


@dataclass(frozen=True)
class _Cut:
    """A moment of a start at which it is cut off."""

    name: str
    reached: Callable[[Path], bool]


_CUTS = [
    _Cut("folder", lambda folder: folder.exists()),
    _Cut("record", lambda folder: bool(_record(folder))),
    _Cut("node", lambda folder: (folder / "node.json").exists()),
    _Cut("kubelet", lambda folder: (folder / "services" / "kubelet").exists()),
]


@pytest.mark.parametrize(
    ("cut", "keeper_too"),
    [
        *(pytest.param(cut, False, id=f"start-at-{cut.name}") for cut in _CUTS),
        # At the first moment no keeper is there yet.
        *(pytest.param(cut, True, id=f"start-and-keeper-at-{cut.name}") for cut in _CUTS[1:]),
    ],
)
def test_a_start_that_was_cut_off_is_made_good_by_the_next(cut: _Cut, folder: Path, *, keeper_too: bool) -> None:
    """Wherever it was cut, the next start gives one whole node and no second one nobody knows of."""
    with subprocess.Popen(_command(folder, "start"), cwd=PROJECT, stdout=subprocess.DEVNULL) as start:
        deadline = time.monotonic() + 120
        while not cut.reached(folder):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        start.kill()
        if keeper_too:
            os.kill(_keeper(folder), signal.SIGKILL)
    assert keeper_too or not (folder / "ready").exists()

    node = _start(folder)

    assert _ready(node)
    assert (folder / "ready").exists()
    assert node.run(["docker", "images", "--quiet", "alpine"]).stdout
    assert _kubelets(folder) == 1


@dataclass(frozen=True)
class _Machine:
    """What a lab might leave on the machine, other labs aside."""

    mounts: frozenset[str]
    interfaces: frozenset[str]
    rules: tuple[str, ...]
    groups: frozenset[str]
    folders: dict[str, frozenset[str]]

    @classmethod
    def now(cls, tools: Node, group: str = "") -> _Machine:
        """The present state; iptables is that of another lab's node, asked about the machine's network."""
        home = str(Path.home())
        words = ["nsenter", f"--target={tools.lab.process()}", "--mount", "/usr/sbin/iptables-save"]
        rules = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
        groups = {
            str(path.relative_to(ROOT))
            for path in ROOT.glob("*/*")
            if path.is_dir() and (not path.name.startswith(_GROUPS) or path.name == group)
        }
        groups |= {path.name for path in ROOT.iterdir() if path.is_dir() and path.name == group}
        return cls(
            frozenset(line.split(" ", 4)[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            tuple(line for line in rules if line.startswith("-")),
            frozenset(groups),
            {name: frozenset(os.listdir(name)) for name in (*_SHOWN, home)},  # noqa: PTH208 — names, not paths
        )


def test_nothing_stays_on_the_machine(folder: Path, lab: Node) -> None:
    """No process, mount, namespace, interface, iptables rule, control group or folder, with Pods still running.

    While it runs, all of these but its processes and its control group are out of the machine's sight too.
    """
    before = _Machine.now(lab)
    node = _start(folder)
    node.kubectl("run", "sleeper", "--image=alpine:latest", "--image-pull-policy=Never", "--", "sleep", "1000")
    node.wait_for("condition=Ready", "pod/sleeper")
    node.run(["docker", "run", "--detach", "--network=none", "alpine", "sleep", "1000"])
    group = str(_record(folder)["cgroup"])
    processes = _descendants(_keeper(folder))
    namespaces = set().union(*(_namespaces(process.id) for process in processes)) - _namespaces("self")
    during = _Machine.now(lab, group)
    assert len(processes) > 10
    assert len(namespaces) > 6
    assert node.run(["iptables-save"]).stdout.count("-A KUBE-") > 5
    assert any(name.endswith(group) for name in during.groups)

    ended = _lab(folder, "down")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    after = _Machine.now(lab, group)
    assert after == before
    assert (during.mounts, during.interfaces, during.rules) == (before.mounts, before.interfaces, before.rules)
    assert during.folders == before.folders
    assert not folder.exists()
    until(lambda: not any(Path(f"/proc/{process.id}").exists() for process in processes), "the last to be reaped")
    left = [path for path in Path("/proc").glob("[0-9]*") if _namespaces(path.name) & namespaces]
    assert left == []
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


@pytest.mark.parametrize("builder", ["0", "1"], ids=["classic", "buildkit"])
def test_builds_run_in_the_lab_s_control_group(builder: str, own: Node, tmp_path: Path) -> None:
    """Either builder of the engine: a group elsewhere would outlive the lab."""
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
    assert all(path.startswith(f"/{_record(own.lab.folder)['cgroup']}/") for path in groups), groups


def test_two_labs_run_side_by_side_with_registries_of_their_own(
    own: Node, fresh_stack: Stack, tmp_path: Path
) -> None:
    """Same node name, address and port; what is pushed to one is unknown to the other."""
    other = Stack.make(own, tmp_path / "other")
    try:
        assert fresh_stack.up().code == other.up().code == 0
        push_keepsake(own)

        assert _ready(own)
        assert _ready(fresh_stack.node)
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
    until(lambda: own.run(["docker", "info"], check=False).returncode == 0, "the engine to answer")


@pytest.mark.parametrize(
    ("service", "probe"), [("docker", ["docker", "info"]), ("apiserver", ["kubectl", "version"])]
)
def test_a_stopped_service_stays_off_until_it_is_started(service: str, probe: list[str], own: Node) -> None:
    """`lab service NAME stop` and `start`: tests of failures rely on both."""

    def answers() -> bool:
        return own.run(probe, check=False).returncode == 0

    assert answers()
    try:
        assert _lab(own.lab.folder, "service", service, "stop").returncode == 0
        assert not answers()
        time.sleep(2)  # more than the supervisor needs to start what it should
        assert not answers()
    finally:
        assert _lab(own.lab.folder, "service", service, "start").returncode == 0
    until(answers, f"{service} to answer again")


def test_a_service_of_a_lab_that_is_not_up_is_a_clear_error(tmp_path: Path) -> None:
    """And makes no folder."""
    stopped = _lab(tmp_path / "none", "service", "docker", "stop")

    assert stopped.returncode == 1
    assert stopped.stderr == "error: The lab is not running; start it with `make up`.\n"
    assert not (tmp_path / "none").exists()


def test_inside_everything_stands_at_its_usual_path(own: Node) -> None:
    """What a tutorial or a tool expects of a node is there, under the name `minikube`."""
    paths = (
        "/etc/kubernetes/admin.conf",
        "/etc/containerd/certs.d/192.168.99.100:5000/hosts.toml",
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

    restarted = _lab(own.lab.folder, "restart")

    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert own.lab.process() != before
    assert own.run(["cat", "/data/kept"]).stdout == "kept\n"
    assert own.get("configmap", "kept")["data"] == {"a": "b"}


def test_a_start_of_a_running_lab_changes_nothing(own: Node) -> None:
    """`make up` twice is no restart."""
    before = own.lab.process()

    started = _lab(own.lab.folder, "start")

    assert (started.returncode, started.stdout) == (0, "")
    assert own.lab.process() == before

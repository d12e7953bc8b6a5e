"""The end of a lab: one that was killed or cut off is replaced, and none leaves anything behind.

Labs here are each test's own, below pytest's folder: tests end their processes from outside.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.cgroups import ROOT
from lab.lifecycle import Lab
from lab.processes import Process
from tests.live.harness import PROJECT, Node
from tests.live.observation import until
from tests.live.test_lab import command_of, is_ready, record_of, run_lab, start

_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
_SHOWN = ("/", "/etc", "/home", "/opt", "/run", "/srv", "/usr", "/usr/bin", "/var", "/var/lib", "/var/log")
_GROUPS = "private-registry-lab-"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A place for a lab that the test starts and ends; ended in any case."""
    yield tmp_path / "lab"
    Lab(tmp_path / "lab").end()


def _keeper(folder: Path) -> int:
    keeper = record_of(folder)["keeper"]
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


def test_a_lab_whose_keeper_was_killed_is_replaced_at_the_next_start(folder: Path) -> None:
    """Nothing to clean by hand, also when the start follows at once, while the old node still ends."""
    node = start(folder)
    node.run(["touch", "/data/old"])
    old, group = _descendants(_keeper(folder)), str(record_of(folder)["cgroup"])
    assert len(old) > 8

    os.kill(_keeper(folder), signal.SIGKILL)
    node = start(folder)

    assert is_ready(node)
    assert not any(process.is_alive() for process in old)
    assert not list(ROOT.glob(f"*/{group}"))
    assert node.run(["ls", "/data"]).stdout == ""
    assert _kubelets(folder) == 1


def test_a_lab_whose_keeper_was_killed_can_be_ended_at_once(folder: Path) -> None:
    """The end waits for processes that the kernel has not ended yet: none keeps a group or writes a file again."""
    node = start(folder)
    node.kubectl("run", "sleeper", "--image=alpine:latest", "--image-pull-policy=Never", "--", "sleep", "1000")
    node.wait_for("condition=Ready", "pod/sleeper")
    old, group = _descendants(_keeper(folder)), str(record_of(folder)["cgroup"])

    os.kill(_keeper(folder), signal.SIGKILL)
    node.lab.end()

    assert not any(process.is_alive() for process in old)
    assert not list(ROOT.glob(f"*/{group}"))
    assert not folder.exists()


def test_a_lab_whose_first_process_was_killed_is_replaced(folder: Path) -> None:
    """The keeper goes with it; what `status` says meanwhile is the truth."""
    node = start(folder)
    first = node.lab.process()
    assert first is not None

    os.kill(first, signal.SIGKILL)
    until(lambda: not Lab(folder).is_ready(), "the lab to be known as ended")
    status = run_lab(folder, "status")
    assert status.returncode == 1
    assert "no lab runs" in status.stdout

    assert is_ready(start(folder))
    assert _kubelets(folder) == 1


@dataclass(frozen=True)
class _Cut:
    """A moment of a start at which it is cut off."""

    name: str
    reached: Callable[[Path], bool]


_CUTS = [
    _Cut("folder", lambda folder: folder.exists()),
    _Cut("record", lambda folder: bool(record_of(folder))),
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
    with subprocess.Popen(command_of(folder, "start"), cwd=PROJECT, stdout=subprocess.DEVNULL) as begun:
        deadline = time.monotonic() + 120
        while not cut.reached(folder):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        begun.kill()
        if keeper_too:
            os.kill(_keeper(folder), signal.SIGKILL)
    assert keeper_too or not (folder / "ready").exists()

    node = start(folder)

    assert is_ready(node)
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
    node = start(folder)
    node.kubectl("run", "sleeper", "--image=alpine:latest", "--image-pull-policy=Never", "--", "sleep", "1000")
    node.wait_for("condition=Ready", "pod/sleeper")
    node.run(["docker", "run", "--detach", "--network=none", "alpine", "sleep", "1000"])
    group = str(record_of(folder)["cgroup"])
    processes = _descendants(_keeper(folder))
    namespaces = set().union(*(_namespaces(process.id) for process in processes)) - _namespaces("self")
    during = _Machine.now(lab, group)
    assert len(processes) > 10
    assert len(namespaces) > 6
    assert node.run(["iptables-save"]).stdout.count("-A KUBE-") > 5
    assert any(name.endswith(group) for name in during.groups)

    ended = run_lab(folder, "down")

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

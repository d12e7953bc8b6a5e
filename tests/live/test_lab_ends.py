"""The end of a lab: one that was killed or cut off is replaced, and none leaves anything behind.

Labs here are each test's own, below pytest's folder: tests end their processes from outside.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import keeper
from lab.cgroups import ROOT
from lab.lifecycle import Lab
from lab.node import NETWORK_MARK
from lab.processes import Process
from tests.live.harness import PROJECT, Node
from tests.live.observation import descendants, is_there, until
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


def _namespaces(process: int | str) -> set[str]:
    found = set()
    for name in _NAMESPACES:
        try:
            found.add(str(Path(f"/proc/{process}/ns/{name}").readlink()))
        except OSError:
            continue
    return found


@contextmanager
def _held_open(processes: list[Process]) -> Iterator[set[str]]:
    """The namespaces that these processes have and the test has not.

    Held open, each keeps its number, which another lab beside this one would else be given next.
    """
    open_ones: dict[str, int] = {}
    own = _namespaces("self")
    try:
        for process in processes:
            for name in _NAMESPACES:
                with suppress(OSError):
                    handle = os.open(f"/proc/{process.id}/ns/{name}", os.O_RDONLY)
                    namespace = str(Path(f"/proc/self/fd/{handle}").readlink())
                    if namespace in open_ones or namespace in own:
                        os.close(handle)
                    else:
                        open_ones[namespace] = handle
        yield set(open_ones)
    finally:
        for handle in open_ones.values():
            os.close(handle)


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
    old, group = descendants(_keeper(folder)), str(record_of(folder)["cgroup"])
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
    old, group = descendants(_keeper(folder)), str(record_of(folder)["cgroup"])

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
        # At the first moment no keeper is there yet. One cut for each is enough elsewhere: they take 15 s each.
        *(pytest.param(cut, False, id=f"start-at-{cut.name}") for cut in _CUTS[::2]),
        *(pytest.param(cut, True, id=f"start-and-keeper-at-{cut.name}") for cut in _CUTS[1::2]),
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


class _CutError(Exception):
    """Raised where a start is cut off."""


def _cut_after_the_fork(folder: Path, monkeypatch: pytest.MonkeyPatch, tail: Sequence[str] = ()) -> Process:
    """Start a lab, and kill its keeper when the record is there; gives the node's first process.

    The kernel does not bind the node to this keeper, as it does not bind it to any for the first moment after the
    fork. `tail` runs on the node before the node's own program.
    """
    unbound = [word for word in keeper._ENTER if not word.startswith("--kill-child")]
    monkeypatch.setattr(keeper, "_ENTER", [*unbound, *tail])
    found: list[Process] = []

    def cut(node: keeper.Keeper, *_: object) -> None:
        if not tail:
            until((folder / NETWORK_MARK).exists, "the node to be on its way")
        until(lambda: node.process() is not None, "the node's process")
        found.append(Process.now(node.process() or 0))
        os.kill(_keeper(folder), signal.SIGKILL)
        raise _CutError

    monkeypatch.setattr(keeper.Keeper, "_wait_for", cut)
    with pytest.raises(_CutError):
        Lab(folder).start()
    monkeypatch.undo()
    return found[0]


@pytest.mark.parametrize("successor", ["start", "end"])
def test_f13_a_node_that_outlived_its_keeper_is_ended(
    successor: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next start or end, which know its first process: with all its services, and at once."""
    first = _cut_after_the_fork(folder, monkeypatch)
    until((folder / "services" / "kubelet").exists, "the orphan to start its services")
    assert first.is_alive()

    if successor == "start":
        assert is_ready(start(folder))
    else:
        Lab(folder).end()

    assert not first.is_alive()
    assert _kubelets(folder) == (1 if successor == "start" else 0)


def test_f13_a_node_without_a_keeper_ends_before_it_touches_anything(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its fork and the moment the kernel binds the node to it, a keeper leaves no node behind."""
    first = _cut_after_the_fork(folder, monkeypatch, ["sh", "-c", 'sleep 2; exec "$@"', "late"])

    until(lambda: not first.is_alive(), "the orphan to end by itself", seconds=20)
    assert not (folder / "node.json").exists()
    assert not (folder / "mnt").exists()


def test_f13_a_late_orphan_does_not_meet_the_node_that_was_started_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record names another keeper by then; there is one node, and it is whole."""
    first = _cut_after_the_fork(folder, monkeypatch, ["sh", "-c", 'sleep 6; exec "$@"', "late"])

    node = start(folder)
    until(lambda: not first.is_alive(), "the orphan to end by itself", seconds=20)

    assert is_ready(node)
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
    processes = descendants(_keeper(folder))
    during = _Machine.now(lab, group)
    with _held_open(processes) as namespaces:
        assert len(processes) > 10
        assert len(namespaces) > 6
        assert node.run(["iptables-save"]).stdout.count("-A KUBE-") > 5
        assert any(name.endswith(group) for name in during.groups)

        ended = run_lab(folder, "down")

        assert ended.returncode == 0, ended.stdout + ended.stderr
        until(lambda: not any(is_there(process) for process in processes), "the last to be reaped")
        left = [path for path in Path("/proc").glob("[0-9]*") if _namespaces(path.name) & namespaces]
        assert left == []
    after = _Machine.now(lab, group)
    assert after == before
    assert (during.mounts, during.interfaces, during.rules) == (before.mounts, before.interfaces, before.rules)
    assert during.folders == before.folders
    assert not folder.exists()
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]

"""The control groups of one lab: a group of its own below each root, version 1 or 2, and their removal."""

from __future__ import annotations

import errno
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_FREE_WITHIN = 20  # seconds
_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")


def is_v2() -> bool:
    """Whether this machine has the unified hierarchy."""
    return (ROOT / "cgroup.controllers").exists()


def create(name: str) -> None:
    """Make the lab's group, which kubelet expects to find with every controller it uses."""
    if is_v2():
        group = ROOT / name
        group.mkdir(exist_ok=True)
        available = (ROOT / "cgroup.controllers").read_text().split()
        for folder in (ROOT, group):
            (folder / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in available))
        return
    for controller in _CONTROLLERS:
        if (ROOT / controller).is_dir():
            (ROOT / controller / name).mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):  # a new cpuset is empty, and nothing can run in it
        (ROOT / "cpuset" / name / file).write_text((ROOT / "cpuset" / file).read_text())


def remove(name: str) -> None:
    """Remove the group and all below it; their processes have ended, which the kernel may take a moment to note."""
    tops = [ROOT / name] if is_v2() else [folder / name for folder in ROOT.iterdir()]
    for top in tops:
        if top.is_dir():
            for folder in sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True):
                _remove(folder)
            _remove(top)


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + _FREE_WITHIN
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return

"""Whether this machine can run a lab; each refusal is one message, given before anything is changed."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import cgroups, rootfs
from lab.ui import LabError

_GB = 10**9  # bytes
_WATCHERS = 12  # inotify instances; the services of the first node hold 11


def check_person() -> None:
    """Raise LabError unless this is root on Linux, which every command on a lab needs."""
    if sys.platform != "linux":
        raise LabError("The lab is a Linux machine's; use a cluster of your own instead (README).")
    if os.geteuid() != 0:
        raise LabError(
            "The lab makes and enters network and mount namespaces, which takes root: use `sudo make ...`."
        )


def check(lab: Path, project: Path, cache: Path) -> None:
    """Raise LabError for the first thing that is missing."""
    check_person()
    for program in ("apt-get", "dpkg-deb", "unshare", "nsenter", "tar"):
        if not shutil.which(program):
            raise LabError(
                f"`{program}` is missing: the lab needs Debian, Ubuntu or a distribution made from them."
            )
    for folder in (lab, project, cache):
        _check_place(folder)
    check_room(lab, 10, "a lab needs", "LAB")
    _check_watchers()
    _check_kernel(lab)


def _check_place(folder: Path) -> None:
    if any(letter in str(folder) for letter in ":, \t\n"):
        raise LabError(
            f"{folder} has a colon, comma or blank in its path, which overlay mounts cannot take: move it."
        )
    for hidden in rootfs.HIDDEN:
        if folder.is_relative_to(hidden):
            raise LabError(f"{folder} lies in {hidden}, which a node has for itself: move it elsewhere.")


def check_room(folder: Path, room: int, purpose: str, setting: str) -> None:
    """Refuse a folder, there or not yet, on a disk with less than `room` GB; `setting` names what moves it."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < room * _GB:
        raise LabError(
            f"{there} has {free / _GB:.1f} GB free, and {purpose} {room} GB: free some, "
            f"or set {setting} to a folder on a larger disk."
        )


def _check_watchers() -> None:
    """Refuse a machine whose limit is used up by other labs or programs: kubelet would end again and again."""
    free = free_watchers(_WATCHERS)
    if free < _WATCHERS:
        raise LabError(
            f"This machine has {free} inotify instances left, and a lab needs {_WATCHERS}: end another lab, or "
            "raise the limit with `sysctl fs.inotify.max_user_instances=512`."
        )


def free_watchers(wanted: int) -> int:
    """How many of the wanted inotify instances the kernel gives this user now."""
    libc = ctypes.CDLL(None)
    files: list[int] = []
    try:
        while len(files) < wanted and (file := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
            files.append(file)
    finally:
        for file in files:
            os.close(file)
    return len(files)


def _check_kernel(lab: Path) -> None:
    if not cgroups.is_v2() and not (cgroups.ROOT / "memory").is_dir():
        raise LabError(
            f"There are no control groups at {cgroups.ROOT}: mount them, or use a machine that has them."
        )
    there = next(parent for parent in lab.parents if parent.exists())
    with tempfile.TemporaryDirectory(dir=there, prefix=".lab-check-") as folder:
        for name in ("lower", "upper", "work", "merged"):
            (Path(folder) / name).mkdir()
        options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        _try(
            ["mount", "-t", "overlay", "overlay", "-o", options, f"{folder}/merged"],
            "overlay mounts (CONFIG_OVERLAY_FS), on the file system of the lab's folder",
        )
    bridge = "import fcntl, socket; fcntl.ioctl(socket.socket(), 0x89A0, b'probe0\\0')"  # SIOCBRADDBR
    _try([sys.executable, "-c", bridge], "network bridges (CONFIG_BRIDGE)")


def _try(command: list[str], feature: str) -> None:
    namespaces = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork"]
    result = subprocess.run([*namespaces, *command], capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(
            f"This kernel, or the sandbox around it, does not allow namespaces or lacks {feature}:\n"
            f"  {result.stderr.strip().splitlines()[-1] if result.stderr.strip() else 'no reason given'}"
        )

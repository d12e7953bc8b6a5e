"""The node's root filesystem: the machine's own, with the node's own folders where it keeps its state.

Everything is mounted in the node's private mount namespace, on a tmpfs that becomes its root. Nothing is
created on the machine outside the lab's folder, so two labs, or a lab and the machine's own Docker, do not meet.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_BIND, _REC, _PRIVATE, _SHARED, _RDONLY = 0x1000, 0x4000, 1 << 18, 1 << 20, 0x1
_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

OWN_FOLDERS = (
    "data",
    "var/lib/cni",
    "var/lib/containerd",
    "var/lib/docker",
    "var/lib/etcd",
    "var/lib/kubelet",
    "var/log",
)
"""Folders that the node has for itself, kept in its folder across restarts."""

HIDDEN = ("/run", "/proc", *(f"/{folder}" for folder in OWN_FOLDERS))
"""Folders of the machine that a node does not see; the project, the lab and the cache cannot lie in them."""


def enter(folder: Path, programs: Sequence[Path]) -> None:
    """Build the root for a node whose state is in `folder`, and make it this process's root.

    The `usr` of each folder of `programs` goes over the machine's own, the first one's on top.
    """
    _mount(None, Path("/"), None, _REC | _PRIVATE)
    root = folder / "mnt"
    root.mkdir(exist_ok=True)
    _mount("tmpfs", root, "tmpfs")
    _populate(Path("/"), root, skip={"data", "etc", "proc", "run", "usr", "var"})
    (root / "var").mkdir()
    _populate(Path("/var"), root / "var", skip={"lib", "log"})
    (root / "var" / "lib").mkdir()
    own_states = {Path(own).name for own in OWN_FOLDERS}
    _populate(Path("/var/lib"), root / "var" / "lib", skip=own_states)
    for own in OWN_FOLDERS:
        (folder / "root" / own).mkdir(parents=True, exist_ok=True)
        (root / own).mkdir()
        _mount(str(folder / "root" / own), root / own, None, _BIND)
    for name in ("proc", "run", "usr", "etc"):
        (root / name).mkdir()
    _mount("proc", root / "proc", "proc")
    _mount("tmpfs", root / "run", "tmpfs")
    layers = ":".join(f"{layer}/usr" for layer in programs)
    _mount("overlay", root / "usr", "overlay", _RDONLY, f"lowerdir={layers}:/usr")
    upper, work = folder / "root" / "etc", folder / "root" / ".etc-work"
    upper.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    for name in ("cni", "containerd", "docker"):
        (upper / name).mkdir(exist_ok=True)
        # The node's containerd and Docker Engine would read the machine's own settings, networks and trust.
        os.setxattr(upper / name, "trusted.overlay.opaque", b"y")
    _mount("overlay", root / "etc", "overlay", 0, f"lowerdir=/etc,upperdir={upper},workdir={work}")
    _pivot(root)
    _mount(None, Path("/"), None, _REC | _SHARED)  # kubelet and containerd hand mounts on to containers


def _populate(source: Path, target: Path, skip: set[str]) -> None:
    for item in sorted(source.iterdir()):
        if item.name in skip:
            continue
        place = target / item.name
        if item.is_symlink():
            place.symlink_to(item.readlink())
        elif item.is_dir():
            place.mkdir()
            _mount(str(item), place, None, _BIND | _REC)
        elif item.is_file():
            place.touch()
            _mount(str(item), place, None, _BIND)


def _pivot(root: Path) -> None:
    old = root / ".old"
    old.mkdir()
    call = _PIVOT_ROOT[os.uname().machine]
    if _libc.syscall(call, os.fsencode(root), os.fsencode(old)):
        raise OSError(ctypes.get_errno(), f"pivot_root to {root} failed")
    os.chdir("/")
    if _libc.umount2(b"/.old", _DETACH):
        raise OSError(ctypes.get_errno(), "the machine's root could not be let go of")
    Path("/.old").rmdir()


def _mount(source: str | None, target: Path, kind: str | None, flags: int = 0, options: str = "") -> None:
    encode = os.fsencode
    arguments = (
        source and encode(source),
        encode(target),
        kind and encode(kind),
        flags,
        encode(options) or None,
    )
    if _libc.mount(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"mounting {kind or source} at {target} failed: {os.strerror(number)}")

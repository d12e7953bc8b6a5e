"""Programs from Debian packages, unpacked into the cache: nothing is installed on the machine.

Installing docker.io would start a second Docker Engine on a machine with systemd, or clash with one that is
there. A node mounts the unpacked files over /usr instead, so that they stand at their usual paths inside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.cache import Entry, digest_of
from lab.ui import LabError

NAMES = (
    "busybox-static",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "docker-registry",
    "docker.io",
    "iproute2",
    "iptables",
    "nginx",
    "runc",
)
_RECIPE = "1"  # raised when unpack changes what it leaves


def entry() -> Entry:
    """The place of the unpacked packages, keyed by their names, this recipe and the distribution's release."""
    release = Path("/etc/os-release").read_bytes()
    parts = [release, os.uname().machine.encode(), _RECIPE.encode(), *(name.encode() for name in NAMES)]
    return Entry("packages", digest_of(parts))


def unpack(folder: Path) -> None:
    """Download the packages, and what they need that the machine lacks, and unpack them below `folder`/usr."""
    state = folder / "apt"
    for part in ("lists/partial", "archives/partial"):
        (state / part).mkdir(parents=True)
    # Own lists and archives: the machine's package state is read, never changed.
    options = [
        *("-o", f"Dir::State::Lists={state}/lists"),
        *("-o", f"Dir::Cache::Archives={state}/archives"),
        *("-o", "Dir::Cache::pkgcache="),
        *("-o", "Dir::Cache::srcpkgcache="),
        *("-o", "APT::Sandbox::User=root"),
        *("-o", "Debug::NoLocking=true"),
    ]
    _apt(options, "update")
    _apt(options, "install", "--download-only", "--reinstall", "--no-install-recommends", "--yes", *NAMES)
    root = folder / "root"
    (root / "usr").mkdir(parents=True)
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir()
        (root / name).symlink_to(f"usr/{name}")  # some packages still ship /bin and /lib: merge them
    for package in sorted((state / "archives").glob("*.deb")):
        files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        command = ["tar", "--extract", "--keep-directory-symlink", "--directory", str(root)]
        if subprocess.run(command, stdin=files.stdout, check=False).returncode or files.wait():
            raise LabError(f"Unpacking {package.name} failed; is the disk full?")
    for family in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):  # the alternatives system would make these at installation
            (root / "usr" / "sbin" / (family + suffix)).symlink_to("xtables-nft-multi")
    (root / "usr").rename(folder / "usr")
    shutil.rmtree(root)
    shutil.rmtree(state)
    for part in ("doc", "man", "locale"):
        shutil.rmtree(folder / "usr" / "share" / part, ignore_errors=True)


def _apt(options: list[str], verb: str, *arguments: str) -> None:
    result = subprocess.run(
        ["apt-get", "--quiet=2", *options, verb, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    )
    if result.returncode:
        raise LabError(
            f"`apt-get {verb}` could not fetch {', '.join(NAMES)}:\n{result.stderr.strip()}\n"
            "Check the package sources in /etc/apt and the network, then run the command again."
        )

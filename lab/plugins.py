"""Pulumi's provider plugins in a lab: the real Kubernetes provider, and the Docker provider or its stand-in."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from lab.cache import Entry, cache_root, digest_of, locked
from lab.docker_provider.install import make_plugin
from lab.tools import KUBERNETES_PROVIDER_VERSION
from lab.ui import LabError, say

DOCKER_PROVIDER_VERSION = "5.2.0"
_DOWNLOAD_HOST = "get.pulumi.com"
_TRY_AGAIN_AFTER = 24 * 3600  # seconds


def kubernetes_entry(provider: Entry) -> Entry:
    """Where the installed Kubernetes plugin is, keyed by the provider it was made from."""
    return Entry("plugin-kubernetes", digest_of([provider.key.encode(), KUBERNETES_PROVIDER_VERSION.encode()]))


def install_kubernetes(folder: Path, pulumi: Path, provider: Path) -> None:
    """Install the provider as a plugin below a Pulumi home of its own, for all labs to share."""
    _install(folder, pulumi, "kubernetes", KUBERNETES_PROVIDER_VERSION, provider / "pulumi-resource-kubernetes")


def set_up(home: Path, pulumi: Path, kubernetes: Path) -> str:
    """Give a lab's Pulumi home both plugins; tell which Docker provider it is."""
    (home / "plugins").mkdir(parents=True, exist_ok=True)
    _link(home, kubernetes)
    official = _official_docker(pulumi)
    if official:
        _link(home, official)
        return f"the official Docker provider {DOCKER_PROVIDER_VERSION}"
    source = home / "docker-provider"
    make_plugin(source, Path(sys.executable))
    _install(home, pulumi, "docker", DOCKER_PROVIDER_VERSION, source)
    return "the lab's stand-in for the Docker provider (the official plugin cannot be downloaded here)"


def _official_docker(pulumi: Path) -> Path | None:
    """The official plugin, from the cache or by one quick try to download it."""
    entry = Entry("plugin-docker", DOCKER_PROVIDER_VERSION)
    first_hop = _first_hop()
    unreachable = cache_root() / f".plugin-docker-unreachable-{digest_of([repr(first_hop).encode()])}"
    with locked("plugin-docker-try"):
        if entry.is_whole():
            return entry.path
        if unreachable.exists() and time.time() - unreachable.stat().st_mtime < _TRY_AGAIN_AFTER:
            return None
        try:
            # Pulumi itself hangs for minutes without a network route: look first.
            socket.create_connection(first_hop, timeout=3).close()
            say(f"downloading the official Docker provider {DOCKER_PROVIDER_VERSION}")
            return entry.ensure(lambda folder: _install(folder, pulumi, "docker", DOCKER_PROVIDER_VERSION, None))
        except (OSError, LabError, subprocess.TimeoutExpired):
            unreachable.touch()
            return None


def _first_hop() -> tuple[str, int]:
    """Host and port that a download connects to first: the person's proxy, else the server itself."""
    proxy = "" if urllib.request.proxy_bypass(_DOWNLOAD_HOST) else urllib.request.getproxies().get("https", "")
    found = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return (found.hostname, found.port or 80) if found.hostname else (_DOWNLOAD_HOST, 443)


def _install(home: Path, pulumi: Path, name: str, version: str, source: Path | None) -> None:
    command = [str(pulumi), "plugin", "install", "resource", name, version, "--reinstall"]
    command += ["--file", str(source)] if source else []
    environment = os.environ | {"PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    if result.returncode:
        raise LabError(f"`{' '.join(command)}` failed:\n{result.stderr.strip()}")


def _link(home: Path, installed: Path) -> None:
    """Put an installed plugin into a home by hard links: Pulumi does not follow a linked folder."""
    try:
        shutil.copytree(installed / "plugins", home / "plugins", copy_function=os.link, dirs_exist_ok=True)
    except shutil.Error:
        shutil.copytree(installed / "plugins", home / "plugins", dirs_exist_ok=True)  # another file system

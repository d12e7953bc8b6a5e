"""Fixtures of the Docker provider's live tests."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import bcrypt
import pytest

from lab import packages
from tests.live.docker_provider.stacks import NODES_DOCKER, PASSWORD, Registry, Stack
from tests.live.harness import Node
from tests.live.observation import until


@pytest.fixture
def stack(lab: Node, tmp_path: Path) -> Iterator[Stack]:
    """Make a stack of its own for the test, and remove it."""
    made = Stack(lab, tmp_path, f"image-{uuid4().hex[:8]}")
    yield made
    made.pulumi("stack", "rm", "--yes", "--force", check=True)


@pytest.fixture(scope="module", params=["29", "29-overlay2", "20.10"])
def docker_host(
    request: pytest.FixtureRequest, lab: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of each kind of Docker Engine that people have.

    The node's own, with containerd's image store, as a new installation has; the same release on a folder of an
    older one, where images stay in overlay2; and Debian's 20.10.
    """
    program, options = {
        "29": ("", ()),
        "29-overlay2": ("dockerd", ("--feature=containerd-snapshotter=false", "--storage-driver=overlay2")),
        "20.10": (f"{packages.entry().path}/usr/sbin/dockerd", ("--storage-driver=overlay2",)),
    }[request.param]
    if not program:
        yield NODES_DOCKER
        return
    folder = tmp_path_factory.mktemp("docker")
    host = f"unix://{folder}/docker.sock"
    words = [
        program,
        f"--host={host}",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/exec",
        f"--pidfile={folder}/pid",
        "--containerd=/run/containerd/containerd.sock",
        f"--containerd-namespace={folder.name}",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        *options,
    ]
    process = lab.start_process(words, folder / "log")
    try:
        until(
            lambda: lab.run(["docker", "--host", host, "version"], check=False).returncode == 0,
            f"the Docker Engine {request.param}",
        )
        yield host
    finally:
        # Its id on the node: a signal to the process out here would end only the command that entered the node.
        lab.run(["kill", (folder / "pid").read_text().strip()])
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def registry(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Start a registry with the account test on a free port of the node's loopback."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        # Free out here, hence most likely inside too; a clash would fail the wait below.
        probe.bind(("127.0.0.1", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    line = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    (folder / "htpasswd").write_text(f"test:{line}\n")
    (folder / "config.yml").write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: 127.0.0.1:{address.rpartition(':')[2]}}}\n"
        f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
    )
    # Its id on the node: a signal to the process out here would end only the command that entered the node.
    script = f"echo $$ > {folder}/pid; exec registry serve {folder}/config.yml"
    process = lab.start_process(["sh", "-c", script], folder / "log")
    try:
        wait_for(lab, address, folder / "log")
        yield Registry(lab, address)
    finally:
        lab.run(["kill", (folder / "pid").read_text().strip()])
        process.wait(timeout=60)


def wait_for(lab: Node, address: str, log: Path) -> None:
    """Wait up to a minute until the registry asks for a login."""
    deadline = time.monotonic() + 60
    command = [
        "curl",
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        f"http://{address}/v2/",
    ]
    while lab.run(command, check=False).stdout != "401":
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)

"""A stack that moves to another cluster, which is a lab of its own, and back; in the order in which they stand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen

import pytest

from lab.lifecycle import Lab
from tests.live.harness import Node, Stack
from tests.live.observation import is_proven

OURS = ["--selector", "app.kubernetes.io/part-of=private-registry"]
KINDS = "deployments,daemonsets,services,secrets,configmaps,pods"
THERE = "https://127.0.0.1:7443"
"""The first cluster's API server, on either lab's node."""
GONE = "PULUMI_K8S_DELETE_UNREACHABLE"


def objects(node: Node) -> set[str]:
    """What a cluster has of the stack, by kind."""
    return {item["kind"] for item in node.get(KINDS, *OURS)["items"]}


@dataclass
class Way:
    """The way from the second lab to the first one's API server."""

    second: Node
    socket: Path
    process: Popen[bytes] | None = None

    def open(self) -> None:
        """Let connections through."""
        self.process = relay(self.second, f"tcp:{THERE.removeprefix('https://')}", f"unix:{self.socket}")

    def close(self) -> None:
        """Refuse them."""
        if self.process:
            end(self.process)
        self.process = None


def relay(node: Node, listen: str, target: str) -> Popen[bytes]:
    """Carry connections on a node, until it is ended."""
    process = node.start_process([sys.executable, "-m", "tests.live.relay", listen, target], Path("/dev/null"))
    kind, _, place = listen.partition(":")
    ready = f"test -S {place}" if kind == "unix" else f"(true < /dev/tcp/{place.replace(':', '/')})"
    node.run(["bash", "-c", f"until {ready}; do sleep 0.1; done 2> /dev/null"])
    return process


def end(process: Popen[bytes]) -> None:
    """End a process of ours, if it is still there."""
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Another cluster: a lab at the same addresses, in a network of its own."""
    node = Node(Lab(tmp_path_factory.mktemp("second") / "lab"))
    node.lab_command("start")
    yield node
    node.lab.end()


@pytest.fixture(scope="module")
def first(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Path]]:
    """A stack that is up on the first cluster by an address that leads there from the second lab too."""
    socket = tmp_path_factory.mktemp("way") / "socket"
    with ExitStack() as relays:
        relays.callback(end, relay(stack.node, f"unix:{socket}", "tcp:192.168.99.100:6443"))
        relays.callback(end, relay(stack.node, f"tcp:{THERE.removeprefix('https://')}", f"unix:{socket}"))
        config = json.loads(stack.node.run(["cat", "/etc/kubernetes/admin.conf"]).stdout)
        config["clusters"][0]["cluster"]["server"] = THERE
        (stack.folder / "there.conf").write_text(json.dumps(config))
        stack.environment["KUBECONFIG"] = str(stack.folder / "there.conf")
        stack.up()
        stack.environment.pop("KUBECONFIG")
        yield stack, socket


@pytest.fixture
def moved(first: tuple[Stack, Path], second: Node) -> Iterator[tuple[Stack, Way]]:
    """That stack as seen from the second lab, whose cluster it names, and the way back to the first."""
    stack, socket = first
    way = Way(second, socket)
    yield replace(stack, node=second, environment=dict(stack.environment)), way
    way.close()


def test_f1_without_a_way_to_the_old_cluster_nothing_is_forgotten(moved: tuple[Stack, Way]) -> None:
    """`up` stops before anything is made or lost, and names the one way out."""
    stack, _ = moved
    up = stack.up(check=False)

    assert up.code != 0
    assert "configured Kubernetes cluster is unreachable" in up.output
    assert GONE in up.output
    assert objects(stack.node) == set()


def test_f1_another_cluster_gets_everything_and_the_old_one_is_left_empty(
    moved: tuple[Stack, Way], first: tuple[Stack, Path]
) -> None:
    """All kinds of objects leave the first and come up in the second, node trust and image with them."""
    stack, way = moved
    old = first[0].node
    kinds = objects(old)
    way.open()
    up = stack.up()

    assert "replaced" in up.output
    assert objects(stack.node) == kinds
    assert objects(old) == set()
    assert old.run(["sh", "-c", "ls -d /etc/docker/certs.d/192.168.99.100:5000"], check=False).returncode != 0
    assert is_proven(stack)
    assert stack.preview("--expect-no-changes").code == 0


def test_f1b_a_cluster_that_is_gone_is_forgotten_by_the_documented_command(
    first: tuple[Stack, Path], second: Node
) -> None:
    """The second cluster ends. At its address is the first again, whose CA is another: kind does the same."""
    second.lab.end()
    stack = first[0]
    refused = stack.up(check=False)
    stack.environment[GONE] = "true"
    up = stack.up()
    stack.environment.pop(GONE)

    assert refused.code != 0
    assert GONE in refused.output
    assert "replaced" in up.output
    assert is_proven(stack)
    assert stack.preview("--expect-no-changes").code == 0
    exported = stack.pulumi("stack", "export", "--stack", stack.name).output
    assert '"clusterIdentifier"' in exported
    # Else a later `destroy` while the API server is down would forget all objects.
    assert "deleteUnreachable" not in exported

"""What `up` needs is missing or taken: the reason is printed, and a later `up` goes on where it ended."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from tests.live.harness import FAILS_WITHIN, Node, Stack

PORT_TAKER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "port-taker"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "sleep",
                "image": "registry:3.1.2",
                "command": ["sleep", "3600"],
                "ports": [{"containerPort": 9, "hostPort": 5000}],
            }
        ],
    },
}
PROOF = {("created", "registry-proof-image"), ("created", "registry-proof-pod")}


@pytest.fixture
def engine_stopped(lab: Node) -> Iterator[None]:
    """No Docker Engine on the node, until the test or its end starts it again."""
    lab.lab.switch("docker", on=False)
    wait_until_gone(lab, ["docker", "version"])
    yield
    start_engine(lab)


@pytest.fixture
def port_taken(lab: Node) -> Iterator[None]:
    """Another Pod has the registry's port of the node."""
    lab.kubectl("apply", "-f", "-", stdin=json.dumps(PORT_TAKER))
    lab.wait_for("jsonpath={.status.phase}=Running", "pod/port-taker")
    yield
    lab.kubectl("delete", "pod", "port-taker", "--ignore-not-found")


def wait_until_gone(lab: Node, words: list[str]) -> None:
    """Wait until a command fails."""
    wait_for_exit(lab, words, answers=False)


def wait_for_exit(lab: Node, words: list[str], *, answers: bool) -> None:
    """Wait, a minute at most, until a command does or does not succeed."""
    deadline = time.monotonic() + 60
    while (lab.run(words, check=False).returncode == 0) is not answers:
        assert time.monotonic() < deadline, f"{' '.join(words)} never became {answers}"
        time.sleep(0.2)


def start_engine(lab: Node) -> None:
    """Let the Docker Engine run again, and wait for it."""
    lab.lab.switch("docker", on=True)
    wait_for_exit(lab, ["docker", "version"], answers=True)


@pytest.mark.usefixtures("engine_stopped")
def test_c21_without_a_docker_engine_nothing_is_begun_and_a_later_up_makes_it_all(
    fresh_stack: Stack, lab: Node
) -> None:
    """F15: the Docker provider needs it in a preview too, and fails before the first object of the cluster."""
    preview = fresh_stack.preview(check=False)
    failed = fresh_stack.up(check=False)
    start_engine(lab)
    resumed = fresh_stack.up()

    for update in (preview, failed):
        assert update.code != 0
        assert "failed to connect to any docker daemon" in update.output
        assert "Traceback" not in update.output
    assert failed.changed <= {("created", "cluster"), ("created", "first-cluster")}
    assert ("created", "registry") in resumed.changed
    assert resumed.changed >= PROOF
    lab.wait_for("jsonpath={.status.phase}=Running", f"pod/{fresh_stack.outputs()['proofPods'][0]}")


@pytest.mark.usefixtures("port_taken")
def test_f12_a_taken_host_port_is_named_and_a_later_up_goes_on(fresh_stack: Stack, lab: Node) -> None:
    """`up` is refused before anything is made, with the Pod and both ways out; one of them is typed."""
    failed = fresh_stack.up_that_fails()
    [command] = re.findall(r"`(kubectl delete [^`]+)`", failed.output.partition("Diagnostics:")[2])
    lab.run(["sh", "-c", command])
    resumed = fresh_stack.up()

    assert failed.code != 0
    assert failed.seconds < FAILS_WITHIN
    assert (
        "port 5000 of node minikube is taken by Pod default/port-taker, which was made by kubectl" in failed.output
    )
    assert "`pulumi config set port <number>` gives ours another port" in failed.output
    assert resumed.changed >= PROOF | {("created", "registry"), ("created", "registry-service")}

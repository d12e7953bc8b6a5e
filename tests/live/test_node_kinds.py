"""Nodes as people have them: with taints, with labels of their own, and beside some that can run no Pod of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.topology import FIRST
from tests.live.harness import Node, Stack, Update
from tests.live.observation import NODE_TRUST, REGISTRY_PODS, only_pod

TAINTS = ("node-role.kubernetes.io/control-plane:NoSchedule", "dedicated=images:NoExecute")
OTHERS = {
    "windows": {"kubernetes.io/os": "windows"},
    "virtual": {"kubernetes.io/os": "linux", "type": "virtual-kubelet"},
    "fargate": {"kubernetes.io/os": "linux", "eks.amazonaws.com/compute-type": "fargate"},
}
"""Nodes that run no Pod of ours, by their labels."""
HOST_NAME = "kubernetes.io/hostname"


@dataclass(frozen=True)
class Brought:
    """The stack's first `up` on such nodes, and one without changes."""

    update: Update
    again: Update


@pytest.fixture(scope="module")
def nodes(lab: Node) -> Iterator[list[str]]:
    """The lab's node with taints and another host name than its own, and Nodes that no kubelet stands behind."""
    for name, labels in OTHERS.items():
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        lab.kubectl("create", "--filename=-", stdin=json.dumps(node))
    lab.kubectl("label", "--overwrite", "node", FIRST.name, f"{HOST_NAME}=another-name")
    lab.kubectl("taint", "node", FIRST.name, *TAINTS)
    try:
        yield [FIRST.name, *OTHERS]
    finally:
        lab.kubectl("taint", "node", FIRST.name, *(f"{taint}-" for taint in TAINTS))
        lab.kubectl("label", "--overwrite", "node", FIRST.name, f"{HOST_NAME}={FIRST.name}")
        lab.kubectl("delete", "nodes", *OTHERS)


@pytest.fixture(scope="module")
def brought(nodes: list[str], stack: Stack) -> Brought:
    """The stack, up on these nodes."""
    assert nodes
    return Brought(stack.up(), stack.up())


def test_n10_registry_and_proof_run_on_a_node_that_has_taints(brought: Brought, stack: Stack, lab: Node) -> None:
    """Those that keep others away, of both effects; an `up` after that has nothing to do."""
    pods = [only_pod(lab, REGISTRY_PODS), lab.get("pod", stack.outputs()["proofPods"][0])]

    assert brought.update.code == 0
    assert [pod["spec"]["nodeName"] for pod in pods] == [FIRST.name] * 2
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert brought.again.changed == set()


def test_n09_the_node_is_found_by_its_name_whatever_its_labels(brought: Brought, lab: Node) -> None:
    """A cloud's node name and host name are often two."""
    labels = lab.get("node", FIRST.name)["metadata"]["labels"]

    assert brought.update.code == 0
    assert labels[HOST_NAME] == "another-name"
    assert only_pod(lab, REGISTRY_PODS)["spec"]["nodeName"] == FIRST.name


def test_n12_node_trust_leaves_out_nodes_without_a_runtime_for_it(
    brought: Brought, nodes: list[str], lab: Node
) -> None:
    """It tolerates every taint, and `up` would wait there for ever."""
    [daemon_set] = lab.get("daemonsets", f"--selector={NODE_TRUST}")["items"]

    assert brought.update.code == 0
    assert {item["metadata"]["name"] for item in lab.get("nodes")["items"]} == set(nodes)
    assert daemon_set["status"]["desiredNumberScheduled"] == 1
    assert only_pod(lab, NODE_TRUST)["spec"]["nodeName"] == FIRST.name


def test_n10_a_cordon_holds_for_the_registry_too(brought: Brought, lab: Node) -> None:
    """Else it would come back onto a node that is about to go down."""
    assert brought.update.code == 0
    tolerated = only_pod(lab, REGISTRY_PODS)["spec"]["tolerations"]

    assert {item["key"] for item in tolerated if "tolerationSeconds" not in item} == {
        "node-role.kubernetes.io/control-plane",
        "dedicated",
    }


def test_n10_images_are_removed_from_a_node_that_has_taints(brought: Brought, stack: Stack, lab: Node) -> None:
    """By a Job that runs there, as all else."""
    assert brought.update.code == 0
    assert lab.run(["ls", "/data/registry/registry"]).stdout.split() == ["docker"]
    with stack.settings_kept():
        stack.set("removeData", "true")
        removed = stack.up()

    assert removed.code == 0
    assert lab.run(["ls", "-A", "/data/registry/registry"]).stdout == ""

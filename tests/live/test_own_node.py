"""A registry keeps to the node that has its images, on a cluster of two (C38)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.harness import Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod, push_keepsake, stored, until

NODE = "minikube"


@pytest.fixture(scope="module")
def deployed(second_node: str, stack: Stack) -> Stack:
    """The stack, up on a cluster of two nodes."""
    assert second_node
    stack.up()
    return stack


def waiting(lab: Node) -> str:
    """Why the registry's only Pod waits for a node; empty if it does not."""
    conditions: list[dict[str, Any]] = only_pod(lab, REGISTRY_PODS)["status"].get("conditions", [])
    return "".join(item.get("message", "") for item in conditions if item["type"] == "PodScheduled")


def test_c38_a_drained_node_leaves_the_registry_pending_and_never_empty_elsewhere(
    deployed: Stack, second_node: str, lab: Node
) -> None:
    """After uncordon it is where it was, with every byte; `up` has nothing to do but what the drain took."""
    assert deployed
    push_keepsake(lab)
    before = stored(lab, "keepsake")
    drain = ["drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s"]
    try:
        lab.kubectl(*drain)
        until(lambda: "didn't match Pod's node affinity/selector" in waiting(lab), "a registry that waits")
        pending = only_pod(lab, REGISTRY_PODS)
        elsewhere = lab.run(["ls", "/data"], node=second_node).stdout.split()
    finally:
        lab.kubectl("uncordon", NODE)
    lab.kubectl("rollout", "status", "deployment/registry", "--timeout=60s")

    assert pending["status"]["phase"] == "Pending"
    assert "nodeName" not in pending["spec"]
    assert "registry" not in elsewhere
    assert only_pod(lab, REGISTRY_PODS)["spec"]["nodeName"] == NODE
    assert stored(lab, "keepsake") == before


def test_c38_an_unset_node_is_refused_in_preview(deployed: Stack) -> None:
    """The scheduler would choose, and choose another one another time."""
    deployed.set("node", "")
    try:
        refused = deployed.preview(check=False)
    finally:
        deployed.set("node", NODE)

    assert refused.code != 0
    assert "private-registry:node must be set: images lie on one node's disk" in refused.output
    assert "`pulumi config set node <name>` (`kubectl get nodes` lists names)" in refused.output

"""Two nodes: both pull after one `up`, and the registry keeps to the one that has its images (C38)."""

from __future__ import annotations

from typing import Any

import pytest

from lab.topology import SECOND
from tests.live.harness import ADDRESS, Node, Stack
from tests.live.observation import PROOF_PODS, REGISTRY_PODS, only_pod, push_keepsake, stored, until

NODE = "minikube"


@pytest.fixture(scope="module")
def deployed(second_node: str, stack: Stack) -> Stack:
    """The stack, up from nothing by one `up`, with a proof on each of the two nodes."""
    for position, node in enumerate((NODE, second_node)):
        stack.set(f"proofNodes[{position}]", node, path=True)
    stack.up()
    return stack


def waiting(lab: Node) -> str:
    """Why the registry's only Pod waits for a node; empty if it does not."""
    conditions: list[dict[str, Any]] = only_pod(lab, REGISTRY_PODS)["status"].get("conditions", [])
    return "".join(item.get("message", "") for item in conditions if item["type"] == "PodScheduled")


def test_one_up_from_nothing_ends_with_a_proof_on_both_nodes(deployed: Stack, second_node: str, lab: Node) -> None:
    """Both pulled over TLS, with nothing on either that would allow less."""
    pods = [lab.get("pod", name) for name in deployed.outputs()["proofPods"]]
    lax = "grep -riE 'insecure|skip_verify|http://' /etc/containerd /etc/docker"

    assert [(pod["spec"]["nodeName"], pod["status"]["phase"]) for pod in pods] == [
        (NODE, "Running"),
        (second_node, "Running"),
    ]
    for node in (NODE, second_node):
        rule = lab.run(["cat", f"/etc/containerd/certs.d/{ADDRESS}/hosts.toml"], node=node).stdout
        assert f'server = "https://{ADDRESS}"' in rule
        # No line is found: that is grep's 1, and 2 would be an error.
        assert lab.run(["sh", "-c", lax], node=node, check=False).returncode == 1


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
        until(lambda: "were unschedulable" in waiting(lab), "a registry that waits")
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


def test_f2_another_node_gets_the_image_and_pods_that_pull_it(deployed: Stack, second_node: str, lab: Node) -> None:
    """Its registry begins empty. The Docker Engine is where it was, so it pushes to the node's address."""
    before = {pod["metadata"]["uid"] for pod in lab.get("pods", f"--selector={PROOF_PODS}")["items"]}
    for key, value in {"node": second_node, "host": SECOND.address, "pushHost": SECOND.address}.items():
        deployed.set(key, value)
    moved = deployed.up()
    image = deployed.outputs()["image"]
    pods = lab.get("pods", f"--selector={PROOF_PODS}")["items"]
    revisions = "/data/registry/registry/docker/registry/v2/repositories/alpine_test/_manifests/revisions/sha256"

    assert ("replaced", "registry-proof-image") in moved.changed
    assert image.startswith(f"{SECOND.address}:5000/alpine_test@sha256:")
    assert lab.run(["ls", revisions], node=second_node).stdout.split() == [image.partition("@sha256:")[2]]
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == sorted((NODE, second_node))
    for pod in pods:
        assert pod["metadata"]["uid"] not in before
        assert pod["spec"]["containers"][0]["image"] == image
        assert pod["status"]["containerStatuses"][0]["ready"]

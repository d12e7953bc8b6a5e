"""Images outlive what the registry runs on: its Pod, its node, and the stack itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.live.harness import PROJECT, Node, Stack
from tests.live.observation import (
    PROOF_PODS,
    REGISTRY_PODS,
    StoredImage,
    named,
    only_pod,
    push_keepsake,
    stored,
    until,
    versions,
)


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """The stack, up; each test leaves it so."""
    stack.up()
    return stack


@pytest.fixture
def keepsake(deployed: Stack, lab: Node) -> StoredImage:
    """An image in the registry that `pulumi up` knows nothing of, so that no `up` can bring it back."""
    assert deployed.outputs()["pushAddress"]
    push_keepsake(lab)
    image = stored(lab, "keepsake")
    # The comparison below means something only if the bytes are those that were pushed.
    assert image.blobs
    assert all(digest == found for digest, found in image.blobs.items())
    return image


def _has_started_again(node: Node, selector: str) -> bool:
    """Whether the Pod's container runs and is not the one from before the node's end."""
    state = only_pod(node, selector)["status"]["containerStatuses"][0]
    return bool(state["restartCount"] >= 1 and state["ready"])


def test_images_survive_the_deletion_of_the_registrys_pod(
    keepsake: StoredImage, deployed: Stack, lab: Node
) -> None:
    """The Deployment makes another Pod, which finds the same bytes; Pulumi has nothing to do."""
    old = only_pod(lab, REGISTRY_PODS)["metadata"]
    lab.kubectl("delete", "pod", old["name"])
    lab.kubectl("rollout", "status", "deployment/registry", "--timeout=60s")

    assert only_pod(lab, REGISTRY_PODS)["metadata"]["uid"] != old["uid"]
    assert stored(lab, "keepsake") == keepsake
    assert deployed.up("--expect-no-changes").changed == set()


def test_images_survive_a_restart_of_the_node(keepsake: StoredImage, deployed: Stack, lab: Node) -> None:
    """After a power cut the node brings back registry and proof by itself, with the same bytes."""
    pods = {selector: only_pod(lab, selector)["metadata"]["uid"] for selector in (REGISTRY_PODS, PROOF_PODS)}
    command = [sys.executable, "-m", "lab", "--lab", str(lab.lab.folder), "restart"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)

    for selector, uid in pods.items():
        until(lambda s=selector: _has_started_again(lab, s), f"the Pod {selector} to run again", seconds=120)  # type: ignore[misc]
        assert only_pod(lab, selector)["metadata"]["uid"] == uid
    assert stored(lab, "keepsake") == keepsake
    assert deployed.up("--expect-no-changes").changed == set()


def test_images_survive_destroy_and_up(keepsake: StoredImage, deployed: Stack, lab: Node) -> None:
    """Data is kept unless a setting says otherwise, though nothing else of the stack is."""
    before = versions(lab)
    htpasswd = lab.get(next(name for name in before if name.startswith("Secret/registry-htpasswd")))["data"]
    deployed.destroy()
    between = [name for name in versions(lab) if name != "Service/kubernetes"]
    deployed.up()

    assert between == []
    assert stored(lab, "keepsake") == keepsake
    after = versions(lab)
    # Another stack's life, another seed: a salt that came from user or password would be the same again.
    again = lab.get(next(name for name in after if name.startswith("Secret/registry-htpasswd")))["data"]
    assert again != htpasswd
    assert named(after, "Deployment/registry")[0] != named(before, "Deployment/registry")[0]

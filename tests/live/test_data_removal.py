"""`removeData` is the one way to lose images, and then no byte of them is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.harness import Node, Stack, Update
from tests.live.observation import MANIFEST, push_keepsake, versions

FOLDER = "/data/registry"


def _paths(lab: Node) -> list[str]:
    """All below the folder that the volume mounts, relative to it."""
    return lab.run(["find", f"{FOLDER}/registry", "-mindepth", "1", "-printf", "%P\n"]).stdout.splitlines()


@dataclass(frozen=True)
class Removal:
    """An `up` with `removeData`, the state it left, and the `up` after it."""

    update: Update
    paths_before: list[str]
    paths: list[str]
    replicas: int
    pods: list[str]
    outputs: dict[str, Any]
    second: Update


@pytest.fixture(scope="module")
def removal(stack: Stack, lab: Node) -> Removal:
    """Up with images, then up with `removeData`, twice."""
    stack.up()
    push_keepsake(lab)
    before = _paths(lab)
    stack.set("removeData", "true")
    update = stack.up()
    # Node trust stays, as it was.
    selectors = ["--field-selector=status.phase!=Succeeded", "--selector=app.kubernetes.io/name!=node-trust"]
    pods = lab.get("pods", *selectors)["items"]
    return Removal(
        update,
        before,
        _paths(lab),
        lab.get("deployment", "registry")["spec"]["replicas"],
        [pod["metadata"]["name"] for pod in pods],
        stack.outputs(),
        stack.up("--expect-no-changes"),
    )


def test_no_byte_of_any_image_is_left_when_up_returns(removal: Removal) -> None:
    """Not only the registry's view of them is empty: the folder on the node is."""
    assert any("keepsake" in path for path in removal.paths_before)
    assert removal.paths == []


def test_the_registry_and_its_proof_are_stopped(removal: Removal) -> None:
    """Nobody can push into the folder that is being emptied, and no output names an image that is gone."""
    assert ("deleted", "registry-proof-pod") in removal.update.changed
    assert removal.replicas == 0
    assert removal.pods == []
    assert not {"image", "proofPods"} & removal.outputs.keys()


def test_the_next_up_changes_nothing(removal: Removal) -> None:
    """The removal is not done over and over."""
    assert removal.second.changed == set()


def test_without_the_setting_the_registry_starts_again_empty(removal: Removal, stack: Stack, lab: Node) -> None:
    """The proof passes, and what was removed stays gone."""
    assert removal.update.code == 0
    stack.set("removeData", "false")
    stack.up()

    assert lab.registry("/v2/_catalog").body.strip() == '{"repositories":["alpine_test"]}'
    assert lab.registry("/v2/keepsake/manifests/1", headers=[MANIFEST]).status == 404


def test_a_destroy_after_the_removal_leaves_nothing(removal: Removal, stack: Stack, lab: Node) -> None:
    """As the setting's description promises: no object in the cluster, no file on the node."""
    assert removal.update.code == 0
    stack.set("removeData", "true")
    stack.up()
    stack.destroy()

    assert set(versions(lab)) == {"Service/kubernetes"}
    assert _paths(lab) == []

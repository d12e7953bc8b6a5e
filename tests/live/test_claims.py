"""A claim of a class that binds late: it grows, it is shared by replicas, and it is found again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live import volumes
from tests.live.harness import Node, Stack, Update
from tests.live.observation import REGISTRY_PODS, named, versions
from tests.live.registry_client import Client, Image

ADDRESS = "192.168.99.100:30500"
AUTHORITY = f"/etc/docker/certs.d/{ADDRESS}/private-registry.crt"
CLAIM = "registry-data"
WAITS_FOR_A_CLAIM = 300
"""Seconds that Pulumi would wait for one to be bound, or resized."""
PUSHES = 20


@dataclass(frozen=True)
class Deployed:
    """A stack with two replicas on a shared claim, and its first `up`."""

    stack: Stack
    first: Update


@pytest.fixture(scope="module")
def deployed(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stack, up; each test leaves it so."""
    with volumes.volume(lab, "lab-shared", "/data/shared", "ReadWriteMany"):
        stack = Stack.make(lab, tmp_path_factory.mktemp("claims"))
        for key, value in {
            "exposure": "nodePort",
            "storage": "claim",
            "claimClass": volumes.CLASS,
            "claimSize": "1Gi",
            "claimAccessMode": "ReadWriteMany",
            "replicas": "2",
        }.items():
            stack.set(key, value)
        yield Deployed(stack, stack.up())
        stack.remove()


def _client(lab: Node) -> Client:
    """A client that reaches any of the replicas."""
    return Client(lab, address=ADDRESS, authority=AUTHORITY)


def _claim(lab: Node) -> dict[str, Any]:
    return lab.get("persistentvolumeclaim", CLAIM)


def test_c39_up_waits_for_no_claim_that_waits_for_its_pod(deployed: Deployed, lab: Node) -> None:
    """The class binds a claim only once a Pod wants it, and then all is proven in one `up`."""
    assert deployed.first.seconds < WAITS_FOR_A_CLAIM
    assert _claim(lab)["status"]["phase"] == "Bound"
    assert deployed.stack.up("--expect-no-changes").changed == set()


def test_c34_replicas_on_a_shared_claim_take_pushes_as_one(deployed: Deployed, lab: Node) -> None:
    """Each request goes to any of the two, as each has a connection of its own."""
    assert deployed.first.code == 0
    pods = lab.get("pods", f"--selector={REGISTRY_PODS}")["items"]
    images = [Image.random(10_000, 100) for _ in range(PUSHES)]
    client = _client(lab)
    statuses = []
    for number, image in enumerate(images):
        statuses.append(client.push("shared", str(number), image).status)
        client.close()

    assert statuses == [201] * PUSHES
    assert all(client.has("shared", str(number), image) for number, image in enumerate(images))
    assert len(pods) == 2
    for pod in pods:
        log = lab.kubectl("logs", pod["metadata"]["name"], "--container=registry")
        assert re.search(r"/v2/shared/manifests/\d+", log)


def test_c39_a_claim_grows_in_place_and_never_shrinks(deployed: Deployed, lab: Node) -> None:
    """Growth touches the claim alone and waits for nobody; a smaller size is refused in preview, with the fix."""
    before = _claim(lab)["metadata"]["uid"], named(versions(lab), "Deployment/registry")
    deployed.stack.set("claimSize", volumes.SIZE)
    grown = deployed.stack.up()
    after = _claim(lab)["metadata"]["uid"], named(versions(lab), "Deployment/registry")
    with deployed.stack.settings_kept():
        deployed.stack.set("claimSize", "1Gi")
        shrunk = deployed.stack.preview(check=False)

    assert grown.changed == {("updated", CLAIM)}
    assert grown.seconds < WAITS_FOR_A_CLAIM
    assert after == before
    assert _claim(lab)["spec"]["resources"]["requests"]["storage"] == volumes.SIZE
    assert shrunk.code != 0
    assert f"claimSize must not be less than claim {CLAIM} has, {volumes.SIZE}" in shrunk.output
    assert f"pulumi config set claimSize {volumes.SIZE}" in shrunk.output


def test_a_claim_that_a_stack_left_can_be_named_by_another(deployed: Deployed, lab: Node) -> None:
    """It is then a claim of others: nothing of it is changed, and its images are served."""
    image = Image.random(1000)
    assert _client(lab).push("left", "1", image).status == 201
    before = _claim(lab)["metadata"]["uid"]
    deployed.stack.destroy()
    for key in ("claimClass", "claimSize"):
        deployed.stack.unset(key)
    deployed.stack.set("claimName", CLAIM)
    deployed.stack.up()

    assert _claim(lab)["metadata"]["uid"] == before
    assert _client(lab).has("left", "1", image)
    assert deployed.stack.up("--expect-no-changes").changed == set()

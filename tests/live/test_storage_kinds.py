"""Images outlive what the registry runs on, its Pod, its node and the stack itself, on every kind of storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.topology import SECOND
from tests.live import creating_provider, storage_kinds
from tests.live.harness import Node, Stack, Update
from tests.live.observation import (
    PROOF_PODS,
    REGISTRY_PODS,
    PodHistory,
    is_proven,
    named,
    only_pod,
    until,
    versions,
)
from tests.live.pulling import pulled
from tests.live.registry_client import Client, Image, Reply
from tests.live.storage_kinds import Kind

MIB = 2**20


@pytest.fixture(scope="module", params=storage_kinds.NAMES)
def kind(lab: Node, request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Each kind of storage, one after the other."""
    with storage_kinds.prepared(request.param, lab) as made:
        yield made


@dataclass(frozen=True)
class Deployed:
    """A stack on a kind of storage, and the first `up`."""

    stack: Stack
    first: Update


@pytest.fixture(scope="module")
def deployed(lab: Node, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stack, up; each test leaves it so."""
    stack = Stack.make(lab, tmp_path_factory.mktemp("project"))
    kind.configure(stack)
    if kind.name == "claim":
        # The only object that stays when a stack is destroyed; test_claims.py has the provider of before.
        creating_provider.use(stack.folder)
    yield Deployed(stack, stack.up())
    stack.remove()


@pytest.fixture
def client(deployed: Deployed, lab: Node) -> Iterator[Client]:
    """A client of that registry."""
    assert deployed.first.code == 0
    made = Client(lab)
    yield made
    made.close()


@pytest.fixture(scope="module")
def keepsake(deployed: Deployed, lab: Node) -> Image:
    """An image in the registry that `pulumi up` knows nothing of, so that no `up` can bring it back."""
    assert deployed.first.code == 0
    image = Image.random(12 * MIB, 100_000, 1)
    assert Client(lab).push("keepsake", "1", image).status == 201
    return image


def _has_started_again(node: Node, selector: str) -> bool:
    """Whether the Pod's container runs and is not the one from before the node's end."""
    state = only_pod(node, selector)["status"]["containerStatuses"][0]
    return bool(state["restartCount"] >= 1 and state["ready"])


def test_the_image_that_was_proven_lies_in_the_storage(deployed: Deployed, kind: Kind) -> None:
    """The node has pulled it from there; elsewhere is none."""
    assert is_proven(deployed.stack)
    assert (kind.files / "repositories" / "alpine_test").is_dir()
    assert kind.damage() == []


@pytest.fixture
def other_node(deployed: Deployed, lab: Node) -> Iterator[str]:
    """A node that joins after the `up`, for one test."""
    assert deployed.first.code == 0
    lab.lab_command("node", "add")
    yield SECOND.name
    lab.lab_command("node", "remove")


def test_a_node_without_the_storage_pulls_as_well(deployed: Deployed, other_node: str, lab: Node) -> None:
    """It is given the layers by the registry, wherever they are."""
    image = deployed.stack.outputs()["image"]
    with pulled(lab, other_node, image) as images:
        assert image in images


def test_images_survive_the_deletion_of_the_registrys_pod(keepsake: Image, client: Client, lab: Node) -> None:
    """The Deployment makes another Pod, which finds the same bytes."""
    old = only_pod(lab, REGISTRY_PODS)["metadata"]
    lab.kubectl("delete", "pod", old["name"])
    lab.kubectl("rollout", "status", "deployment/registry", "--timeout=60s")

    assert only_pod(lab, REGISTRY_PODS)["metadata"]["uid"] != old["uid"]
    assert client.has("keepsake", "1", keepsake)


def test_images_survive_a_restart_of_the_node(
    keepsake: Image, deployed: Deployed, client: Client, lab: Node
) -> None:
    """After a power cut the node brings back registry and proof by itself, and Pulumi has nothing to do."""
    pods = {selector: only_pod(lab, selector)["metadata"]["uid"] for selector in (REGISTRY_PODS, PROOF_PODS)}
    lab.lab_command("restart")

    for selector, uid in pods.items():
        until(lambda s=selector: _has_started_again(lab, s), f"the Pod {selector} to run again", seconds=120)  # type: ignore[misc]
        assert only_pod(lab, selector)["metadata"]["uid"] == uid
    assert client.has("keepsake", "1", keepsake)
    assert deployed.stack.up("--expect-no-changes").changed == set()


@dataclass(frozen=True)
class Switched:
    """An `up` with `readOnly`, what the registry answered then, and how many of its Pods there were."""

    update: Update
    pods: list[int]
    push: Reply
    manifest: Reply
    delete: Reply
    is_there: bool


@pytest.fixture(scope="module")
def read_only(keepsake: Image, deployed: Deployed, lab: Node) -> Switched:
    """Read-only, and images may be deleted."""
    history = PodHistory.start(lab)
    deployed.stack.set("deleteEnabled", "true")
    deployed.stack.set("readOnly", "true")
    update = deployed.stack.up()
    client = Client(lab)
    return Switched(
        update,
        history.numbers(),
        client.push_blob("refused", b"layer"),
        client.push_manifest("keepsake", "2", keepsake.manifest),
        client.request("DELETE", f"/v2/keepsake/manifests/{keepsake.digest}"),
        client.has("keepsake", "1", keepsake),
    )


def test_while_read_only_pushes_and_deletions_are_refused(read_only: Switched) -> None:
    """And not by an error of the server, after which clients would try again."""
    assert [reply.status for reply in (read_only.push, read_only.manifest, read_only.delete)] == [405] * 3
    assert read_only.push.body == b"Method not allowed\n"


def test_while_read_only_pulls_go_on(read_only: Switched) -> None:
    """The proof is one; another byte by byte."""
    assert read_only.update.code == 0
    assert read_only.is_there


def test_c37_never_two_registry_pods_at_once(read_only: Switched) -> None:
    """They would want the same port of the node, and the same single-writer volume."""
    assert read_only.pods == [1, 0, 1]


def test_c43_deletion_works_once_it_is_switched_on(
    read_only: Switched, deployed: Deployed, client: Client, keepsake: Image
) -> None:
    """And pushes work again, with `readOnly` off: what was deleted can be pushed again."""
    assert read_only.delete.status == 405
    deployed.stack.unset("readOnly")
    deployed.stack.up()
    deleted = client.request("DELETE", f"/v2/keepsake/manifests/{keepsake.digest}")

    assert deleted.status == 202
    assert client.manifest("keepsake", "1").status == 404
    assert client.push("keepsake", "1", keepsake).status == 201
    assert client.has("keepsake", "1", keepsake)


def test_images_survive_destroy_and_up(keepsake: Image, deployed: Deployed, lab: Node) -> None:
    """Data is kept unless a setting says otherwise, though nothing else of the stack is."""
    # As is the default.
    deployed.stack.unset("deleteEnabled")
    before = versions(lab)
    htpasswd = lab.get(next(name for name in before if name.startswith("Secret/registry-htpasswd")))["data"]
    deployed.stack.destroy()
    between = [name for name in versions(lab) if name != "Service/kubernetes"]
    deployed.stack.up()
    client = Client(lab)

    assert between == []
    assert client.has("keepsake", "1", keepsake)
    after = versions(lab)
    # Another stack's life, another seed: a salt that came from user or password would be the same again.
    again = lab.get(next(name for name in after if name.startswith("Secret/registry-htpasswd")))["data"]
    assert again != htpasswd
    assert named(after, "Deployment/registry")[0] != named(before, "Deployment/registry")[0]
    assert client.request("DELETE", f"/v2/keepsake/manifests/{keepsake.digest}").status == 405

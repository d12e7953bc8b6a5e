"""Rights that change: they hold when `up` ends, and no request is lost meanwhile."""

from __future__ import annotations

import pytest

from lab.images import NGINX, OLD_REGISTRY
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod
from tests.live.refusals import documented, printed
from tests.live.registry_client import Client, Image
from tests.live.steady_pulls import pulled

ACCOUNT = ("ci", "ci-password-1")
IMAGE = Image.random(5000, 100_000)


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """The stack, where one account may push for its team."""
    stack.set("doorImage", NGINX)
    stack.set("deleteEnabled", "false")
    stack.set("users.ci", ACCOUNT[1], secret=True, path=True)
    stack.set("rights.ci", "push team-a/*", path=True)
    stack.up()
    return stack


def pushed(lab: Node, repository: str) -> int:
    """How a push of the account ends."""
    client = Client(lab, account=ACCOUNT)
    try:
        return client.push(repository, "v1", IMAGE).status
    finally:
        client.close()


def test_changed_rights_hold_when_up_ends_and_cut_nothing(deployed: Stack, lab: Node) -> None:
    """The Pod stays, and pulls go on."""
    assert pushed(lab, "team-a/app") == 201
    assert pushed(lab, "team-b/app") == 403
    before = only_pod(lab, REGISTRY_PODS)["metadata"]["uid"]
    with pulled(lab, "team-a/app", IMAGE, ACCOUNT) as failed:
        deployed.set("rights.ci", "pull team-a/*, push team-b/*", path=True)
        update = deployed.up()
        assert (pushed(lab, "team-a/app"), pushed(lab, "team-b/app")) == (403, 201)

    assert failed == []
    assert ("updated", "registry-door") in update.changed
    assert only_pod(lab, REGISTRY_PODS)["metadata"]["uid"] == before


def test_crane_shows_that_nothing_may_be_deleted(deployed: Stack, lab: Node) -> None:
    """Not even by the account that may do everything, as the documents say."""
    assert deployed
    shown = printed(lab, (USER, PASSWORD), "delete", "team-a/app:v1")

    assert documented("a deletion, without `deleteEnabled`")["crane"] in shown["crane"]


def test_an_up_that_changes_nothing_asks_and_goes_on(deployed: Stack) -> None:
    """It waits for nothing."""
    again = deployed.up("--expect-no-changes")

    assert again.changed == set()
    assert "waiting" not in again.output


def test_rights_hold_after_another_version_of_the_registry(deployed: Stack, lab: Node) -> None:
    """Registry 2.8 is behind the same door, and its images are there."""
    deployed.set("image", OLD_REGISTRY.removeprefix("docker.io/library/"))
    deployed.set("allowOutdatedImage", "true")
    deployed.up()
    client = Client(lab, account=ACCOUNT)

    assert client.has("team-a/app", "v1", IMAGE)
    assert (pushed(lab, "team-a/app"), pushed(lab, "team-b/other")) == (403, 201)
    client.close()
    deployed.unset("image")
    deployed.unset("allowOutdatedImage")
    deployed.up()
    assert (pushed(lab, "team-a/app"), pushed(lab, "team-b/other")) == (403, 201)


def test_an_account_that_is_gone_is_let_in_no_more(deployed: Stack, lab: Node) -> None:
    """With its rights, and with rights at all: the last account opens everything again, without a door."""
    deployed.unset("users")
    deployed.unset("rights")
    deployed.unset("doorImage")
    deployed.up()

    assert pushed(lab, "team-b/app") == 401
    assert len(only_pod(lab, REGISTRY_PODS)["spec"]["containers"]) == 1
    assert Client(lab).push("team-a/app", "v2", IMAGE).status == 201

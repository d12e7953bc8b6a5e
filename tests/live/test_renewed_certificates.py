"""A certificate that somebody else renews in its Secret, as cert-manager does: served without anybody's `up`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from components.pem import Pair
from lab.images import NGINX
from tests.authority import DAY, Authority
from tests.live.harness import ADDRESS, Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod, served, until
from tests.live.registry_client import Client, Image
from tests.live.steady_pulls import pulled
from tests.live.tls_secrets import apply_secret, serves

SECRET = "web-tls"
HOST = ADDRESS.partition(":")[0]
TODAY = datetime.now(UTC)
ROOT = Authority("test-root", end=TODAY + 50 * DAY)
IMAGE = Image.random(5000)


def issue() -> Pair:
    """Another certificate, with another key."""
    return ROOT.issue(HOST, begin=TODAY - DAY, end=TODAY + 30 * DAY)


@pytest.fixture(scope="module")
def alone(stack: Stack, lab: Node) -> Iterator[Stack]:
    """The registry with the certificate of a Secret, without a door."""
    apply_secret(lab, issue(), SECRET)
    for key, value in {"tls": "provided", "tlsSecret": SECRET, "tlsCa": ROOT.pem}.items():
        stack.set(key, value)
    stack.up()
    pusher = Client(lab, ADDRESS)
    assert pusher.push("kept", "v1", IMAGE).status == 201
    pusher.close()
    yield stack
    stack.destroy()
    lab.kubectl("delete", "secret", SECRET)


@pytest.fixture(scope="module")
def with_door(alone: Stack) -> Stack:
    """The same with a door."""
    alone.set("doorImage", NGINX)
    alone.set("rights.pull", "pull *", path=True)
    alone.up()
    return alone


def identity(lab: Node) -> tuple[str, list[int]]:
    """Changes with the Pod, and with each restart of a container."""
    pod = only_pod(lab, REGISTRY_PODS)
    return pod["metadata"]["uid"], [status["restartCount"] for status in pod["status"]["containerStatuses"]]


def test_a_registry_alone_starts_anew_with_it_in_the_same_pod(alone: Stack, lab: Node) -> None:
    """Clients that come at that moment are refused, and come again."""
    assert alone
    before, renewed = identity(lab), issue()
    apply_secret(lab, renewed, SECRET)

    until(lambda: serves(lab, renewed), "the renewed certificate", seconds=60)
    assert identity(lab) == before
    until(lambda: Client(lab, ADDRESS).has("kept", "v1", IMAGE), "the registry")
    assert "certificate: renewed; the server starts anew" in lab.kubectl("logs", "deployment/registry")


def test_outside_of_its_time_it_is_left_for_later(alone: Stack, lab: Node) -> None:
    """For those who cannot have the registry away, for however short a time."""
    with alone.settings_kept():
        alone.set("tlsRenewalTime", f"{datetime.now(UTC) + timedelta(hours=3):%H:%M}")
        alone.up()
        before, renewed = served(lab), issue()
        apply_secret(lab, renewed, SECRET)
        file = "/tls/..data/tls.crt"
        until(
            lambda: lab.kubectl("exec", "deployment/registry", "--", "cat", file) == renewed.certificate,
            "the Secret in the Pod",
        )
        time.sleep(8)
        assert served(lab) == before
    alone.up()


def test_with_a_door_no_request_is_lost(with_door: Stack, lab: Node) -> None:
    """Twice in a row; and the next `up` has nothing to do."""
    before = identity(lab)
    with pulled(lab, "kept", IMAGE) as failed:
        for _ in range(2):
            renewed = issue()
            apply_secret(lab, renewed, SECRET)
            until(lambda pair=renewed: serves(lab, pair), "the renewed certificate", seconds=60)  # type: ignore[misc]
        time.sleep(2)

    assert failed == []
    assert identity(lab) == before
    again = with_door.up()
    assert {name for _, name in again.changed} <= {"registry-proof-image", "registry-proof-pod"}


def test_a_renewal_that_cannot_work_is_not_taken_over(with_door: Stack, lab: Node) -> None:
    """A certificate with the key of another: the one before is served on, and the log says why."""
    before, one, other = served(lab), issue(), issue()
    apply_secret(lab, Pair(one.certificate, other.key), SECRET)

    def logged() -> str:
        return lab.kubectl("logs", "deployment/registry", "--container=door", "--tail=20")

    until(lambda: "door: kept what was before" in logged(), "what the door says", seconds=60)
    assert "key values mismatch" in logged()
    assert served(lab) == before
    refused = with_door.preview(check=False)
    assert f"tls.key of default/{SECRET} must belong to" in refused.output
    apply_secret(lab, one, SECRET)
    until(lambda: serves(lab, one), "the one that works", seconds=60)

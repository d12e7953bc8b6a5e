"""Another version of the registry, up or down: the same configuration holds, and the same images are there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.harness import PUSH_ADDRESS, Node, Stack, Update
from tests.live.observation import (
    REGISTRY_PODS,
    PodHistory,
    StoredImage,
    only_pod,
    push_keepsake,
    stored,
    until,
)

OLD, NEW = "registry:2.8.2", "registry:3.1.2"


@dataclass(frozen=True)
class Seen:
    """The registry as clients and the cluster see it."""

    version: str
    anonymous: int
    authenticated: int
    keepsake: StoredImage
    pulled: str


@dataclass(frozen=True)
class Change:
    """An `up` with another image, the numbers of registry Pods meanwhile, and the registry after it."""

    update: Update
    pods: list[int]
    strategy: dict[str, Any]
    seen: Seen


def _look(lab: Node) -> Seen:
    image = f"{PUSH_ADDRESS}/keepsake:1"
    lab.run(["docker", "image", "rm", "--force", image])
    pod = only_pod(lab, REGISTRY_PODS)["metadata"]["name"]
    return Seen(
        lab.kubectl("exec", pod, "--container=registry", "--", "registry", "--version"),
        lab.registry("/v2/", account=None).status,
        lab.registry("/v2/").status,
        stored(lab, "keepsake"),
        lab.run(["docker", "pull", image]).stdout,
    )


def _change(stack: Stack, lab: Node, image: str) -> Change:
    history = PodHistory.start(lab)
    stack.set("image", image)
    update = stack.up()
    strategy = lab.get("deployment", "registry")["spec"]["strategy"]
    return Change(update, history.numbers(), strategy, _look(lab))


@pytest.fixture(scope="module")
def old(stack: Stack, lab: Node) -> Seen:
    """The old registry, up, with an image that was pushed to it."""
    stack.set("image", OLD)
    stack.set("allowOutdatedImage", "true")
    stack.up()
    push_keepsake(lab)
    return _look(lab)


@pytest.fixture(scope="module")
def upgraded(old: Seen, stack: Stack, lab: Node) -> Change:
    """Then the new one, from a Deployment that somebody rolled with RollingUpdate before."""
    assert old.anonymous == 401
    rolling = {
        "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    }
    lab.kubectl("patch", "deployment", "registry", "--patch", json.dumps(rolling))
    assert lab.get("deployment", "registry")["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 1
    return _change(stack, lab, NEW)


@pytest.fixture(scope="module")
def log_of_version_3(upgraded: Change, lab: Node) -> str:
    """Its log once it is long enough to hold what comes every 5 s, as the kubelet's probes do."""
    assert "3.1.2" in upgraded.seen.version

    def read() -> str:
        return lab.kubectl("logs", "deployment/registry", "--container=registry")

    until(lambda: read().count("kube-probe") >= 5, "the kubelet's fifth probe")
    return read()


@pytest.fixture(scope="module")
def downgraded(upgraded: Change, log_of_version_3: str, stack: Stack, lab: Node) -> Change:
    """And back, once the new one's log has been read."""
    assert upgraded.update.code == 0
    assert log_of_version_3
    return _change(stack, lab, OLD)


@pytest.fixture(params=["upgraded", "downgraded"])
def change(request: pytest.FixtureRequest) -> Change:
    """Each of the two changes."""
    found: Change = request.getfixturevalue(request.param)
    return found


def test_the_version_that_was_asked_for_runs(old: Seen, upgraded: Change, downgraded: Change) -> None:
    """Otherwise all else here would compare a registry with itself."""
    assert "3.1.2" in upgraded.seen.version
    assert "2.8" in old.version
    assert "2.8" in downgraded.seen.version


def test_c37_never_two_registry_pods_at_once(change: Change) -> None:
    """The old Pod is gone before the new one is made, even where the Deployment was a rolling one."""
    assert change.pods == [1, 0, 1]


def test_c37_no_rolling_update_block_is_left(change: Change) -> None:
    """Kubernetes refuses one beside Recreate."""
    assert change.strategy == {"type": "Recreate"}


def test_f2_another_version_is_proven_anew_and_nothing_else_changes(change: Change) -> None:
    """No account and no configuration depends on the registry's version.

    Node trust runs the same image, and rolls without a gap.
    """
    assert change.update.changed == {
        ("replaced", "registry"),
        ("updated", "registry-trust-daemon"),
        ("updated", "registry-proof-image"),
        ("replaced", "registry-proof-pod"),
    }


def test_c33_accounts_are_in_force_under_both_versions(old: Seen, change: Change) -> None:
    """The versions look for their own configuration in different places; ours is named by path."""
    assert (old.anonymous, old.authenticated) == (401, 200)
    assert (change.seen.anonymous, change.seen.authenticated) == (401, 200)


def test_c33_images_pushed_under_the_one_version_pull_under_the_other(old: Seen, change: Change) -> None:
    """Byte by byte, and by the Docker Engine after it forgot its own copy."""
    assert change.seen.keepsake == old.keepsake
    assert all(digest == found for digest, found in change.seen.keepsake.blobs.items())
    assert old.keepsake.digest in change.seen.pulled


def test_c33_version_3_exports_no_traces(log_of_version_3: str) -> None:
    """Left alone, it sends them to its own host every 5 s and logs that nobody listens there."""
    assert "listening on" in log_of_version_3
    assert "traces export" not in log_of_version_3

"""A new password: in force the moment `pulumi up` returns, everywhere, and without work that it does not need."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pytest

from tests.live.harness import ADDRESS, PASSWORD, USER, Node, Stack, Update
from tests.live.observation import REGISTRY_PODS, PodHistory, named, only_pod, push_keepsake, stored, versions

NEW = "quite another 42"


@dataclass(frozen=True)
class Rotation:
    """One password change, and what was seen around it."""

    preview: Update
    update: Update
    old_status: int
    new_status: int
    pods: list[int]
    before: dict[str, tuple[str, ...]]
    after: dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def rotation(stack: Stack, lab: Node) -> Rotation:
    """Up with the first password, then with the second; the registry is asked the moment `up` returns."""
    stack.up()
    push_keepsake(lab)
    before, history = versions(lab), PodHistory.start(lab)
    stack.set("password", NEW, secret=True)
    preview = stack.preview("--diff")
    update = stack.up()
    new, old = (lab.registry("/v2/", account=(USER, word)).status for word in (NEW, PASSWORD))
    return Rotation(preview, update, old, new, history.numbers(), before, versions(lab))


def test_c02_the_old_password_is_refused_and_the_new_one_works_when_up_returns(rotation: Rotation) -> None:
    """No moment remains in which the registry still goes by the old accounts, or does not answer."""
    assert (rotation.old_status, rotation.new_status) == (401, 200)


def test_c02_the_pull_secret_follows_in_place(rotation: Rotation, lab: Node) -> None:
    """The same Secret holds the new password, so that Pods never find it missing."""
    content = json.loads(base64.b64decode(lab.get("secret", "regcred")["data"][".dockerconfigjson"]))

    entry = content["auths"][ADDRESS]
    assert (entry["username"], entry["password"]) == (USER, NEW)
    assert base64.b64decode(entry["auth"]).decode() == f"{USER}:{NEW}"
    before, after = (named(objects, "Secret/regcred") for objects in (rotation.before, rotation.after))
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_c02_a_new_pod_pulls_with_the_new_password(rotation: Rotation, stack: Stack, lab: Node) -> None:
    """A Pod that nobody had before, with policy Always, gets the image."""
    assert rotation.update.code == 0
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "fresh"},
        "spec": {
            "imagePullSecrets": [{"name": "regcred"}],
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": stack.outputs()["image"], "imagePullPolicy": "Always"}],
        },
    }
    lab.kubectl("create", "--filename=-", stdin=json.dumps(pod))
    try:
        lab.wait_for("jsonpath={.status.phase}=Running", "pod/fresh")
    finally:
        lab.kubectl("delete", "pod", "fresh")


def test_only_what_holds_or_reads_the_password_is_touched(rotation: Rotation) -> None:
    """Two Secrets in place, one roll of the registry and a new proof; no image, Service or configuration."""
    assert rotation.update.changed == {
        ("updated", "registry-htpasswd"),
        ("updated", "registry-pull-secret-default"),
        ("replaced", "registry"),
        ("replaced", "registry-proof-pod"),
    }
    for untouched in ("Secret/registry-config", "Service/registry"):
        assert named(rotation.after, untouched) == named(rotation.before, untouched)
    htpasswd = [named(objects, "Secret/registry-htpasswd")[0] for objects in (rotation.before, rotation.after)]
    assert htpasswd[0] == htpasswd[1]
    assert named(rotation.after, "Pod/registry-proof") != named(rotation.before, "Pod/registry-proof")


def test_the_preview_of_the_change_shows_neither_password(rotation: Rotation) -> None:
    """The reviewer sees which objects change, and no secret."""
    assert "registry-htpasswd" in rotation.preview.output
    assert NEW not in rotation.preview.output
    for word in (NEW, PASSWORD):
        assert base64.b64encode(f"{USER}:{word}".encode()).decode() not in rotation.preview.output


def test_c37_never_two_registry_pods_at_once(rotation: Rotation, lab: Node) -> None:
    """The old Pod is gone before the new one is made: they could not share the port and the files."""
    assert rotation.pods == [1, 0, 1]
    deployment = lab.get("deployment", "registry")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert only_pod(lab, REGISTRY_PODS)["status"]["phase"] == "Running"


def test_images_survive_the_change(rotation: Rotation, lab: Node) -> None:
    """What was pushed with the old password is there for the new one."""
    assert rotation.new_status == 200
    image = stored(lab, "keepsake", account=(USER, NEW))

    assert all(digest == found for digest, found in image.blobs.items())


def test_the_next_up_changes_nothing(rotation: Rotation, stack: Stack) -> None:
    """The change is done with; it does not roll the registry once more."""
    assert rotation.update.code == 0
    assert stack.up("--expect-no-changes").changed == set()

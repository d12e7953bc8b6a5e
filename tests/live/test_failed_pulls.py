"""An image that cannot be pulled: `up` ends and prints why; a corrected `up` works (C29)."""

from __future__ import annotations

import json

import pytest

from tests.live.harness import FAILS_WITHIN, Node, Stack
from tests.live.observation import MANIFEST

IMAGE = "192.168.99.100:5000/alpine_test@"


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """A stack that is up."""
    stack.up()
    return stack


def new_image(stack: Stack, label: str) -> None:
    """Change the test image's content: the new one is what the proof Pod pulls next."""
    with (stack.folder / "test-image" / "Dockerfile").open("a") as file:
        file.write(f"LABEL version={label}\n")


def proof_runs(stack: Stack, lab: Node) -> bool:
    """Whether the Pod of the outputs runs the image of the outputs, and is the only proof Pod."""
    outputs = stack.outputs()
    pods = lab.get("pods", "--selector=app.kubernetes.io/name=proof")["items"]
    found = [
        (pod["metadata"]["name"], pod["status"]["phase"], pod["spec"]["containers"][0]["image"]) for pod in pods
    ]
    return found == [(outputs["proofPods"][0], "Running", outputs["image"])]


def test_c29_a_wrong_pull_secret_is_named_and_the_fix_in_the_message_works(deployed: Stack, lab: Node) -> None:
    """The registry's 401 is in what `up` prints, and what to type then."""
    wrong = json.dumps({"auths": {"192.168.99.100:5000": {"username": "test", "password": "wrong"}}})
    patch = json.dumps({"stringData": {".dockerconfigjson": wrong}})
    lab.kubectl("patch", "secret", "regcred", "--type=merge", f"--patch={patch}")
    new_image(deployed, "secret")
    failed = deployed.up_that_fails()
    mended = deployed.type_the_fix(failed.output)

    assert failed.code != 0
    assert "registry-proof-pod: its Pods do not start:" in failed.output
    assert "401 Unauthorized" in failed.output
    assert IMAGE in failed.output
    assert ("updated", "registry-pull-secret-default") in mended.changed
    assert proof_runs(deployed, lab)


def test_c29_an_image_that_is_gone_is_pushed_again_by_the_next_up(deployed: Stack, lab: Node) -> None:
    """Somebody deleted the proof's image by the registry's API, and nothing else changed but the accounts."""
    digest = deployed.outputs()["image"].rpartition("@")[2]
    assert lab.registry(f"/v2/alpine_test/manifests/{digest}", method="DELETE").status == 202
    deployed.set("users.second", "canary-Pa55", secret=True, path=True)
    mended = deployed.up()
    image = deployed.outputs()["image"].rpartition("@")[2]

    assert mended.code == 0
    assert lab.registry(f"/v2/alpine_test/manifests/{image}", headers=[MANIFEST]).status == 200
    assert proof_runs(deployed, lab)


def test_c29_a_registry_image_that_is_not_there_is_named_and_the_right_one_mends_it(
    deployed: Stack, lab: Node
) -> None:
    """The registry's own image: `up` ends within its limit, and the old Deployment is made again by the next."""
    deployed.set("image", "registry:9.9.9")
    failed = deployed.up_that_fails()
    deployed.unset("image")
    mended = deployed.up()

    assert failed.code != 0
    assert failed.seconds < FAILS_WITHIN
    # Node trust, which runs the same image, may be the first to fail.
    assert ": its Pods do not start:" in failed.output
    assert 'failed to pull and unpack image "docker.io/library/registry:9.9.9": failed to resolve ' in failed.output
    assert mended.code == 0
    assert lab.registry("/v2/").status == 200
    assert proof_runs(deployed, lab)

"""An image that cannot be pulled: `up` ends within its limit and prints why; a corrected `up` works (C29)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.live.harness import Node, Stack

SECRET = ("regcred", ".dockerconfigjson")
MANIFESTS = "/v2/alpine_test/manifests/"


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """A stack that is up and gives up soon."""
    stack.set("timeoutSeconds", "15")
    stack.up()
    return stack


@pytest.fixture
def dockerfile(deployed: Stack) -> Iterator[Stack]:
    """The same, for a test that changes the test image: a new image is what the proof Pod pulls next."""
    file = deployed.folder / "test-image" / "Dockerfile"
    before = file.read_text()
    yield deployed
    file.write_text(before)


def new_image(stack: Stack, label: str) -> None:
    """Change the test image's content."""
    with (stack.folder / "test-image" / "Dockerfile").open("a") as file:
        file.write(f"LABEL version={label}\n")


def proof_runs(stack: Stack, lab: Node) -> bool:
    """Whether the Pod of the outputs runs the image of the outputs, and is the only proof Pod."""
    outputs = stack.outputs()
    pods = lab.get("pods", "--selector=app.kubernetes.io/name=proof")["items"]
    return [
        (pod["metadata"]["name"], pod["status"]["phase"], pod["spec"]["containers"][0]["image"]) for pod in pods
    ] == [(outputs["proofPod"], "Running", outputs["image"])]


def test_c29_a_wrong_pull_secret_is_named_and_refresh_with_up_mends_it(dockerfile: Stack, lab: Node) -> None:
    """The registry's 401 is in what `up` prints."""
    wrong = json.dumps({"auths": {"192.168.99.100:5000": {"username": "test", "password": "wrong"}}})
    name, key = SECRET
    lab.kubectl("patch", "secret", name, "--type=merge", f"--patch={json.dumps({'stringData': {key: wrong}})}")
    new_image(dockerfile, "secret")
    failed = dockerfile.up(check=False)
    dockerfile.refresh()
    mended = dockerfile.up()

    assert failed.code != 0
    assert failed.seconds < 60
    assert "401 Unauthorized" in failed.output
    assert "192.168.99.100:5000/alpine_test@sha256:" in failed.output
    assert mended.code == 0
    assert proof_runs(dockerfile, lab)


def test_c29_an_image_that_is_gone_is_named_and_the_next_image_mends_it(dockerfile: Stack, lab: Node) -> None:
    """Somebody deleted the proof's image by the registry's API: 404 is printed, and a new one works."""
    digest = dockerfile.outputs()["image"].rpartition("@")[2]
    assert lab.registry(f"{MANIFESTS}{digest}", method="DELETE").status == 202
    dockerfile.set("users.second", "canary-Pa55", secret=True, path=True)
    failed = dockerfile.up(check=False)
    new_image(dockerfile, "gone")
    mended = dockerfile.up()

    assert failed.code != 0
    assert failed.seconds < 60
    assert f"192.168.99.100:5000/alpine_test@{digest}: not found" in failed.output
    assert mended.code == 0
    assert proof_runs(dockerfile, lab)


def test_c29_a_registry_image_that_is_not_there_is_named_and_the_right_one_mends_it(
    deployed: Stack, lab: Node
) -> None:
    """The registry's own image, which no account of ours could make available."""
    deployed.set("image", "registry:9.9.9")
    failed = deployed.up(check=False)
    deployed.unset("image")
    mended = deployed.up()

    assert failed.code != 0
    assert failed.seconds < 90
    assert 'failed to resolve reference "docker.io/library/registry:9.9.9"' in failed.output
    assert "registry: its Pods do not start:" in failed.output
    assert mended.code == 0
    assert lab.registry("/v2/").status == 200
    assert proof_runs(deployed, lab)

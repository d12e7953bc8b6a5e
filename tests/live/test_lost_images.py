"""A proof holds for what it was made with: another store, or one that lost its images, makes a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.harness import PASSWORD, PUSH_ADDRESS, USER, Node, Stack, Update
from tests.live.observation import MANIFEST, PROOF_PODS, only_pod, until

FOLDER = "/data/registry"
NEW_PROOF = {("replaced", "registry-proof-image"), ("replaced", "registry-proof-pod")}


@pytest.fixture(scope="module")
def deployed(stack: Stack, lab: Node) -> Iterator[Stack]:
    """The stack, up; each test leaves it so."""
    lab.run(["sh", "-c", f"rm -rf {FOLDER}-other"])
    stack.up()
    yield stack
    lab.run(["sh", "-c", f"rm -rf {FOLDER}-other"])


def uid(lab: Node) -> str:
    """The proof Pod's."""
    return str(only_pod(lab, PROOF_PODS)["metadata"]["uid"])


def assert_proven(stack: Stack, lab: Node, before: str) -> None:
    """The registry has what `image` names, and a Pod pulled it since `before`."""
    image = stack.outputs()["image"]
    pod = only_pod(lab, PROOF_PODS)

    assert lab.registry(f"/v2/alpine_test/manifests/{image.partition('@')[2]}", headers=[MANIFEST]).status == 200
    assert pod["metadata"]["uid"] != before
    assert pod["status"]["containerStatuses"][0]["ready"]
    assert pod["spec"]["containers"][0]["image"] == image


def type_the_replacement(stack: Stack, failed: Update) -> Update:
    """Type the one command that the message ends with."""
    *_, urn = re.findall(r"fix: `pulumi up --replace '(\S+)'`", failed.output)
    return stack.up("--replace", urn)


def test_f9_the_proof_outlives_its_sleep_and_ends_at_once(deployed: Stack, lab: Node) -> None:
    """In the image's own shell, as the first process. The sleep of an hour is ended as if the hour were over."""
    assert deployed.outputs()["proofPods"]
    pod = only_pod(lab, PROOF_PODS)["metadata"]["name"]
    processes = lab.kubectl("exec", pod, "--", "ps", "-o", "pid,args")
    [sleep] = re.findall(r"^ *(\d+) sleep 3600$", processes, re.MULTILINE)
    lab.kubectl("exec", pod, "--", "kill", sleep)
    until(lambda: "sleep 3600" in lab.kubectl("exec", pod, "--", "ps", "-o", "pid,args"), "the next hour")
    kept = only_pod(lab, PROOF_PODS)["status"]["containerStatuses"][0]
    # With the first process, this one is killed.
    lab.kubectl("exec", pod, "--", "kill", "-TERM", "1", check=False)

    def ended() -> dict[str, Any]:
        state = only_pod(lab, PROOF_PODS)["status"]["containerStatuses"][0]
        return dict(state["state"].get("terminated") or state["lastState"].get("terminated") or {})

    assert kept["restartCount"] == 0
    until(lambda: bool(ended()), "the end")
    assert ended()["exitCode"] == 0


def test_f2_another_folder_gets_the_image_and_a_pod_that_pulls_it(deployed: Stack, lab: Node) -> None:
    """Its catalog would be empty, and `image` would name what is nowhere."""
    before = uid(lab)
    deployed.set("hostPath", f"{FOLDER}-other")
    preview = deployed.preview()
    moved = deployed.up()

    assert "Image registry-proof-image update" in preview.output
    assert "Pod registry-proof-pod replace" in preview.output
    assert moved.changed == {("replaced", "registry"), *NEW_PROOF}
    assert_proven(deployed, lab, before)
    assert lab.run(["ls", f"{FOLDER}-other/registry/docker/registry/v2/repositories"]).stdout == "alpine_test\n"


@pytest.mark.parametrize("lost", ["/docker/*", "/docker/registry/v2/blobs/*"])
def test_f2_a_folder_that_was_emptied_by_hand_is_noticed_and_filled(deployed: Stack, lab: Node, lost: str) -> None:
    """Behind Pulumi's back, while the registry runs."""
    before = uid(lab)
    lab.run(["sh", "-c", f"rm -r {FOLDER}*/registry{lost}"])
    mended = deployed.up()

    assert mended.changed == NEW_PROOF
    assert_proven(deployed, lab, before)


def test_f2_a_folder_that_was_removed_whole_is_made_anew_and_filled(deployed: Stack, lab: Node) -> None:
    """Below a running registry, which then answers and can store nothing until its Pod is another.

    A preview asks nobody, and does not fail; once all is mended there is nothing left to do.
    """
    before = uid(lab)
    lab.run(["sh", "-c", f"rm -r {FOLDER}*"])
    preview = deployed.preview()
    mended = deployed.up()

    assert preview.code == 0
    assert mended.changed == {("replaced", "registry"), *NEW_PROOF}
    assert_proven(deployed, lab, before)
    assert deployed.up("--expect-no-changes").changed == set()


def test_f2_an_empty_store_behind_a_lost_deployment_is_filled(deployed: Stack, lab: Node) -> None:
    """The image is looked up once the registry is back, in the same `up`."""
    before = uid(lab)
    lab.kubectl("delete", "deployment", "registry")
    lab.run(["sh", "-c", f"rm -r {FOLDER}*"])
    mended = deployed.up("--refresh")

    assert mended.code == 0
    assert_proven(deployed, lab, before)


def test_f2_a_manifest_that_is_gone_under_its_digest_alone_fails_with_the_command(
    deployed: Stack, lab: Node
) -> None:
    """Somebody pushed another image under the tag, and ours was removed: before the push nothing tells that."""
    before = uid(lab)
    image = deployed.outputs()["image"]
    tag = f"{PUSH_ADDRESS}/alpine_test:test_1.0"
    lab.run(["sh", "-c", f"docker login {PUSH_ADDRESS} --username {USER} --password-stdin"], stdin=PASSWORD)
    lab.run(["sh", "-c", f"docker tag alpine {tag} && docker push {tag}"])
    revision = f"repositories/alpine_test/_manifests/revisions/sha256/{image.partition('@sha256:')[2]}"
    lab.run(["sh", "-c", f"rm -r {FOLDER}*/registry/docker/registry/v2/{revision}"])
    failed = deployed.up(check=False)
    mended = type_the_replacement(deployed, failed)

    assert failed.code != 0
    assert "Traceback" not in failed.output
    assert f"{image} was pushed and is not in the registry any more" in failed.output
    assert mended.changed == NEW_PROOF
    assert_proven(deployed, lab, before)

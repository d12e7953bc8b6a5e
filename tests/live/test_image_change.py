"""The test image: rebuilt when its content changes, under the same tag too, and only then."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from tests.live.harness import Node, Stack, Update
from tests.live.observation import MANIFEST, PROOF_PODS, only_pod, versions


@dataclass(frozen=True)
class Edit:
    """One `up` after an edit of the image's files, and the objects around it."""

    update: Update
    before: dict[str, tuple[str, ...]]
    after: dict[str, tuple[str, ...]]


ONLY_THE_IMAGE_AND_ITS_POD = {("updated", "registry-proof-image"), ("replaced", "registry-proof-pod")}


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """Up, with a context that has a file to copy and one that is ignored."""
    context = stack.folder / "test-image"
    (context / "greeting").write_text("hello\n")
    (context / "notes.txt").write_text("nobody's business\n")
    (context / ".dockerignore").write_text("notes.txt\n")
    with (context / "Dockerfile").open("a") as file:
        file.write("ENV EDITION=first\nCOPY greeting /greeting\n")
    stack.up()
    return stack


def _edit(stack: Stack, lab: Node, name: str, old: str, new: str) -> Edit:
    before = versions(lab)
    path = stack.folder / "test-image" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    update = stack.up()
    return Edit(update, before, versions(lab))


@pytest.fixture(scope="module")
def edited_dockerfile(deployed: Stack, lab: Node) -> Edit:
    """A changed line in the Dockerfile."""
    return _edit(deployed, lab, "Dockerfile", "EDITION=first", "EDITION=second")


def _assert_new_content_runs(stack: Stack, lab: Node, edit: Edit) -> None:
    assert edit.update.changed == ONLY_THE_IMAGE_AND_ITS_POD
    touched = {
        name for name in edit.before.keys() | edit.after.keys() if edit.before.get(name) != edit.after.get(name)
    }
    assert touched == {"Pod/registry-proof-pod"}
    answer = lab.registry("/v2/alpine_test/manifests/test_1.0", method="HEAD", headers=[MANIFEST])
    container = only_pod(lab, PROOF_PODS)["spec"]["containers"][0]
    assert container["image"].endswith(f"alpine_test@{answer.headers['docker-content-digest']}")
    assert container["image"] == stack.outputs()["image"]


def test_c22_a_changed_line_in_the_dockerfile_runs_under_the_same_tag(
    edited_dockerfile: Edit, deployed: Stack, lab: Node
) -> None:
    """The Pod names the image by digest, so the new content replaces it; nothing else is touched."""
    _assert_new_content_runs(deployed, lab, edited_dockerfile)
    pod = only_pod(lab, PROOF_PODS)["metadata"]["name"]
    assert lab.kubectl("exec", pod, "--", "sh", "-c", "echo $EDITION") == "second\n"


def test_c24_an_edited_file_of_the_context_changes_image_and_pod_alone(
    edited_dockerfile: Edit, deployed: Stack, lab: Node
) -> None:
    """A file that the Dockerfile copies is content of the image as well."""
    assert edited_dockerfile.update.code == 0
    edit = _edit(deployed, lab, "greeting", "hello", "good morning")

    _assert_new_content_runs(deployed, lab, edit)
    pod = only_pod(lab, PROOF_PODS)["metadata"]["name"]
    assert lab.kubectl("exec", pod, "--", "cat", "/greeting") == "good morning\n"


def test_c24_what_is_no_content_of_the_image_changes_nothing(deployed: Stack, lab: Node) -> None:
    """Times, which are others in a fresh clone, what .dockerignore lists, and the project's other files."""
    before = versions(lab)
    for path in (deployed.folder / "test-image").iterdir():
        os.utime(path, (1, 1))
    (deployed.folder / "test-image" / "notes.txt").write_text("something else\n")
    (deployed.folder / "unrelated.txt").write_text("new\n")

    assert deployed.up("--expect-no-changes").changed == set()
    assert versions(lab) == before

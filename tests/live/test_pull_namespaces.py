"""Pull secrets by a label of namespaces, and ServiceAccounts whose Pods need not name them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.live import creating_provider
from tests.live.harness import Node, Stack, Update

SELECTED, LATER, OTHER, GONE = "team-selected", "team-later", "team-other", "team-gone"
SELECTOR = "registry=yes,!archived"
THEIRS = "of-others"


@pytest.fixture(scope="module")
def namespaces(lab: Node) -> Iterator[list[str]]:
    """One with the label, and two without."""
    names = [SELECTED, LATER, OTHER]
    for name in names:
        lab.kubectl("create", "namespace", name)
    lab.kubectl("label", "namespace", SELECTED, "registry=yes")
    yield names
    lab.kubectl("delete", "namespace", *names)


@pytest.fixture(scope="module")
def first(namespaces: list[str], stack: Stack) -> Update:
    """The stack, up for that label and for each `default`, by a provider that makes nothing that is there."""
    assert namespaces
    creating_provider.use(stack.folder)
    stack.set("pullNamespaceSelector", SELECTOR)
    stack.set("pullServiceAccounts[0]", "default", path=True)
    return stack.up()


def holders(lab: Node) -> set[str]:
    """The namespaces that have the pull secret."""
    found = lab.get("secrets", "--all-namespaces", "--field-selector=metadata.name=regcred")["items"]
    return {item["metadata"]["namespace"] for item in found}


def pull_secrets(lab: Node, namespace: str) -> list[str]:
    """What the namespace's `default` lists."""
    account = lab.get("serviceaccount", "default", f"--namespace={namespace}")
    return [item["name"] for item in account.get("imagePullSecrets", [])]


def runs(lab: Node, namespace: str, image: str) -> bool:
    """Whether a Pod that names no pull secret gets the image."""
    words = [f"--namespace={namespace}", f"--image={image}", "--image-pull-policy=Always", "--restart=Never"]
    lab.kubectl("run", "plain", *words)
    reached = lab.kubectl(
        "wait", "pod/plain", f"--namespace={namespace}", "--for=condition=Ready", "--timeout=20s", check=False
    )
    lab.kubectl("delete", "pod", "plain", f"--namespace={namespace}", "--grace-period=0", "--force")
    return "condition met" in reached


def test_only_namespaces_with_the_label_get_the_secret(first: Update, stack: Stack, lab: Node) -> None:
    """Beside those that are named; a Pod elsewhere gets no image."""
    image = stack.outputs()["image"]

    assert first.code == 0
    assert holders(lab) == {"default", SELECTED}
    assert [pull_secrets(lab, name) for name in ("default", SELECTED, OTHER)] == [["regcred"], ["regcred"], []]
    assert runs(lab, SELECTED, image)
    assert not runs(lab, OTHER, image)
    assert stack.up("--expect-no-changes").changed == set()


def test_a_namespace_that_is_labelled_later_is_served_by_the_next_up(
    first: Update, stack: Stack, lab: Node
) -> None:
    """And one that loses its label has nothing left of ours."""
    assert first.code == 0
    lab.kubectl("label", "namespace", LATER, "registry=yes")
    lab.kubectl("label", "namespace", SELECTED, "archived=yes")
    stack.up()

    assert holders(lab) == {"default", LATER}
    assert [pull_secrets(lab, name) for name in (SELECTED, LATER)] == [[], ["regcred"]]
    assert runs(lab, LATER, stack.outputs()["image"])


def test_a_list_of_others_is_left_alone(first: Update, stack: Stack, lab: Node) -> None:
    """A preview refuses it, with the way out; so does a selector that is none."""
    assert first.code == 0
    patch = json.dumps({"imagePullSecrets": [{"name": THEIRS}]})
    lab.kubectl("patch", "serviceaccount", "default", f"--namespace={OTHER}", f"--patch={patch}")
    lab.kubectl("label", "namespace", OTHER, "registry=yes")
    refused = stack.preview(check=False)
    lab.kubectl("label", "namespace", OTHER, "registry-")
    with stack.settings_kept():
        stack.set("pullNamespaceSelector", "registry in yes")
        wrong = stack.preview(check=False)

    assert refused.code != 0
    assert f"must have no pull secrets of others, and {OTHER}/default has {THEIRS}; fix: " in refused.output
    assert wrong.code != 0
    assert (
        "private-registry:pullNamespaceSelector must be a label selector that the cluster answers: " in wrong.output
    )
    assert pull_secrets(lab, OTHER) == [THEIRS]


def test_a_namespace_that_is_gone_is_forgotten_by_what_the_message_says(
    first: Update, stack: Stack, lab: Node
) -> None:
    """The provider cannot give a list back that is no more."""
    assert first.code == 0
    lab.kubectl("create", "namespace", GONE)
    lab.kubectl("label", "namespace", GONE, "registry=yes")
    lab.wait_for("create", "serviceaccount/default", namespace=GONE)
    stack.up()
    lab.kubectl("delete", "namespace", GONE)
    failed = stack.up(check=False)
    mended = stack.up("--refresh")

    assert f"namespace {GONE} is gone, with all that was in it; fix: `pulumi up --refresh`" in failed.output
    assert mended.code == 0
    assert stack.up("--expect-no-changes").changed == set()


def test_destroy_removes_the_secrets_and_patches_and_nothing_else(first: Update, stack: Stack, lab: Node) -> None:
    """The namespaces and their ServiceAccounts stay."""
    assert first.code == 0
    stack.destroy()

    assert holders(lab) == set()
    assert [pull_secrets(lab, name) for name in ("default", LATER, OTHER)] == [[], [], [THEIRS]]

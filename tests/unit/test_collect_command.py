"""What `make collect` refuses before it touches anything, and which Pods may still take pushes."""

from typing import Any

import pytest

from operations.collection import collect
from operations.failure import OperationError
from operations.progress import Progress
from operations.registry_pods import Pod
from operations.stack import Stack


def stack(**settings: object) -> Stack:
    """A stack as it is read; its cluster is never reached."""
    return Stack("prod", {}, settings, "canary-canary")


def test_c46_untagged_images_are_not_removed_by_versions_that_would_break_others() -> None:
    """Whatever was asked for."""
    with pytest.raises(OperationError, match=r'^UNTAGGED must be false with "registry:2.8.3": versions before 3.0'):
        collect(stack(image="registry:2.8.3"), Progress(), remove=True, untagged=True)


def test_a_registry_that_collects_by_itself_is_told_to_do_so() -> None:
    """With the command for it: `readOnly` is refused beside `collectionTime`."""
    with pytest.raises(OperationError) as refused:
        collect(stack(collectionTime="03:30"), Progress(), remove=True, untagged=False)

    assert str(refused.value) == (
        "the registry collects by itself at 03:30 (collectionTime); "
        "fix: `kubectl exec deployment/registry -- sh -c 'kill -USR1 1'` has it collect now"
    )


POD: dict[str, Any] = {
    "metadata": {"name": "registry-1", "annotations": {"private-registry/revision": "abc"}},
    "spec": {"terminationGracePeriodSeconds": 315},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def test_a_pod_that_is_ending_may_be_ready_for_a_while() -> None:
    """It finishes pushes then."""
    ending = POD | {"metadata": POD["metadata"] | {"deletionTimestamp": "2026-11-26T00:00:00Z"}}

    assert Pod.read(POD) == Pod("registry-1", "abc", is_ready=True, is_ending=False, grace=315)
    assert Pod.read(ending).is_ending


def test_a_pod_that_has_just_been_made_tells_little() -> None:
    """It has no conditions, and one that somebody else made no annotations."""
    pod = Pod.read({"metadata": {"name": "new"}, "spec": {}, "status": {}})

    assert pod == Pod("new", "", is_ready=False, is_ending=False, grace=0)

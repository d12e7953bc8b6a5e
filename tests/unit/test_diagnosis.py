"""What counts as a reason why Pods do not start."""

from __future__ import annotations

from typing import Any

import pytest

from components.cluster.diagnosis import fixes, reasons


def pod(**status: object) -> dict[str, Any]:
    """A Pod as `kubectl get` gives it."""
    return {"metadata": {"uid": "pod"}, "status": status}


def event(reason: str, message: str, uid: str = "pod") -> dict[str, Any]:
    """A warning about an object."""
    return {"reason": reason, "message": message, "involvedObject": {"uid": uid}}


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ({"conditions": [{"type": "PodScheduled", "message": "no free ports"}]}, ["no free ports"]),
        ({"conditions": [{"type": "Ready", "message": "containers with unready status"}]}, []),
        (
            {"initContainerStatuses": [{"name": "own", "state": {"waiting": {"reason": "X", "message": "no\n"}}}]},
            ["container own: no"],
        ),
        ({"containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "PodInitializing"}}}]}, []),
        (
            {
                "containerStatuses": [
                    {
                        "name": "a",
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                        "lastState": {"terminated": {"exitCode": 1, "message": "read-only"}},
                    }
                ]
            },
            ["container a: read-only"],
        ),
        ({"containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 0, "message": "done"}}}]}, []),
        ({"containerStatuses": [{"name": "a", "state": {"running": {}}}]}, []),
    ],
)
def test_states_tell_what_failed_and_not_that_something_waits(status: dict[str, Any], found: list[str]) -> None:
    """The scheduler's words, a container's own last words; no back-off, no success."""
    assert reasons([pod(**status)], []) == found


def test_warnings_are_about_the_own_objects_alone() -> None:
    """Events stay for an hour, also those of Pods that were replaced."""
    events = [event("FailedMount", "not a directory"), event("FailedMount", "old", "gone")]

    assert reasons([pod()], events) == ["not a directory"]


def test_each_text_comes_once_and_without_noise() -> None:
    """Kubernetes repeats itself, and adds lines that only say that it goes on trying."""
    events = [
        event("Failed", "Failed to pull image"),
        event("Failed", "Failed to pull image"),
        event("Failed", "Error: ImagePullBackOff"),
        event("BackOff", "Back-off restarting"),
    ]

    assert reasons([pod()], events) == ["Failed to pull image"]


def test_fix_has_the_pods_tried_at_once() -> None:
    """The node's next try may be minutes away."""
    [fix] = fixes(["not found"], "pods --selector a=b")

    assert "`kubectl delete pods --selector a=b`" in fix
    assert fix.endswith("and `pulumi up --refresh`")


def test_certificate_that_is_not_trusted_is_a_matter_of_node_trust() -> None:
    """The runtime's own words name neither the setting nor the folder."""
    hint, fix = fixes(["Head https://registry: x509: certificate signed by unknown authority"], "pods")

    assert "`pulumi config set nodeTrust <kind>`" in hint
    assert fix.startswith("fix: ")

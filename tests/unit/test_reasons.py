"""What counts as a reason why Pods do not start, and that each is said once."""

from __future__ import annotations

from typing import Any

import pytest

from components.cluster.reasons import reasons

CREATED = "2026-11-25T10:00:00Z"


def pod(uid: str = "pod", **status: object) -> dict[str, Any]:
    """A Pod as `kubectl get` gives it."""
    return {"kind": "Pod", "metadata": {"uid": uid, "name": uid}, "spec": {}, "status": status}


def owner(kind: str, name: str = "registry", **status: object) -> dict[str, Any]:
    """An object that owns Pods."""
    return {"kind": kind, "metadata": {"uid": name, "name": name, "creationTimestamp": CREATED}, "status": status}


def event(reason: str, message: str, uid: str = "pod", **about: str) -> dict[str, Any]:
    """A warning about an object."""
    return {
        "reason": reason,
        "message": message,
        "involvedObject": {"uid": uid, **about},
        "metadata": {},
        "lastTimestamp": "2026-11-25T10:00:08Z",
    }


def node(name: str, ready: str, message: str = "") -> dict[str, Any]:
    """A node of the cluster."""
    return {
        "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": ready, "message": message}]},
    }


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
        (
            {
                "containerStatuses": [
                    {
                        "name": "registry",
                        "state": {"running": {}},
                        "lastState": {
                            "terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "GET /v2/"}
                        },
                    }
                ]
            },
            ["container registry: OOMKilled, exit code 137"],
        ),
        (
            {"containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]},
            ["container a: Error, exit code 2"],
        ),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": "The node was low on resource: ephemeral-storage. ",
            },
            ["The node was low on resource: ephemeral-storage."],
        ),
    ],
)
def test_states_tell_what_failed_and_not_that_something_waits(status: dict[str, Any], found: list[str]) -> None:
    """The scheduler's words, a container's own last words, its end; no back-off, no success."""
    assert reasons([pod(**status)], []) == found


def test_warnings_are_about_the_own_objects_alone() -> None:
    """Events stay for an hour, also those of Pods that were replaced."""
    events = [event("FailedMount", "not a directory"), event("FailedMount", "old", "gone")]

    assert reasons([pod()], events) == ["not a directory"]


def test_each_text_comes_once_and_without_noise() -> None:
    """Kubernetes repeats itself, and adds lines that only say that it goes on trying."""
    refused = "dial tcp 10.244.0.7:5000: connect: connection refused"
    events = [
        event("Failed", "Failed to pull image"),
        event("Failed", "Failed to pull image"),
        event("Failed", "Error: ImagePullBackOff"),
        event("BackOff", "Back-off restarting"),
        event("Unhealthy", f'Startup probe failed: Get "https://10.244.0.7:5000/": {refused}'),
    ]

    assert reasons([pod()], events) == ["Failed to pull image"]


@pytest.mark.parametrize("kind", ["ReplicaSet", "DaemonSet", "Job"])
def test_n11_a_refusal_comes_once_whatever_the_pods_random_name(kind: str) -> None:
    """The controller tries again and again, each time with another name, on which the refusal does not depend."""
    refused = (
        '"registry-trust-{}" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2'
    )
    names = ("x2k4p", "bbvj7", "9zqwd")
    events = [event("FailedCreate", f"Error creating: pods {refused.format(name)}", "registry") for name in names]
    events.append(event("FailedCreate", f"(combined from similar events): {events[0]['message']}", "registry"))
    condition = {"type": "ReplicaFailure", "message": f"pods {refused.format('gpn6h')}"}

    found = reasons([owner(kind, conditions=[condition])], events)

    assert found == [f"pods {refused.format('gpn6h')}"]


def test_one_failed_pull_is_said_once_by_state_and_event() -> None:
    """Kubelets write the runtime's words behind prefixes of their own, which newer ones put into the state too."""
    said = (
        'failed to pull and unpack image "registry.test:5000/a@sha256:1": failed to do request: Head '
        '"https://registry.test:5000/v2/a": read tcp 10.0.0.7:{}->10.0.0.5:5000: i/o timeout'
    )
    waiting = {
        "reason": "ImagePullBackOff",
        "message": f'Back-off pulling image "a": ErrImagePull: {said.format(1)}',
    }
    statuses = [{"name": "proof", "state": {"waiting": waiting}}]
    events = [event("Failed", f'Failed to pull image "a": {said.format(port)}') for port in (48022, 48122)]

    assert len(reasons([pod(containerStatuses=statuses)], events)) == 1


def test_a_node_that_is_off_is_the_reason_for_a_pod_that_waits_there() -> None:
    """A DaemonSet waits for every node; nothing else says why."""
    bound = pod()
    bound["spec"] = {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "values": ["worker"]}]}]
                }
            }
        }
    }
    nodes = [
        node("worker", "Unknown", "Kubelet stopped posting node status."),
        node("other", "False", "off as well"),
        node("minikube", "True"),
    ]

    assert reasons([bound], [], nodes) == ["node worker is not ready: Kubelet stopped posting node status."]


def test_n14_a_job_s_reason_survives_the_pod_that_kubernetes_removes_at_the_time_limit() -> None:
    """The time limit itself is named only where no other reason is known."""
    condition = {"type": "Failed", "message": "Job was active longer than specified deadline"}
    job = owner("Job", "registry-data-removal", conditions=[condition])
    cordoned = "0/1 nodes are available: 1 node(s) were unschedulable."
    about = {"kind": "Pod", "name": "registry-data-removal-x2k4p"}
    # The scheduler writes parts of a second, objects do not.
    late = {
        **event("FailedScheduling", cordoned, "gone", **about),
        "lastTimestamp": None,
        "eventTime": "2026-11-25T10:00:00.482913Z",
    }
    early = {**event("FailedScheduling", "0/1 nodes", "gone", **about), "lastTimestamp": "2026-11-25T09:00:00Z"}

    assert reasons([job], [early, late]) == [cordoned]
    assert reasons([job], [early]) == ["Job was active longer than specified deadline"]

"""What a failed `up` says: each reason once, in the cluster's own words, and a way out that works."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.live.harness import FAILS_WITHIN, TIME_LIMIT, Node, Stack

NAMESPACE = "tight"
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "few"},
    "spec": {"hard": {"pods": "2"}},
}
OFF = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "worker-7", "labels": {"kubernetes.io/os": "linux"}},
}
SAYS_OFF = {
    "status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting"}]}
}


@pytest.fixture
def off(lab: Node) -> Iterator[str]:
    """Give the name of a node whose machine does not run."""
    lab.kubectl("apply", "-f", "-", stdin=json.dumps(OFF))
    lab.kubectl("patch", "node", "worker-7", "--subresource=status", f"--patch={json.dumps(SAYS_OFF)}")
    yield "worker-7"
    lab.kubectl("delete", "node", "worker-7", "--ignore-not-found")


@pytest.fixture
def tight(lab: Node, fresh_stack: Stack) -> Iterator[Stack]:
    """A stack that is in a namespace of its own, which the test makes tight."""
    lab.kubectl("create", "namespace", NAMESPACE)
    fresh_stack.set("namespace", NAMESPACE)
    fresh_stack.set("pullNamespaces[0]", NAMESPACE, path=True)
    yield fresh_stack
    fresh_stack.destroy()
    lab.kubectl("delete", "namespace", NAMESPACE)


def told(output: str, resource: str) -> list[str]:
    """Give the lines that were printed about a resource, once the update had failed."""
    _, _, after = output.partition("Diagnostics:")[2].partition(f"error: {resource}: ")
    return [line.strip() for line in after.partition("error: ")[0].splitlines()]


def test_n11_pod_security_is_said_once_for_each_object_and_the_label_helps(tight: Stack, lab: Node) -> None:
    """Not once for each random name of a Pod that was tried; and hostPath and hostPort alone are in the way."""
    lab.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=baseline")
    tight.set("timeoutSeconds", str(TIME_LIMIT))
    failed = tight.up(check=False)
    _, reason, advice, again, *_ = told(failed.output, "registry")
    label = advice.split("`")[1]
    lab.run(["sh", "-c", label])
    tight.unset("timeoutSeconds")
    for resource in ("registry", "registry-trust-daemon"):
        lab.run(["sh", "-c", told(failed.output, resource)[3].split("`")[1]])
    mended = tight.up("--refresh")

    assert failed.code != 0
    assert reason.partition("is forbidden: ")[2] == (
        'violates PodSecurity "baseline:latest": hostPath volumes (volume "data"), hostPort (container "registry" '
        "uses hostPort 5000)"
    )
    assert label == (
        f"kubectl label namespace {NAMESPACE} --overwrite pod-security.kubernetes.io/enforce=privileged"
    )
    assert again.endswith("and `pulumi up --refresh`")
    assert len([line for line in told(failed.output, "registry") if "violates PodSecurity" in line]) == 1
    assert len([line for line in told(failed.output, "registry-trust-daemon") if "violates" in line]) == 1
    assert ("created", "registry-proof-pod") in mended.changed


def test_n11_a_quota_that_the_proof_meets_is_named_with_the_way_out(tight: Stack, lab: Node) -> None:
    """The API server refuses a Pod of its own at once; there is nothing to wait for."""
    lab.kubectl("apply", "--namespace", NAMESPACE, "-f", "-", stdin=json.dumps(QUOTA))
    failed = tight.up(check=False)
    lab.kubectl("delete", "resourcequota", "few", "--namespace", NAMESPACE)
    mended = tight.up()

    assert failed.code != 0
    assert "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2" in failed.output
    assert told(failed.output, "registry-proof-pod")[0] == (
        f"ResourceQuota few of namespace {NAMESPACE} leaves no room: raise it, or remove others' Pods; "
        f"`kubectl describe resourcequota few --namespace {NAMESPACE}` shows it"
    )
    assert mended.changed == {("created", "registry-proof-pod")}


def test_n14_a_removal_on_a_cordoned_node_ends_within_the_limit_with_the_scheduler_s_words(
    fresh_stack: Stack, lab: Node
) -> None:
    """What it did not remove stays, also when the node takes Pods again, until the next `up` removes it."""
    fresh_stack.up()
    lab.kubectl("cordon", "minikube")
    try:
        fresh_stack.set("removeData", "true")
        fresh_stack.set("timeoutSeconds", str(TIME_LIMIT))
        failed = fresh_stack.up(check=False)
    finally:
        lab.kubectl("uncordon", "minikube")
    kept = lab.run(["ls", "/data/registry/registry"]).stdout
    mended = fresh_stack.up()

    assert failed.code != 0
    assert failed.seconds < FAILS_WITHIN
    _, reason, advice, again, *_ = told(failed.output, "registry-data-removal")
    assert reason.startswith("0/1 nodes are available: 1 node(s) were unschedulable.")
    assert advice == "node minikube is cordoned: `kubectl uncordon minikube`"
    assert again == "fix: mend that, then `pulumi up --refresh`"
    assert kept
    assert mended.code == 0
    assert lab.run(["ls", "-A", "/data/registry/registry"]).stdout == ""


def test_a_node_that_is_off_is_named_with_both_ways_out(fresh_stack: Stack, off: str) -> None:
    """Node trust waits for each node, and nothing else says for which."""
    fresh_stack.set("timeoutSeconds", "10")
    failed = fresh_stack.up(check=False)
    lines = told(failed.output, "registry-trust-daemon")

    assert failed.code != 0
    assert [line for line in lines if line.startswith(f"node {off} is not ready: Kubelet ")], failed.output
    assert f"start node {off} again; if it is gone for good, `kubectl delete node {off}`" in lines
    assert [line for line in lines if line.startswith("fix: mend that, then `kubectl delete --timeout=60s pods ")]

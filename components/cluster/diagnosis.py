"""What `up` prints when something of the registry could not be made in the cluster, or did not become ready.

The Kubernetes provider looks at main containers alone (4.25): a host port that is taken, a folder that cannot be
mounted and an init container that fails would all end in a bare time-out. Owns the questions to the cluster and the
form of the answer; contacts the cluster only after a failure, by `kubectl`, which reads every kind of kubeconfig.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pulumi

from .advice import advise, gone
from .kubectl import KubectlError, kubectl
from .reasons import reasons
from .situation import Situation

_WITHIN: Final = 10
"""Seconds for each question; `up` has failed already and should end."""

_IS_THERE: Final = ("timed out waiting", "failed to initialize")
"""How the provider says that the object is there and its Pods are not; all other errors tell their reason."""

Explain = Callable[[Situation], pulumi.ErrorHook]
"""Makes the hook of one registry."""


def explain_failures(kubeconfig: str) -> Explain:
    """Give what makes hooks that print why an object failed, and what to do. None ever asks for another try.

    `kubeconfig` is content.
    """

    def for_registry(situation: Situation) -> pulumi.ErrorHook:
        def explain(args: pulumi.ErrorHookArgs) -> bool:
            failed = _Failed.of(args)
            for text in gone(args.errors) if args.failed_operation == "delete" else ():
                pulumi.log.error(f"{args.name}: {text}")
            if failed and any(words in error for error in args.errors for words in _IS_THERE):
                explain_it = _explain_service if failed.kind == "service" else _explain_pods
                explain_it(failed, situation, kubeconfig)
            elif failed:
                # The provider's own text names the reason and not the way out.
                for text in advise(args.errors, situation, datetime.now(UTC), failed.namespace):
                    pulumi.log.error(f"{failed.resource}: {text}")
            return False

        return pulumi.ErrorHook(f"explain-failures-{situation.name}", explain)

    return for_registry


def bound(explain: pulumi.ErrorHook | None) -> pulumi.ResourceHookBinding | None:
    """Bind the hook, if there is one, to a resource."""
    return pulumi.ResourceHookBinding(on_error=[explain]) if explain else None


@dataclass(frozen=True, slots=True)
class _Failed:
    """The object that failed."""

    resource: str
    """How Pulumi calls it."""
    kind: str
    name: str
    namespace: str
    pods: str
    """The selector of its Pods; empty if it is of a kind without Pods."""

    @classmethod
    def of(cls, args: pulumi.ErrorHookArgs) -> _Failed | None:
        """Describe the object of a create or update; None for a delete."""
        inputs = args.new_inputs
        if not inputs:
            return None
        metadata, spec = inputs.get("metadata", {}), inputs.get("spec", {})
        kind, name = args.type.rpartition(":")[2].lower(), str(metadata.get("name", ""))
        if kind == "job":
            # The one label of its Pods that Kubernetes itself gives, by every version.
            labels = {"job-name": name}
        elif kind == "pod":
            labels = metadata.get("labels", {})
        else:
            labels = spec.get("selector", {}).get("matchLabels", {})
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return cls(args.name, kind, name, str(metadata.get("namespace", "")), selector)


@dataclass(slots=True)
class _Found:
    """What the cluster says."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)


def _explain_pods(failed: _Failed, situation: Situation, kubeconfig: str) -> None:
    which = f"pods --namespace {failed.namespace} --selector {failed.pods}"
    by_hand = f"`kubectl describe {which}`"
    try:
        found = _ask(failed, kubeconfig)
    except KubectlError as problem:
        pulumi.log.warn(f"{failed.resource}: {problem}; {by_hand} tells why Pods do not start")
        return
    texts = reasons(found.objects, found.events, found.nodes)
    if texts:
        ways_out = advise(texts, situation, datetime.now(UTC), failed.namespace, found.nodes)
        again = _again(failed, which, has_pods=any(item.get("kind") == "Pod" for item in found.objects))
        pulumi.log.error("\n  ".join([f"{failed.resource}: its Pods do not start:", *texts, *ways_out, again]))
    else:
        pulumi.log.warn(f"{failed.resource}: the cluster reports no reason yet; {by_hand} shows the Pods")


def _explain_service(failed: _Failed, _: Situation, kubeconfig: str) -> None:
    """Say why a Service has no address; only that of a load balancer is waited for."""
    which = f"service {failed.name} --namespace {failed.namespace}"
    selected = f"involvedObject.kind=Service,involvedObject.name={failed.name},type=Warning"
    words = ["get", "events", "--namespace", failed.namespace, "--field-selector", selected, "--output=json"]
    try:
        events = json.loads(kubectl(words, kubeconfig, _WITHIN))["items"]
    except KubectlError:
        # What is said below holds without them.
        events = []
    reported = dict.fromkeys(f"{event['reason']}: {event['message']}" for event in events)
    advice = (
        "look whether a load balancer's controller runs in the cluster, has this address to give if `host` is one, "
        "and is meant by `loadBalancerClass` and `exposureAnnotations`, or `pulumi config set exposure nodePort`; "
        f"`kubectl describe {which}` shows what it says"
    )
    text = "\n  ".join([f"{failed.resource}: no load balancer has given it an address:", *reported, advice])
    pulumi.log.error(text)


def _ask(failed: _Failed, kubeconfig: str) -> _Found:
    """Ask for the object, its Pods, the warnings and the nodes. Raises KubectlError."""

    def get(*words: str) -> list[dict[str, Any]]:
        where = ("--namespace", failed.namespace, "--output=json")
        items: list[dict[str, Any]] = json.loads(kubectl(["get", *words, *where], kubeconfig, _WITHIN))["items"]
        return items

    found = _Found()
    found.objects = get("pods,replicasets", "--selector", failed.pods)
    if failed.kind != "pod":
        found.objects += get(failed.kind, "--field-selector", f"metadata.name={failed.name}")
    found.events = get("events", "--field-selector", "type=Warning")
    try:
        found.nodes = get("nodes")
    except KubectlError:
        # An account for one namespace may not ask for nodes, and all else is worth printing.
        found.nodes = []
    return found


def _again(failed: _Failed, which: str, *, has_pods: bool) -> str:
    """Say how to have it tried at once: Kubernetes waits longer after each failure, up to many minutes."""
    # On a node that is off, a deletion would not end.
    delete, tried = "kubectl delete --timeout=60s", "which has it tried at once, and `pulumi up --refresh`"
    if failed.kind == "job":
        # A Job that failed stays so, and the next `up` makes a new one.
        return "fix: mend that, then `pulumi up --refresh`"
    if has_pods:
        return f"fix: mend that, then `{delete} {which}`, {tried}"
    if failed.kind == "deployment":
        return f"fix: mend that, then `{delete} {which.replace('pods', 'replicasets', 1)}`, {tried}"
    return f"fix: mend that, then `{delete} {failed.kind} {failed.name} --namespace {failed.namespace}`, {tried}"

"""Why Pods do not start, asked from the cluster when a wait for them has failed.

The Kubernetes provider looks at main containers alone (4.25): a host port that is taken, a folder that cannot
be mounted and an init container that fails would all end in a bare time-out. Owns the question and the
answer's form; contacts the cluster only after a failure, by `kubectl`, which reads every kind of kubeconfig.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pulumi

_WITHIN: Final = 10
"""Seconds for each question; `up` has failed already and should end."""

_WAITED: Final = "timed out waiting"
"""How the provider says that the object is there and its Pods are not; all other errors tell their reason."""

_NO_REASONS: Final = {"ContainerCreating", "PodInitializing", "CrashLoopBackOff", "BackOff"}
"""States and events that say that something waits or failed, and not why."""

_NOT_TRUSTED: Final = (
    "The node does not trust the certificate: nodeTrust has to name its kind "
    "(`pulumi config set nodeTrust <kind>`), and its runtime to look where that kind does "
    "(docs/settings.md, Nodes)."
)

_NO_TEXTS: Final = {"Error: ErrImagePull", "Error: ImagePullBackOff"}
"""The same among events that can be worth reading."""


def explain_failures(kubeconfig: str) -> pulumi.ErrorHook:
    """Make the hook for a Deployment or Pod that cannot become ready: it prints the reasons that the cluster knows.

    `kubeconfig` is content. It never asks for another try.
    """

    def explain(args: pulumi.ErrorHookArgs) -> bool:
        inputs = args.new_inputs
        if inputs and any(_WAITED in error for error in args.errors):
            namespace = inputs["metadata"]["namespace"]
            # A Deployment's, or those of a Pod by itself.
            labels = inputs["spec"].get("selector", {}).get("matchLabels") or inputs["metadata"]["labels"]
            selector = ",".join(f"{key}={value}" for key, value in labels.items())
            _explain(args.name, namespace, selector, kubeconfig)
        return False

    return pulumi.ErrorHook("explain-failures", explain)


def _explain(name: str, namespace: str, selector: str, kubeconfig: str) -> None:
    which = f"pods --namespace {namespace} --selector {selector}"
    by_hand = f"`kubectl describe {which}`"
    try:
        objects = _kubectl(["get", "pods,replicasets", "--selector", selector], namespace, kubeconfig)
        events = _kubectl(["get", "events", "--field-selector", "type=Warning"], namespace, kubeconfig)
    except (OSError, subprocess.SubprocessError, ValueError) as problem:
        shown = "kubectl is not on PATH" if isinstance(problem, FileNotFoundError) else "kubectl gave no answer"
        pulumi.log.warn(f"{name}: {shown}; {by_hand} tells why Pods do not start")
        return
    found = reasons(objects, events)
    if found:
        pulumi.log.error("\n  ".join([f"{name}: its Pods do not start:", *found, *fixes(found, which)]))
    else:
        pulumi.log.warn(f"{name}: the cluster reports no reason yet; {by_hand} shows the Pods")


def _kubectl(words: Sequence[str], namespace: str, kubeconfig: str) -> list[dict[str, Any]]:
    """Ask for a list of objects; the kubeconfig lies in a folder of this user alone, for as long as it takes."""
    with tempfile.TemporaryDirectory(prefix="private-registry-") as folder:
        file = Path(folder) / "kubeconfig"
        file.write_text(kubeconfig, encoding="utf-8")
        answer = subprocess.run(
            ["kubectl", *words, "--namespace", namespace, "--output=json", f"--request-timeout={_WITHIN}s"],
            env={**os.environ, "KUBECONFIG": str(file)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * _WITHIN,
            check=True,
        )
    items: list[dict[str, Any]] = json.loads(answer.stdout)["items"]
    return items


def reasons(objects: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Collect what Pods and ReplicaSets, and the warnings about them, say; each text once.

    All are objects as Kubernetes gives them in JSON. Warnings about other objects are left out.
    """
    wanted = {item["metadata"]["uid"] for item in objects}
    texts = [text for item in objects for text in _of_status(item.get("status", {}))]
    texts += [
        str(event.get("message", "")).strip()
        for event in events
        if event["involvedObject"].get("uid") in wanted and event.get("reason") not in _NO_REASONS
    ]
    return list(dict.fromkeys(text for text in texts if text and text not in _NO_TEXTS))


def fixes(found: Sequence[str], which: str) -> list[str]:
    """Say what to do about reasons; `which` is how kubectl finds the Pods."""
    texts = [_NOT_TRUSTED] if any("x509: " in text for text in found) else []
    # A node waits longer after each failure, up to five minutes: more than the next `up` may wait.
    again = f"`kubectl delete {which}`, which has it tried at once, and `pulumi up --refresh`"
    return [*texts, f"fix: mend that, then {again}"]


def _of_status(status: Mapping[str, Any]) -> Iterator[str]:
    for condition in status.get("conditions", []):
        if condition["type"] in {"PodScheduled", "ReplicaFailure"} and condition.get("message"):
            yield condition["message"]
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        for state in (container.get("state", {}), container.get("lastState", {})):
            waiting, ended = state.get("waiting", {}), state.get("terminated", {})
            if waiting.get("reason") not in _NO_REASONS and waiting.get("message"):
                yield f"container {container['name']}: {waiting['message'].strip()}"
            if ended.get("exitCode") and ended.get("message"):
                yield f"container {container['name']}: {ended['message'].strip()}"

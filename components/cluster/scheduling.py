"""Which advice belongs to what the scheduler says, and to what a kubelet says that refuses a scheduled Pod."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .situation import Situation

_SUMMARY: Final = re.compile(
    r"\d+/\d+ nodes are available: (?P<faults>.*?)(?:\.? (?:preemption|no new claims).*)?$", re.S
)
_TAINT: Final = re.compile(r"taint \{(?P<key>[^:}\s]+)(?:: ?(?P<value>[^}]*))?\}|untolerated taint\(s\)")
_NOT_ENOUGH: Final = re.compile(r"Insufficient ([\w./-]+)|(Too many pods)|enough resource: ([\w./-]+)")

_NO_NODE: Final = (
    "no node matches: `node` is {} and must be one that `kubectl get nodes` shows; `pulumi config set node <name>`"
)
_OFF: Final = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
_OF_THE_NODE: Final[Mapping[str, str]] = {
    "node.kubernetes.io/disk-pressure": "a disk of node {node} is full: free space on it",
    "node.kubernetes.io/memory-pressure": "node {node} is short of memory: free some of it",
    "node.kubernetes.io/pid-pressure": "node {node} runs too many processes: end some of them",
    "node.kubernetes.io/network-unavailable": "node {node} has no network: look at its network plug-in",
    "node.kubernetes.io/unschedulable": "node {node} is cordoned: `kubectl uncordon {node}`",
    "node.cloudprovider.kubernetes.io/uninitialized": (
        "node {node} waits for its cloud provider's controller: look whether that runs"
    ),
}
"""Taints that Kubernetes sets by itself and takes away when their cause is gone."""


def scheduling_advice(reason: str, situation: Situation, nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what to do about a scheduler's or kubelet's refusal; nothing if the reason is none.

    `nodes` are those of the cluster, as Kubernetes gives them, if it may be asked for them.
    """
    summary = _SUMMARY.search(reason)
    rejected = re.search(r"Pod was rejected: (?P<faults>.*)|no nodes available to schedule pods", reason)
    if not (summary or rejected):
        return []
    if not summary and "no nodes available" in reason:
        return ["the cluster has no node that runs: start one (`kubectl get nodes` shows all)"]
    faults = str((summary or rejected)["faults"])  # type: ignore[index]  # one of them is there
    found = list(_of_faults(faults, situation, nodes))
    # Of the other nodes it says this always: a Pod of one node matches no other.
    if not found and "node affinity" in faults.lower().replace("nodeaffinity", "node affinity"):
        found = [_NO_NODE.format(situation.node)]
    return found


def _of_faults(faults: str, situation: Situation, nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if "free ports" in faults:
        yield (
            f"another Pod has port {situation.port} of the node (`kubectl get pods --all-namespaces "
            f"--output wide --field-selector spec.nodeName={situation.node}` shows those there): remove it, or "
            "`pulumi config set port <number>`"
        )
    if "unschedulable" in faults and "taint" not in faults:
        cordoned = [_name(node) for node in nodes if node.get("spec", {}).get("unschedulable")]
        node = situation.node if situation.node in cordoned or not cordoned else cordoned[0]
        yield _OF_THE_NODE["node.kubernetes.io/unschedulable"].format(node=node)
    for taint in _TAINT.finditer(faults):
        if taint["key"]:
            yield _taint_advice(taint["key"], _tainted(taint["key"], situation, nodes), situation)
        else:
            yield from _unnamed_taints(situation, nodes)
    for lack in _NOT_ENOUGH.finditer(faults):
        what = lack[1] or lack[3] or "places for Pods"
        yield f"the node has not enough {what} left: remove other Pods from it, or choose another node"
    if "unbound immediate PersistentVolumeClaims" in faults:
        of_ours = f"--namespace {situation.namespace}"
        yield (
            f"the claim has no volume: `kubectl describe pvc {of_ours}` says why. Where no StorageClass is the "
            "default one (`kubectl get storageclasses`), remove the claim, which holds nothing yet (`kubectl "
            f"delete pvc <name> {of_ours} --timeout=60s`), and `pulumi config set claimClass <name>`"
        )
    if "disk pressure" in faults or "DiskPressure" in faults:
        yield _OF_THE_NODE["node.kubernetes.io/disk-pressure"].format(node=situation.node)
    if "MemoryPressure" in faults:
        yield _OF_THE_NODE["node.kubernetes.io/memory-pressure"].format(node=situation.node)


def _unnamed_taints(situation: Situation, nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Look up what newer schedulers leave out."""
    own = [node for node in nodes if _name(node) == situation.node]
    taints = [taint["key"] for node in own for taint in node.get("spec", {}).get("taints", [])]
    for key in taints:
        yield _taint_advice(key, situation.node, situation)
    if not taints:
        yield "the nodes have taints (`kubectl describe nodes` shows them): remove them, or choose another node"


def _tainted(key: str, situation: Situation, nodes: Sequence[Mapping[str, Any]]) -> str:
    """Give the node that a taint is on, the registry's if it is one of several."""
    names = [
        _name(node) for node in nodes if any(each["key"] == key for each in node.get("spec", {}).get("taints", []))
    ]
    return situation.node if situation.node in names or not names else names[0]


def _taint_advice(key: str, node: str, situation: Situation) -> str:
    if key in _OFF:
        return off_node(node)
    if key in _OF_THE_NODE:
        return _OF_THE_NODE[key].format(node=node)
    fault = f"node {node} has taint {key}, which these Pods do not tolerate"
    removed = f"`kubectl taint nodes {node} {key}-` removes it"
    if node != situation.node:
        return f"{fault}: {removed}, or choose another node"
    if situation.tolerate_taints:
        return f"{fault}: the next `pulumi up` has them tolerate it, if it may ask for nodes; {removed}"
    return f"{fault}: `pulumi config set tolerateTaints true`, or {removed}"


def off_node(node: str) -> str:
    """Say what to do about a node that does not work."""
    return f"start node {node} again; if it is gone for good, `kubectl delete node {node}`"


def _name(node: Mapping[str, Any]) -> str:
    return str(node["metadata"]["name"])

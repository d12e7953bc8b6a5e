"""Which taints of a named node the Pods that belong there tolerate, asked from the cluster.

A stack that names a node wants its Pods there, whatever keeps those of others away. What Kubernetes itself says by
a taint holds for everybody: a node that is cordoned or not ready takes no Pod.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pulumi

from ..sections import config_set
from .kubectl import KubectlError

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import TolerationArgsDict

Ask = Callable[[Sequence[str]], str]
"""Runs kubectl with these words and gives what it prints. Raises KubectlError."""

Tolerations = pulumi.Output["list[TolerationArgsDict] | None"]
"""What a Pod tolerates; None if there is nothing to tolerate."""

_OF_KUBERNETES: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""How the keys of taints begin that Kubernetes sets and removes itself, as the node's state changes."""

_REPELS: Final = {"NoSchedule", "NoExecute"}


def tolerations(node: Mapping[str, Any]) -> list[TolerationArgsDict]:
    """Give what tolerates the taints of a node, which comes as JSON of Kubernetes.

    In one order, whatever that of the taints is, and without their values: a change of either moves no Pod.
    """
    taints = {
        (taint["key"], taint["effect"])
        for taint in node["spec"].get("taints", [])
        if taint["effect"] in _REPELS and not taint["key"].startswith(_OF_KUBERNETES)
    }
    return [{"key": key, "operator": "Exists", "effect": effect} for key, effect in sorted(taints)]


def of_node(node: str) -> list[str]:
    """Give the question for a node, as kubectl's words."""
    return ["get", "--raw", f"/api/v1/nodes/{node}"]


class Taints:
    """What is tolerated on which node. Each node is asked for once."""

    def __init__(self, ask: Ask | None, resource: pulumi.Resource) -> None:
        """Without `ask` nothing is tolerated. Warnings belong to `resource`."""
        self._ask, self._resource = ask, resource
        self._known: dict[str, Tolerations] = {}

    def tolerated_on(self, node: str) -> Tolerations:
        """Give the tolerations of a Pod that belongs to a node; nothing is tolerated where none is named."""
        if node not in self._known:
            self._known[node] = pulumi.Output.from_input(self._asked(node))
        return self._known[node]

    async def _asked(self, node: str) -> list[TolerationArgsDict] | None:
        if not self._ask or not node:
            return None
        try:
            answer = await asyncio.to_thread(self._ask, of_node(node))
            return tolerations(json.loads(answer)) or None
        except KubectlError as problem:
            pulumi.log.warn(
                f"the taints of node {node} are not known, and Pods tolerate none of them: {problem}; "
                f"fix: let this account read that node, or {config_set('tolerateTaints false')}",
                resource=self._resource,
            )
            return None

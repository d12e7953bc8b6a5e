"""How the registry's Pods are replaced, so that nothing that runs is cut off: pure rules.

A Pod that alone may have the port or the files goes before the next one comes. Others overlap: the new Pod is Ready
before an old one is asked to end, and the old one finishes what it has begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..cluster.labels import selector

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.apps.v1 import DeploymentStrategyArgsDict
    from pulumi_kubernetes.core.v1 import LifecycleArgsDict, TopologySpreadConstraintArgsDict

_UNTIL_UNKNOWN: Final = 15
"""Seconds until the whole cluster knows that a Pod takes no new connections; it serves until then."""

_DRAIN_ALONE: Final = 20
"""Seconds for what still runs, where nothing serves until the old Pod has ended."""

_DRAIN_BESIDE: Final = 300
"""The same where others serve meanwhile: a push or a pull of a large layer ends."""

_TO_END: Final = 10
"""Seconds that the registry has after its drain, before it is killed."""


@dataclass(frozen=True)
class Rollout:
    """How Pods of one registry follow each other."""

    overlaps: bool
    """Whether old and new Pods may serve at a time."""
    replicas: int

    @property
    def strategy(self) -> DeploymentStrategyArgsDict:
        """The Deployment's strategy."""
        if not self.overlaps:
            return {"type": "Recreate"}
        return {"type": "RollingUpdate", "rolling_update": {"max_surge": 1, "max_unavailable": 0}}

    @property
    def drain_seconds(self) -> int:
        """How long the registry finishes what it has begun, once it is asked to end."""
        return _DRAIN_BESIDE if self.overlaps else _DRAIN_ALONE

    @property
    def seconds_known(self) -> int:
        """How long Pods of before may still be asked when an update is done."""
        return _UNTIL_UNKNOWN if self.overlaps else 0

    @property
    def grace_seconds(self) -> int:
        """How long Kubernetes waits for all of that before it kills."""
        return self.seconds_known + self.drain_seconds + _TO_END

    @property
    def lifecycle(self) -> LifecycleArgsDict | None:
        """What is done before the registry is asked to end."""
        if not self.overlaps:
            return None
        # By the image's own program: the action `sleep` of Kubernetes is younger than many clusters.
        return {"pre_stop": {"exec_": {"command": ["sleep", str(_UNTIL_UNKNOWN)]}}}

    @property
    def is_spread(self) -> bool:
        """Whether the loss of one node must leave others that serve."""
        return self.overlaps and self.replicas > 1

    def spread(self, name: str) -> list[TopologySpreadConstraintArgsDict] | None:
        """Have the Pods on as many nodes as there are; one node is enough where there is no other."""
        if not self.is_spread:
            return None
        return [
            {
                "max_skew": 1,
                "topology_key": "kubernetes.io/hostname",
                "when_unsatisfiable": "ScheduleAnyway",
                "label_selector": {"match_labels": selector("registry", name)},
            }
        ]

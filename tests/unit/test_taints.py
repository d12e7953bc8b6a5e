"""Which taints of a node are tolerated."""

from __future__ import annotations

from typing import Any

import pytest

from components.cluster.taints import tolerations


def node(*taints: str) -> dict[str, Any]:
    """Give a node with taints as kubectl writes them: key=value:effect, or key:effect."""
    split = [text.rpartition(":") for text in taints]
    return {
        "spec": {
            "taints": [
                {"key": key, "effect": effect} | ({"value": value} if value else {})
                for (key, _, value), effect in ((name.partition("="), effect) for name, _, effect in split)
            ]
        }
    }


@pytest.mark.parametrize(
    ("taint", "key", "effect"),
    [
        ("node-role.kubernetes.io/control-plane:NoSchedule", "node-role.kubernetes.io/control-plane", "NoSchedule"),
        ("dedicated=images:NoSchedule", "dedicated", "NoSchedule"),
        ("example.test/gpu=yes:NoExecute", "example.test/gpu", "NoExecute"),
    ],
)
def test_n10_what_keeps_others_away_is_tolerated(taint: str, key: str, effect: str) -> None:
    """Whatever its value: a change of it moves no Pod."""
    assert tolerations(node(taint)) == [{"key": key, "operator": "Exists", "effect": effect}]


@pytest.mark.parametrize(
    "taint",
    [
        "node.kubernetes.io/unschedulable:NoSchedule",
        "node.kubernetes.io/not-ready:NoExecute",
        "node.kubernetes.io/unreachable:NoExecute",
        "node.kubernetes.io/disk-pressure:NoSchedule",
        "node.cloudprovider.kubernetes.io/uninitialized=true:NoSchedule",
        "dedicated=images:PreferNoSchedule",
    ],
)
def test_n10_what_says_that_a_node_cannot_be_used_now_holds_for_everybody(taint: str) -> None:
    """A node that is cordoned is about to go down. PreferNoSchedule keeps no Pod away."""
    assert tolerations(node(taint)) == []


def test_n10_all_taints_are_tolerated_in_one_order() -> None:
    """Whatever the node's: else the registry would be deployed again."""
    first, second = "a=1:NoSchedule", "b:NoExecute"

    assert tolerations(node(second, first)) == tolerations(node(first, second))
    assert len(tolerations(node(first, second, "a=2:NoSchedule"))) == 2


def test_a_node_without_taints_has_nothing_to_tolerate() -> None:
    """Its spec has no such list."""
    assert tolerations({"spec": {"podCIDR": "10.0.0.0/24"}}) == []

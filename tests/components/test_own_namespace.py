"""The namespace that a stack makes for its registry."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.cluster.conflicts import OWNER as MARK
from tests.components.declaration import OWNER, REGISTRY, declared

NAMESPACE: Final = "kubernetes:core/v1:NamespacePatch"
OWN: Final[dict[str, Any]] = {"namespace": "own", "create_namespace": True}


def test_none_is_made_unless_asked() -> None:
    """The setting `namespace` alone names one that is there."""
    assert not declared(namespace="own").all(NAMESPACE)


@pytest.mark.parametrize(
    ("values", "level"),
    [({}, "privileged"), ({"storage": "claim", "exposure": "nodePort", "node_trust": "off"}, "restricted")],
)
def test_it_has_the_levels_of_the_settings_and_stays(values: dict[str, Any], level: str) -> None:
    """As one of ours, which the next `up` knows again by its mark."""
    recorder = declared(**OWN, **values)
    made = recorder.one(NAMESPACE)

    assert made.name == "registry-namespace"
    assert made.parent == recorder.one(REGISTRY).urn
    assert made.inputs["metadata"] == {
        "name": "own",
        "labels": {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")},
        "annotations": {"pulumi.com/patchForce": "true", MARK: OWNER},
    }
    assert made.request.retainOnDelete


@pytest.mark.parametrize(
    "values",
    [
        {"proof_minutes": 15, "metrics": True, "pull_namespaces": ("own", "team-a")},
        {"storage": "claim", "network_addresses": ("10.0.0.0/8",), "pull_service_accounts": ("default",)},
        {"storage": "claim", "remove_data": True},
    ],
    ids=["folder", "claim", "removal"],
)
def test_all_else_in_the_cluster_waits_for_it(values: dict[str, Any]) -> None:
    """Each kind of object there is."""
    recorder = declared(**OWN, **values)
    made = recorder.one(NAMESPACE)
    others = [item for item in recorder if item.type.startswith("kubernetes:") and item is not made]

    assert others
    assert [item.name for item in others if made.urn not in recorder.awaited(item)] == []

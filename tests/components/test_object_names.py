"""Names of the objects in the cluster: what a killed `up` has begun, the next one has to find again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.declaration import OWNER, STASH, declared
from tests.components.recorder import Registration

CASES: list[dict[str, Any]] = [
    {},
    {"remove_data": True},
    {"proof_nodes": ("node-1", "node-2.example.test"), "pull_namespaces": ("default", "team-a")},
    {"tls": "off", "host": "localhost"},
]


def objects(**values: Any) -> list[Registration]:  # noqa: ANN401 - any setting
    """Give every object that goes into the cluster."""
    return [item for item in declared(**values) if item.type.startswith("kubernetes:")]


@pytest.mark.parametrize("values", CASES)
def test_f5_no_object_has_a_random_name(values: dict[str, Any]) -> None:
    """A name with a random end is another one in the next `up`, and the first copy stays for ever."""
    names = [(item.type, item.inputs["metadata"].get("name")) for item in objects(**values)]

    assert len(names) > 3
    assert [name for name in names if not name[1]] == []
    assert [name for name in objects(**values) if "generateName" in name.inputs["metadata"]] == []


@pytest.mark.parametrize("values", CASES)
def test_f5_names_follow_from_the_settings_alone(values: dict[str, Any]) -> None:
    """Two runs choose the same."""
    first, second = (
        sorted((item.type, item.inputs["metadata"]["namespace"], item.inputs["metadata"]["name"]) for item in run)
        for run in (objects(**values), objects(**values))
    )

    assert first == second
    assert len(first) == len(set(first))


def test_f5_a_pod_for_a_node_with_the_longest_name_has_a_name_that_kubernetes_takes() -> None:
    """Two nodes that differ in their last letter only do not share it."""
    nodes = tuple(".".join(["a" * 60] * 4) + end for end in ("bcd", "bce"))

    names = {item.inputs["metadata"]["name"] for item in objects(proof_nodes=nodes) if item.type.endswith("Pod")}

    assert len(names) == 2
    assert {len(name) for name in names} == {253}


@pytest.mark.parametrize("values", CASES)
def test_f5_the_old_object_goes_first(values: dict[str, Any]) -> None:
    """Otherwise Kubernetes takes the new one for a change of the old one, and Pulumi then deletes it."""
    assert [item.name for item in objects(**values) if not item.request.deleteBeforeReplace] == []


@pytest.mark.parametrize("values", CASES)
def test_f10_every_object_names_the_component_that_made_it(values: dict[str, Any]) -> None:
    """In an annotation of its own, and on the Pods that it makes."""
    metadata = [item.inputs["metadata"] for item in objects(**values)]
    templates = [
        item.inputs["spec"]["template"]["metadata"]
        for item in objects(**values)
        if "spec" in item.inputs and "template" in item.inputs["spec"]
    ]

    assert {item["annotations"]["private-registry/owner"] for item in metadata + templates} == {OWNER}
    assert len(templates) > 0


def test_f10_another_run_without_a_state_is_another_owner() -> None:
    """Two stacks of one name whose states lie in different places are told apart."""
    first, second = (declared(stashed={}).one(STASH, "registry-owner").inputs["input"] for _ in range(2))

    assert first != second
    assert first.partition("#")[0] == "organization/private-registry/dev/registry"

"""Pods that belong to a named node run there, whatever its taints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from components.cluster.kubectl import KubectlError
from tests.components.declaration import DEPLOYMENT, JOB, POD, declared
from tests.components.recorder import Recorder

CONTROL_PLANE: Final = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
DEDICATED: Final = {"key": "dedicated", "value": "images", "effect": "NoExecute"}


@dataclass
class Cluster:
    """The nodes of a cluster, with their taints."""

    taints: dict[str, list[dict[str, str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, words: Sequence[str]) -> str:
        """Answer as kubectl does."""
        self.asked.append(" ".join(words))
        name = words[-1].rpartition("/")[2]
        if name not in self.taints:
            raise KubectlError(f'Error from server (NotFound): nodes "{name}" not found')
        return json.dumps({"kind": "Node", "metadata": {"name": name}, "spec": {"taints": self.taints[name]}})


def tolerated(recorder: Recorder, type_: str) -> dict[str, Any]:
    """Give what Pods tolerate, by the name of who makes them."""
    specs = {item.name: item.inputs["spec"] for item in recorder.all(type_).values()}
    return {name: spec.get("template", {"spec": spec})["spec"].get("tolerations") for name, spec in specs.items()}


def exists(*taints: dict[str, str]) -> list[dict[str, str]]:
    """Give what tolerates taints, whatever their values."""
    return [{"key": taint["key"], "operator": "Exists", "effect": taint["effect"]} for taint in taints]


def test_n10_registry_removal_and_proof_tolerate_the_taints_of_the_registry_s_node() -> None:
    """The proof too: the registry's node may be the only one."""
    cluster = Cluster({"node-1": [DEDICATED, CONTROL_PLANE]})
    up = declared(ask=cluster)
    removal = declared(ask=Cluster(cluster.taints), remove_data=True)

    assert tolerated(up, DEPLOYMENT) == {"registry": exists(DEDICATED, CONTROL_PLANE)}
    assert tolerated(up, POD) == {"registry-proof-pod": exists(DEDICATED, CONTROL_PLANE)}
    assert tolerated(removal, DEPLOYMENT) == {"registry": exists(DEDICATED, CONTROL_PLANE)}
    assert tolerated(removal, JOB) == {"registry-data-removal": exists(DEDICATED, CONTROL_PLANE)}
    assert cluster.asked == ["get --raw /api/v1/nodes/node-1"]


def test_n10_each_proof_pod_tolerates_the_taints_of_its_own_node() -> None:
    """And of no other."""
    recorder = declared(
        ask=Cluster({"node-1": [], "node-2": [CONTROL_PLANE], "node-3": [DEDICATED]}),
        proof_nodes=("node-2", "node-3"),
    )

    assert tolerated(recorder, DEPLOYMENT) == {"registry": None}
    assert tolerated(recorder, POD) == {
        "registry-proof-pod-node-2": exists(CONTROL_PLANE),
        "registry-proof-pod-node-3": exists(DEDICATED),
    }


def test_n10_nothing_is_tolerated_nor_asked_if_that_is_set() -> None:
    """Then a taint keeps the registry away like everybody."""
    cluster = Cluster({"node-1": [CONTROL_PLANE]})
    recorder = declared(ask=cluster, tolerate_taints=False)

    assert tolerated(recorder, DEPLOYMENT) == {"registry": None}
    assert cluster.asked == []


def test_n10_a_node_that_cannot_be_read_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """With the reason and both ways out; an account may well have no right to read nodes."""
    recorder = declared(ask=Cluster({}))

    assert tolerated(recorder, DEPLOYMENT) == {"registry": None}
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning == (
        "the taints of node node-1 are not known, and Pods tolerate none of them: "
        'Error from server (NotFound): nodes "node-1" not found; '
        "fix: let this account read that node, or `pulumi config set tolerateTaints false`"
    )


def test_n10_a_registry_of_no_node_tolerates_nothing_and_its_named_proofs_do() -> None:
    """With images in a bucket, any node will do."""
    cluster = Cluster({"node-2": [DEDICATED]})
    recorder = declared(
        ask=cluster, node="", exposure="nodePort", storage="s3", s3_bucket="images", proof_nodes=("node-2",)
    )

    assert tolerated(recorder, DEPLOYMENT) == {"registry": None}
    assert tolerated(recorder, POD) == {"registry-proof-pod-node-2": exists(DEDICATED)}
    assert cluster.asked == ["get --raw /api/v1/nodes/node-2"]

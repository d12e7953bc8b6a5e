"""On which nodes a Pod may run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import AffinityArgsDict, NodeSelectorTermArgsDict

LINUX: Final = {"kubernetes.io/os": "linux"}
"""The label of nodes that can run our images; each kubelet sets it."""

VIRTUAL_NODES: Final = (
    # Azure's virtual nodes, Alibaba's and Huawei's, and most others that are built on virtual-kubelet.
    ("type", "virtual-kubelet"),
    ("eks.amazonaws.com/compute-type", "fargate"),
    # Tencent's super nodes.
    ("node.kubernetes.io/instance-type", "eklet"),
    # Another cluster, which Liqo shows as one node.
    ("liqo.io/type", "virtual-node"),
    # Simulated by KWOK.
    ("type", "kwok"),
)
"""Labels of nodes without a runtime of their own. No Pod may write to a folder there, or nothing reads it."""


def on_node(name: str) -> AffinityArgsDict:
    """Pin a Pod to the node of this name.

    Not by the label kubernetes.io/hostname: some nodes have another value there, and a label has no room for a name
    of more than 63 characters. Not by nodeName: without the scheduler nobody looks at taints and free memory, or
    says why the Pod does not run.
    """
    return _on({"match_fields": [{"key": "metadata.name", "operator": "In", "values": [name]}]})


def on_nodes_with_a_runtime() -> AffinityArgsDict:
    """Keep a Pod off virtual nodes. They are tainted too, but a Pod may tolerate all taints."""
    return _on(
        {
            "match_expressions": [
                {"key": label, "operator": "NotIn", "values": [value]} for label, value in VIRTUAL_NODES
            ]
        }
    )


def _on(term: NodeSelectorTermArgsDict) -> AffinityArgsDict:
    required = "required_during_scheduling_ignored_during_execution"
    return {"node_affinity": {required: {"node_selector_terms": [term]}}}

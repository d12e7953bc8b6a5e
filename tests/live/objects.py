"""Objects of the cluster that tests make for programs of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.live.harness import Node

_RIGHTS = "rbac.authorization.k8s.io"


def apply(node: Node, items: Sequence[dict[str, Any]]) -> None:
    """Make or change them, in this order."""
    node.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def administrator(name: str, namespace: str) -> list[dict[str, Any]]:
    """A namespace, and in it a ServiceAccount that may do everything."""
    here = {"name": name, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        {
            "apiVersion": f"{_RIGHTS}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": _RIGHTS, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", **here}],
        },
    ]

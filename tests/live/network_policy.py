"""A real enforcer of NetworkPolicies for the lab, kube-network-policies, as the Pod of a node.

It judges the first packet of each connection, which netfilter hands to it. By itself it asks for that by `queue` of
nftables, which not every kernel has; here iptables does the same by NFQUEUE, which many more have.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab import images, parts
from lab.topology import FIRST
from tests.live.harness import Node
from tests.live.objects import administrator, apply

_NAMESPACE = "enforcer"
_QUEUE = 100
_RULE = f"FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num {_QUEUE}".split()


@contextmanager
def enforced(node: Node) -> Iterator[None]:
    """Have the first node enforce policies meanwhile."""
    program = parts.network_policies()
    apply(node, _parts(str(program.parent), program.name))
    try:
        node.wait_for("condition=Ready", "pod/enforcer", namespace=_NAMESPACE)
        _judge(node, "insert")
        try:
            yield
        finally:
            _judge(node, "delete")
    finally:
        node.kubectl("delete", f"namespace/{_NAMESPACE}", "clusterrolebinding/enforcer", "--ignore-not-found")


@contextmanager
def paused(node: Node) -> Iterator[None]:
    """Let everything through meanwhile."""
    _judge(node, "delete")
    try:
        yield
    finally:
        _judge(node, "insert")


def _judge(node: Node, change: str) -> None:
    node.run(["iptables", "--table", "mangle", f"--{change}", *_RULE])


def _parts(folder: str, program: str) -> list[dict[str, object]]:
    return [
        *administrator("enforcer", _NAMESPACE),
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "enforcer", "namespace": _NAMESPACE},
            "spec": {
                "nodeName": FIRST.name,
                "hostNetwork": True,
                "serviceAccountName": "enforcer",
                "terminationGracePeriodSeconds": 2,
                "containers": [
                    {
                        "name": "enforcer",
                        "image": images.ALPINE,
                        "imagePullPolicy": "Never",
                        "command": [
                            f"/programs/{program}",
                            "--disable-nri",
                            f"--hostname-override={FIRST.name}",
                            f"--nfqueue-id={_QUEUE}",
                            "--metrics-bind-address=127.0.0.1:9080",
                            "--v=2",
                        ],
                        "readinessProbe": {
                            "httpGet": {"path": "/metrics", "port": 9080, "host": "127.0.0.1"},
                            "periodSeconds": 1,
                        },
                        "volumeMounts": [{"name": "programs", "mountPath": "/programs", "readOnly": True}],
                        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
                    }
                ],
                "volumes": [{"name": "programs", "hostPath": {"path": folder, "type": "Directory"}}],
            },
        },
    ]

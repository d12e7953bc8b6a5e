"""A real load balancer for the lab: MetalLB in layer-2 mode, and a machine beside the node that it is seen from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab import images, parts
from lab.topology import FIRST
from tests.live.harness import Node
from tests.live.objects import administrator, apply

ADDRESSES = "192.168.99.200-192.168.99.209"
_NAMESPACE = "metallb-system"


@contextmanager
def running(node: Node) -> Iterator[None]:
    """Have MetalLB give addresses to Services meanwhile, and answer for them on the node's network."""
    programs = parts.metallb()
    definitions = f"--filename={programs}/definitions"
    node.kubectl("apply", "--server-side", definitions)
    try:
        node.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        apply(node, _parts(str(programs)))
        for name in ("controller", "speaker"):
            node.wait_for("condition=Ready", f"pod/{name}", namespace=_NAMESPACE)
        yield
    finally:
        node.kubectl("delete", f"namespace/{_NAMESPACE}", "clusterrolebinding/metallb", "--ignore-not-found")
        node.kubectl("delete", definitions)


def _parts(programs: str) -> list[dict[str, Any]]:
    """Both programs, from the folder that they were built in, and the addresses that they may give."""
    here = {"name": "metallb", "namespace": _NAMESPACE}
    return [
        *administrator("metallb", _NAMESPACE),
        {"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": here, "spec": _POOL},
        {"apiVersion": "metallb.io/v1beta1", "kind": "L2Advertisement", "metadata": here, "spec": {}},
        _pod("controller", programs, "--webhook-mode=disabled", "--disable-cert-rotation"),
        _pod("speaker", programs, f"--node-name={FIRST.name}", "--pod-name=speaker", f"--host={FIRST.address}"),
    ]


_POOL = {"addresses": [ADDRESSES]}


def _pod(name: str, programs: str, *options: str) -> dict[str, Any]:
    container = {
        "name": name,
        "image": images.ALPINE,
        "imagePullPolicy": "Never",
        "command": [f"/programs/metallb-{name}", f"--namespace={_NAMESPACE}", "--port=17472", *options],
        "volumeMounts": [{"name": "programs", "mountPath": "/programs", "readOnly": True}],
        "securityContext": {"capabilities": {"add": ["NET_RAW"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": _NAMESPACE},
        "spec": {
            "nodeName": FIRST.name,
            # The speaker answers on the network of the node itself.
            "hostNetwork": name == "speaker",
            "serviceAccountName": "metallb",
            "terminationGracePeriodSeconds": 2,
            "containers": [container],
            "volumes": [{"name": "programs", "hostPath": {"path": programs, "type": "Directory"}}],
        },
    }


@contextmanager
def neighbour(node: Node) -> Iterator[list[str]]:
    """Give the first words of a command on another machine of the node's network, which knows no Services."""
    there = ["nsenter", "--net=/run/netns/neighbour"]
    node.run(["ip", "netns", "add", "neighbour"])
    try:
        for words in (
            ["ip", "link", "add", "neighbour", "type", "veth", "peer", "name", "lan0", "netns", "neighbour"],
            ["ip", "link", "set", "neighbour", "master", "node0", "up"],
            [*there, "ip", "addr", "add", "192.168.99.50/24", "dev", "lan0"],
            [*there, "ip", "link", "set", "lan0", "up"],
        ):
            node.run(words)
        yield there
    finally:
        # The cable goes with it.
        node.run(["ip", "netns", "delete", "neighbour"])

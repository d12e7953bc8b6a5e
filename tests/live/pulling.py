"""A Pod that pulls an image on a node that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.live.harness import Node

_NAME = "pulling"


@contextmanager
def pulled(lab: Node, node: str, image: str) -> Iterator[list[str]]:
    """Have a Pod pinned to the node run the image, pulled by the pull secret; gives the images on that node."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "imagePullSecrets": [{"name": "regcred"}],
            "containers": [{"name": "pulled", "image": image, "imagePullPolicy": "Always"}],
        },
    }
    lab.kubectl("apply", "--filename=-", stdin=json.dumps(pod))
    try:
        lab.wait_for("condition=Ready", f"pod/{_NAME}")
        yield lab.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"], node=node).stdout.split()
    finally:
        lab.kubectl("delete", "pod", _NAME)

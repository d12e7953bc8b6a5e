"""Volumes of the lab's node, as an administrator makes them: static ones, and a class that binds them late.

The class is like those of provisioners: a claim waits for its first Pod, and may ask for more later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from lab.topology import FIRST
from tests.live.harness import Node

CLASS = "lab-late"
SIZE = "2Gi"


@contextmanager
def volume(node: Node, name: str, folder: str, mode: str = "ReadWriteOnce") -> Iterator[None]:
    """Offer one volume of the class on this folder of the first node; at the end remove it with its claim."""
    node.run(["mkdir", "-p", folder])
    try:
        node.kubectl("apply", "--filename=-", stdin=json.dumps(_objects(name, folder, mode)))
        yield
    finally:
        claim = node.get("persistentvolume", name)["spec"].get("claimRef")
        if claim:
            words = [claim["name"], f"--namespace={claim['namespace']}", "--ignore-not-found"]
            node.kubectl("delete", "persistentvolumeclaim", *words)
        node.kubectl("delete", "persistentvolume", name)
        node.kubectl("delete", "storageclass", CLASS)
        node.run(["sh", "-c", f"rm -rf {folder}/* && rmdir {folder} 2> /dev/null || true"])


@contextmanager
def small_disk(node: Node, folder: str, mib: int) -> Iterator[None]:
    """A disk of its own at this folder, which is soon full; a restart of the node empties it."""
    node.run(["sh", "-ec", f"mkdir -p {folder} && mount -t tmpfs -o size={mib}m tmpfs {folder}"])
    try:
        yield
    finally:
        node.run(["sh", "-c", f"umount {folder}; rmdir {folder}"])


@contextmanager
def full(node: Node, folder: str) -> Iterator[None]:
    """Fill the disk at this folder to its last byte, and free the space again."""
    filler = f"{folder}/.filler"
    node.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1M"], check=False)
    try:
        assert node.run(["df", "--output=avail", folder]).stdout.split()[-1] == "0"
        yield
    finally:
        node.run(["rm", "-f", filler])


def _objects(name: str, folder: str, mode: str) -> dict[str, object]:
    there = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [FIRST.name]}]}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": CLASS},
                "provisioner": "kubernetes.io/no-provisioner",
                "volumeBindingMode": "WaitForFirstConsumer",
                "reclaimPolicy": "Retain",
                "allowVolumeExpansion": True,
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": name},
                "spec": {
                    "capacity": {"storage": SIZE},
                    "accessModes": [mode],
                    "storageClassName": CLASS,
                    "persistentVolumeReclaimPolicy": "Retain",
                    "local": {"path": folder},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [there]}},
                },
            },
        ],
    }

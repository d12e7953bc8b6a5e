"""checkov, a scanner of Kubernetes objects, on the workloads of a stack as the cluster has them.

It leaves out each check for which an annotation of the object gives a reason, failing or not. So it gets each
object twice, as it is and without annotations: the second tells which reasons are needed.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.cluster.checkov import PREFIX
from components.cluster.conflicts import OWNER
from lab import images, parts
from tests.live.harness import Node

_WORKLOADS = "cronjobs,daemonsets,deployments,jobs,pods,statefulsets"
_CONTROL = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "control", "namespace": "kept-for-this"},
    "spec": {"containers": [{"name": "c", "image": images.ALPINE, "securityContext": {"privileged": True}}]},
}

Finding = tuple[str, str]
"""An object as Kind/name, and the number of a check."""


@dataclass(frozen=True)
class Report:
    """What it found."""

    kinds: set[str]
    """Of the objects that it looked at."""
    unexplained: set[Finding]
    """What fails and has no reason."""
    found: set[Finding]
    """What would fail without reasons."""
    explained: set[Finding]
    """What has a reason."""


def scan(node: Node, folder: Path) -> Report:
    """Scan all workloads that any stack has declared; `folder` is an empty one."""
    wanted = node.get(f"{_WORKLOADS},networkpolicies", "--all-namespaces")["items"]
    ours = [
        item
        for item in wanted
        # What others make of our objects, such as a Deployment's Pods, is as those say.
        if OWNER in item["metadata"].get("annotations", {}) and "ownerReferences" not in item["metadata"]
    ]
    workloads = [item for item in ours if item["kind"] != "NetworkPolicy"]
    scanned = [_CONTROL, *(item for item in ours if item["kind"] == "NetworkPolicy")]
    for number, item in enumerate(workloads):
        # Names of which the answer can be told: it joins them with labels by dots.
        scanned += [_renamed(item, f"whole-{number}"), _renamed(item, f"bare-{number}", annotations={})]
    failed = _failed(folder, scanned)
    assert ("control", "CKV_K8S_16") in failed, "a privileged container was not found"
    names = {f"{form}-{number}": _name(item) for number, item in enumerate(workloads) for form in ("whole", "bare")}
    return Report(
        kinds={item["kind"] for item in workloads},
        unexplained={(names[name], check) for name, check in failed if name.startswith("whole")},
        found={(names[name], check) for name, check in failed if name.startswith("bare")},
        explained={
            (_name(item), key.removeprefix(PREFIX))
            for item in workloads
            for key in item["metadata"]["annotations"]
            if key.startswith(PREFIX)
        },
    )


def _failed(folder: Path, objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Give name and check of each finding."""
    file = folder / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    # Without any network, whatever it would ask or tell; and without settings of the person's own.
    words = ["unshare", "--net", str(parts.checkov()), "--framework", "kubernetes", "--file", file.name]
    options = ["--skip-download", "--soft-fail", "--compact", "--output", "json"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    result = subprocess.run([*words, *options], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)["results"]["failed_checks"]
    return {(finding["resource"].split(".")[2], finding["check_id"]) for finding in found}


def _renamed(item: dict[str, Any], name: str, **metadata: object) -> dict[str, Any]:
    return {**item, "metadata": {**item["metadata"], **metadata, "name": name}}


def _name(item: dict[str, Any]) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"

"""The proof that goes on: each node pulls the test image again and again, and each pull is reported as a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.labels import labels
from ..cluster.names import object_name
from ..cluster.taints import Taints
from ..monitoring.exporter import REPORTS_PORT
from .pulling_pod import pulling_pod

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ContainerArgsDict

    from .image_proof import ImageProof

_LONGEST: Final = 52
"""Characters in the name of a CronJob: Kubernetes adds eleven to it for each Job."""
_TRIES: Final = 600
"""Seconds after which a pull that waits has failed, though the next one may be hours away."""

_REPORT: Final = r"""printf 'GET /%s HTTP/1.0\r\n\r\n' "$2" | nc -w 20 "$0" "$1" | grep -q ' 204 '"""
"""Arguments: address and port of who counts, and the name under which it does. It needs no other program."""


def names(name: str, nodes: Sequence[str]) -> list[str]:
    """Give the CronJobs' names, one for each node that has to pull; where none is named, any."""
    return [object_name(f"{name}-{node}", _LONGEST) for node in nodes] or [name]


def continue_proof(
    name: str,
    minutes: int,
    nodes: Sequence[str],
    registry_node: str,
    namespace: str,
    proof: ImageProof,
    secret: kubernetes.core.v1.Secret,
    reports: kubernetes.core.v1.Service,
    taints: Taints,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare a CronJob for each of `nodes`, each `minutes`; `reports` is the Service that takes their word."""
    # By the Service's address: not all clusters let each Pod ask for names.
    address = reports.spec.apply(lambda spec: str(spec.cluster_ip))
    for job, node in zip(names(name, nodes), nodes or [""], strict=True):
        command = ["sh", "-c", _REPORT, address, str(REPORTS_PORT), job]
        container: ContainerArgsDict = {"name": "continuing", "command": command}
        tolerations = taints.tolerated_on(node or registry_node)
        kubernetes.batch.v1.CronJob(
            job,
            metadata={"name": job, "namespace": namespace, "labels": labels("proof", name)},
            spec={
                "schedule": f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *",
                # One that still waits for its node or image has failed when the next one is due.
                "concurrency_policy": "Replace",
                "starting_deadline_seconds": minutes * 60,
                "successful_jobs_history_limit": 1,
                "failed_jobs_history_limit": 1,
                "job_template": {
                    "spec": {
                        "backoff_limit": 0,
                        "active_deadline_seconds": min(minutes * 60, _TRIES),
                        "template": {
                            "metadata": {"labels": labels("proof", name)},
                            "spec": {
                                **pulling_pod(container, proof.image, secret, node, tolerations),
                                "restart_policy": "Never",
                            },
                        },
                    },
                },
            },
            opts=opts,
        )

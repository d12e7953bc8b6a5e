"""The stack's Kubernetes provider. It moves all objects when, and only when, the stack has got another cluster."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from .identity import UnknownClusterError, identifier, is_ci, uid_of
from .kubeconfig import Kubeconfig

_SILENT: Final = (
    "nothing was checked against the cluster, so this preview shows what would change by the state alone"
)
_UNKNOWN: Final = "it was not checked whether this is the cluster of the stack's state"
"""Where the cluster does answer, but not that question."""


async def cluster_provider(kubeconfig: Kubeconfig) -> tuple[kubernetes.Provider, bool]:
    """Ask the cluster who it is and declare its provider; tell whether the cluster can be asked more.

    Raises RunError if there is no answer. A preview goes on without one, unless a CI system runs it: nobody reads
    the warning there.
    """
    known = answers = True
    try:
        uid = await asyncio.to_thread(uid_of, kubeconfig, os.environ)
    except UnknownClusterError as problem:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(str(problem)) from None
        if is_ci(os.environ):
            raise pulumi.RunError(f"a preview in CI must reach the cluster. {problem}") from None
        unchecked = _SILENT if problem.is_silent else _UNKNOWN
        pulumi.log.warn(f"{unchecked}: {problem}")
        known, answers, uid = False, not problem.is_silent, ""

    first = pulumi.Stash(
        "first-cluster",
        # The first answer stays.
        input={"uid": uid, "server": kubeconfig.server},
        opts=pulumi.ResourceOptions(ignore_changes=["input"]),
    )
    # The SDK would keep it in the state, and then a `destroy` while the API server is down would end well and leave
    # everything behind. In the environment it counts all the same, for this one command.
    os.environ.pop("PULUMI_K8S_DELETE_UNREACHABLE", None)
    provider = kubernetes.Provider(
        "cluster",
        kubeconfig=pulumi.Output.secret(kubeconfig.content),
        cluster_identifier=first.output.apply(lambda first: identifier(first, uid)),
        enable_secret_mutable=True,
        enable_config_map_mutable=True,
        opts=pulumi.ResourceOptions(
            # Where a cluster was made anew at the same address, the old provider deletes in the new cluster.
            # Nothing may have been created there yet.
            delete_before_replace=True,
            # Without an answer, it is the cluster that the state knows.
            ignore_changes=None if known else ["clusterIdentifier"],
        ),
    )
    return provider, answers

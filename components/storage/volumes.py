"""The volumes of the registry's Pods, and the claim behind them where one is made here."""

from __future__ import annotations

import asyncio
import json

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PersistentVolumeClaimSpecArgsDict, VolumeArgsDict

from ..cluster.kubectl import KubectlError
from ..cluster.labels import labels
from ..cluster.settings import Cluster
from ..cluster.taints import Ask
from .claim import Claim
from .host_folder import HostFolder
from .paths import VOLUME
from .settings import Storage


def volumes(
    name: str, storage: Storage, cluster: Cluster, ask: Ask | None, opts: pulumi.ResourceOptions
) -> list[VolumeArgsDict]:
    """Declare what has to be there, and give the volumes for a Pod's spec.

    With `ask`, a claim that is there already is looked at first: what cannot be made of it is refused.
    """
    if isinstance(storage, HostFolder):
        # A missing folder is made.
        return [{"name": VOLUME, "host_path": {"path": storage.folder, "type": "DirectoryOrCreate"}}]
    if not isinstance(storage, Claim):
        return []
    claim = storage.claim_name or f"{name}-data"
    size: pulumi.Output[str] = pulumi.Output.from_input(_allowed_size(storage, claim, cluster, ask))
    if storage.claim_name:
        # The Deployment waits for the answer.
        return [{"name": VOLUME, "persistent_volume_claim": {"claim_name": size.apply(lambda _: claim)}}]
    spec: PersistentVolumeClaimSpecArgsDict = {
        "access_modes": [storage.claim_access_mode],
        "resources": {"requests": {"storage": size}},
        # An empty name would mean a volume without a class, and not the cluster's default one.
        **({"storage_class_name": storage.claim_class} if storage.claim_class else {}),
    }
    made = kubernetes.core.v1.PersistentVolumeClaim(
        f"{name}-data",
        metadata={
            "name": claim,
            "namespace": cluster.namespace,
            "labels": labels("registry", name),
            # It may wait for its first Pod, and so for the Deployment, which waits for both.
            # The one that a destroyed stack left has that stack's mark, of another writer.
            "annotations": {"pulumi.com/skipAwait": "true", "pulumi.com/patchForce": "true"},
        },
        spec=spec,
        opts=pulumi.ResourceOptions.merge(
            opts,
            # The images stay when the stack is destroyed, and the next `up` finds the claim.
            pulumi.ResourceOptions(retain_on_delete=not storage.remove_data),
        ),
    )
    return [{"name": VOLUME, "persistent_volume_claim": {"claim_name": made.metadata["name"]}}]


async def _allowed_size(storage: Claim, claim: str, cluster: Cluster, ask: Ask | None) -> str:
    """Give the size to ask for. Raises RunError for what the claim that is there cannot become."""
    if ask:
        words = ["get", f"persistentvolumeclaim/{claim}", f"--namespace={cluster.namespace}"]
        try:
            text = await asyncio.to_thread(ask, [*words, "--ignore-not-found", "--output=json"])
            storage.check_there(json.loads(text) if text.strip() else None, claim, cluster.namespace)
        except KubectlError as problem:
            pulumi.log.warn(f"claim {claim} was not looked at: {problem}")
    return storage.claim_size

"""The volumes of the registry's Pods, and the claim behind them where one is made here."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PersistentVolumeClaimSpecArgsDict, VolumeArgsDict

from ..cluster.conflicts import owner_of
from ..cluster.kubectl import KubectlError
from ..cluster.labels import labels
from ..cluster.ownership import Ownership
from ..cluster.settings import Cluster
from ..cluster.taints import Ask
from .claim import Claim, of_claim
from .host_folder import HostFolder
from .paths import VOLUME
from .settings import Storage


def volumes(
    name: str,
    storage: Storage,
    cluster: Cluster,
    ownership: Ownership,
    ask: Ask | None,
    opts: pulumi.ResourceOptions,
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
    there = _look(storage, claim, cluster, ask)
    if storage.claim_name:
        return [_volume(claim)]

    def make() -> pulumi.Output[str]:
        spec: PersistentVolumeClaimSpecArgsDict = {
            "access_modes": [storage.claim_access_mode],
            "resources": {"requests": {"storage": storage.claim_size}},
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
                # The one that a killed `up` has made is of another writer.
                "annotations": {"pulumi.com/skipAwait": "true", "pulumi.com/patchForce": "true"},
            },
            spec=spec,
            # The images stay when the stack is destroyed, and the next `up` finds the claim.
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(retain_on_delete=not storage.remove_data)
            ),
        )
        return made.metadata["name"]

    if there is None or not ownership.is_of_this_stack(there):
        # One of others is refused where it would be made.
        return [_volume(make())]

    def take(owner: str) -> pulumi.Output[str] | str:
        # That of this stack before it was destroyed is not in the state. To make it once more would fail from
        # Kubernetes provider 4.29 on.
        if owner == owner_of(there):
            return make()
        storage.check_left(there, claim, cluster.namespace)
        return claim

    return [_volume(ownership.owner.apply(take))]


def _volume(claim: pulumi.Input[str]) -> VolumeArgsDict:
    return {"name": VOLUME, "persistent_volume_claim": {"claim_name": claim}}


def _look(storage: Claim, claim: str, cluster: Cluster, ask: Ask | None) -> dict[str, Any] | None:
    """Give the claim that is there. Raises RunError for what it cannot become."""
    if not ask:
        return None
    try:
        text = ask(of_claim(claim, cluster.namespace))
    except KubectlError as problem:
        pulumi.log.warn(f"claim {claim} was not looked at: {problem}")
        return None
    there: dict[str, Any] | None = json.loads(text) if text.strip() else None
    storage.check_there(there, claim, cluster.namespace)
    return there

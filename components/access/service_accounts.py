"""ServiceAccounts whose Pods have the pull secret without naming it.

Each is somebody else's, so that only its list of pull secrets is written, and given back when the stack is
destroyed. Kubernetes lets that list have one writer: one in which there are secrets of others is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.kubectl import KubectlError
from ..cluster.taints import Ask
from ..problems import Problems
from ..shown import shown
from .settings import Access


def service_accounts(
    name: str,
    access: Access,
    secrets: Mapping[str, pulumi.Resource],
    made_here: str,
    ask: Ask | None,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the change of each ServiceAccount in each namespace; `secrets` are the pull secrets by namespace.

    With `ask`, they are looked at first. Raises RunError for what cannot be changed. The namespace `made_here` may
    not be there yet.
    """
    if ask:
        _check(access, list(secrets), made_here, ask)
    for namespace, secret in secrets.items():
        for account in access.pull_service_accounts:
            kubernetes.core.v1.ServiceAccountPatch(
                f"{name}-pull-{namespace}-{account}",
                metadata={"name": account, "namespace": namespace},
                image_pull_secrets=[{"name": access.pull_secret_name}],
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[secret])),
            )


def _check(access: Access, namespaces: Sequence[str], made_here: str, ask: Ask) -> None:
    problems = Problems()
    for position, account in enumerate(access.pull_service_accounts):
        setting = f"pullServiceAccounts[{position}]"
        words = ["get", "serviceaccounts", "--all-namespaces", f"--field-selector=metadata.name={account}"]
        try:
            items: list[dict[str, Any]] = json.loads(ask([*words, "--output=json"]))["items"]
        except KubectlError as problem:
            pulumi.log.warn(f"ServiceAccounts called {account} were not looked at: {problem}")
            continue
        there = {item["metadata"]["namespace"]: item for item in items}
        # Kubernetes makes this one in each new namespace.
        coming = made_here if account == "default" else ""
        missing = [namespace for namespace in namespaces if namespace not in there and namespace != coming]
        remove = f"`pulumi config rm --path '{setting}'`"
        with problems.caught(setting, f"`kubectl create serviceaccount {account}` in each of them, or {remove}"):
            if missing:
                raise ValueError(
                    f"must be in each namespace, got {shown(account)}, which {', '.join(missing)} lack"
                )
        for namespace in namespaces:
            listed = [item["name"] for item in there.get(namespace, {}).get("imagePullSecrets") or ()]
            by_hand = f"have its owner add {access.pull_secret_name}, and {remove}"
            with problems.caught(setting, by_hand):
                if listed and access.pull_secret_name not in listed:
                    raise ValueError(
                        f"must have no pull secrets of others, and {namespace}/{account} has {', '.join(listed)}"
                    )
    problems.raise_any()

"""The pull secret, in each namespace whose Pods may pull."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from ..references import Address
from .accounts import dockerconfigjson
from .settings import Access

_ACCOUNT: Final = "private-registry/account"
"""An annotation of each pull secret: whose password it has."""


def pull_secrets(
    name: str,
    access: Access,
    namespaces: Sequence[str],
    passwords: pulumi.Output[dict[str, str]],
    addresses: Sequence[Address],
    seconds: int,
    opts: pulumi.ResourceOptions,
) -> list[kubernetes.core.v1.Secret]:
    """Declare a Secret of type dockerconfigjson per namespace, with an entry for each of the addresses.

    `passwords` are those of `Access.accounts`. Another account comes only `seconds` after what `opts` depend on:
    until then, Pods of the registry that do not know it may still be asked.
    """
    if seconds:
        hook = pulumi.ResourceHook(f"{name}-pull-account", UntilKnown(seconds).wait)
        hooks = pulumi.ResourceHookBinding(before_update=[hook])
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks))
    content = passwords.apply(
        lambda known: dockerconfigjson(map(str, addresses), access.puller, known[access.puller])
    )
    return [
        kubernetes.core.v1.Secret(
            f"{name}-pull-secret-{namespace}",
            # A fixed name, since people's own manifests say it in imagePullSecrets.
            metadata={
                "name": access.pull_secret_name,
                "namespace": namespace,
                "annotations": {_ACCOUNT: access.puller},
            },
            type="kubernetes.io/dockerconfigjson",
            string_data={".dockerconfigjson": content},
            opts=opts,
        )
        for namespace in namespaces
    ]


@dataclass
class UntilKnown:
    """One wait for the pull secrets of all namespaces: Pulumi updates only some at a time."""

    seconds: float
    _over: asyncio.Future[None] | None = field(default=None, init=False)

    async def wait(self, args: pulumi.ResourceHookArgs) -> None:
        """Wait before a pull secret is updated, if it gets another account."""
        before, now = _account(args.old_inputs), _account(args.new_inputs)
        if not before or before == now:
            return
        if self._over is None:
            pulumi.log.info(
                f"the pull secret gets account {now} in place of {before}: waiting {self.seconds} s, until each "
                "Pod of the registry that may be asked knows it"
            )
            self._over = asyncio.ensure_future(asyncio.sleep(self.seconds))
        await self._over


def _account(inputs: Mapping[str, Any] | None) -> str:
    return str((inputs or {}).get("metadata", {}).get("annotations", {}).get(_ACCOUNT, ""))

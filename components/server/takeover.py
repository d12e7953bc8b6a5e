"""Changed rights hold when `up` says that it is done.

The door reloads what has changed in its Secret, which the kubelet brings into the Pod within a minute or two.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import pulumi

from ..cluster.kubectl import KubectlError
from ..cluster.taints import Ask

_EACH: Final = 1.0
"""Seconds between two questions."""


async def taken_over(
    ask: Ask | None, name: str, namespace: str, version: str, within: int, resource: pulumi.Resource
) -> None:
    """Wait until the door of this Deployment goes by these rights, at most `within` seconds.

    Raises RunError if it still goes by others. Where the Pod may not be asked, a warning says so.
    """
    if not ask or pulumi.runtime.is_dry_run():
        return
    where = f"deployment/{name} --namespace={namespace}"
    question = ["exec", *where.split(), "--container=door", "--", "cat", "/run/door/version"]
    ends, told = time.monotonic() + within, False
    while True:
        try:
            if (await asyncio.to_thread(ask, question)).strip() == version:
                return
        except KubectlError as problem:
            pulumi.log.warn(
                f"whether changed rights hold is not known, they do within two minutes: {problem}; fix: let this "
                f"account exec into Pods of namespace {namespace}",
                resource=resource,
            )
            return
        if not told:
            pulumi.log.info("the rights have changed: waiting until the node brings them to the door", resource)
            told = True
        if time.monotonic() > ends:
            raise pulumi.RunError(
                f"the rights of accounts have changed, and after {within} s the registry still goes by those "
                f"before; fix: `kubectl logs {where} --container=door` says why, "
                f"`kubectl rollout restart {where}` ends it"
            )
        await asyncio.sleep(_EACH)

"""The test image as the registry has it, looked up by each update, and pushed again if the registry lost it.

Pulumi compares with its state, in which a push is done for good, and the plugin for images asks no registry. So an
emptied folder or a replaced disk would go unnoticed. A preview asks nobody.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

import pulumi

from ..access.settings import Access
from ..exposure.settings import Exposure
from ..references import Address, ImageName
from ..server.registry_server import RESTARTED
from ..tls.settings import Tls
from .lookup import NoAnswer, Registry

BOUND_TO: Final = "BOUND_TO"
PUSHED_AGAIN: Final = "PUSHED_AGAIN"
"""Build arguments that no step of a Dockerfile uses: another value is another input, and the same image."""


class StoredImage:
    """The image under its tag, and by its digest, in the registry."""

    def __init__(
        self,
        image: ImageName,
        exposure: Exposure,
        tls: Tls,
        access: Access,
        accounts: pulumi.Output[dict[str, str]],
        authorities: pulumi.Input[str],
    ) -> None:
        """`accounts` are those of `Access.accounts`; `authorities` is PEM of the registry's CAs, if any."""
        self._image = image
        self._digest = ""
        self._pinned_to = exposure.address
        # The Docker Engine's address first: where nothing listens there, that is known at once.
        addresses = dict.fromkeys((exposure.push_address, exposure.address))
        self._registry = pulumi.Output.all(accounts, authorities).apply(
            lambda known: Registry(
                [a for a in addresses if _can_be_known(a, exposure, tls)],
                tls.encrypted,
                known[1],
                access.username,
                known[0][access.username],
            )
        )

    async def restart_registry(self, args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        """Have the registry of this Deployment started anew if its folder was removed below it.

        Such a registry answers, and can store nothing until a new Pod has a new folder.
        """

        def restarted(spec: dict[str, Any]) -> dict[str, Any]:
            metadata = spec["template"]["metadata"]
            annotations = {**metadata["annotations"], RESTARTED: secrets.token_hex(8)}
            template = {**spec["template"], "metadata": {**metadata, "annotations": annotations}}
            return {**spec, "template": template}

        if await self._is_lost() and not await self._can_store():
            args.opts.ignore_changes = []
            spec = pulumi.Output.from_input(args.props["spec"]).apply(restarted)
            return pulumi.ResourceTransformResult({**args.props, "spec": spec}, args.opts)
        return None

    async def push_again(self, args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        """Have the image of this declaration built and pushed again if the registry says that it has none."""

        def again(build: dict[str, Any]) -> dict[str, Any]:
            return {**build, "args": {**build["args"], PUSHED_AGAIN: secrets.token_hex(8)}}

        if await self._is_lost():
            args.opts.ignore_changes = []
            # What is replaced, and not updated, takes its Pods with it.
            args.opts.replace_on_changes = ["build"]
            build = pulumi.Output.from_input(args.props["build"]).apply(again)
            return pulumi.ResourceTransformResult({**args.props, "build": build}, args.opts)
        return None

    async def confirm(self, digest: str, urn: str, resource: pulumi.Resource) -> str:
        """Give the name by which nodes pull the image, if the registry has it. Raises RunError.

        `urn` is that of the pushed image. What cannot be asked is taken as it stands in the state.
        """
        pinned = self._image.pinned(self._pinned_to, digest)
        if pulumi.runtime.is_dry_run() or digest == self._digest:
            return pinned
        try:
            there = await self._lookup(digest)
        except NoAnswer as unknown:
            pulumi.log.info(
                f"{pinned} was not looked up in the registry, which this machine cannot reach: {unknown}",
                resource=resource,
            )
            return pinned
        if not there:
            raise pulumi.RunError(
                f"{pinned} was pushed and is not in the registry any more; fix: `pulumi up --replace '{urn}'`"
            )
        return pinned

    async def _is_lost(self) -> bool:
        self._digest = ""
        if pulumi.runtime.is_dry_run():
            return False
        try:
            self._digest = await self._lookup(self._image.tag)
        except NoAnswer:
            return False
        return not self._digest

    async def _can_store(self) -> bool:
        try:
            return await asyncio.to_thread((await self._known()).can_store, self._image.repository)
        except NoAnswer:
            return True

    async def _lookup(self, reference: str) -> str:
        return await asyncio.to_thread((await self._known()).digest, self._image.repository, reference)

    async def _known(self) -> Registry:
        registry = await self._registry.future()
        assert registry, "asked before all of it is known"
        return registry


def _can_be_known(address: Address, exposure: Exposure, tls: Tls) -> bool:
    """Whether the certificate tells at this address that the registry is ours."""
    return tls.carries_loopback or address.host in exposure.names_needed

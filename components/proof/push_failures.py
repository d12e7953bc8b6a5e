"""What to do when the Docker Engine cannot push, by the cause that its own error names.

That error does not say who has to reach whom, nor who has to trust whom.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import pulumi

from ..cluster.connection_failures import Cause, cause_of, clock_is_wrong
from ..exposure.settings import Exposure
from ..references import Address

_OF_THE_BASE_IMAGE: Final = re.compile(r"pull access denied|failed to resolve source metadata|load metadata for")
"""A build's own failures with another registry. They have nothing to do with ours."""

_CLOCKS_DIFFER: Final = timedelta(minutes=10)


_NOT_YET: Final = {Cause.NAME_UNKNOWN, Cause.REFUSED, Cause.UNREACHABLE, Cause.SERVER_ERROR}
"""How it looks from outside while a way in does not know the registry yet, or nobody the way."""

_NO_ROUTE: Final = re.compile(r"404 Not Found|HTTP 404 response body|404 page not found")
"""How a Docker Engine says that a controller does not know the host. A registry has no such answer to a push."""

_PAUSES: Final = (1, 1, 2, 2)
_PAUSE: Final = 5
"""Seconds between two tries: the first ones, and all others. Pulumi allows 100 tries."""


def explain_push(
    name: str,
    exposure: Exposure,
    authorities: pulumi.Input[str],
    username: str,
    *,
    encrypted: bool,
    leads: str,
    within: int,
) -> pulumi.ErrorHook:
    """Make the hook for an image that was not pushed.

    It asks for another try while a way in may still open, up to `within` seconds after the first failure.
    `name` is the hook's own: each in a program needs another. `authorities` is PEM, empty if there is nothing to
    trust: the advice holds it, since a stack whose first `up` fails has no outputs.
    """
    address = exposure.push_address
    began = 0.0

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        nonlocal began
        tries, now = len(args.errors), time.monotonic()
        if tries == 1:
            began = now
        pause = pause_after(tries, now - began, within)
        if pause and exposure.opens_later and may_open(args.errors[0], exposure):
            if tries == 1:
                pulumi.log.info(f"{address} does not lead to the registry yet: the push is tried for {within} s")
            await asyncio.sleep(pause)
            return True
        pem = await pulumi.Output.from_input(authorities).future() or ""
        for error in args.errors:
            moment = datetime.now(UTC)
            text = advice(
                error, address, pem, username, moment, encrypted=encrypted, clash=exposure.clash, leads=leads
            )
            if text:
                pulumi.log.error(f"{args.name}: {text}")
                break
        return False

    return pulumi.ErrorHook(name, explain)


def pause_after(tries: int, waited: float, within: int) -> int:
    """Give the seconds between this try and the next one; 0 if no other is to be made."""
    if waited >= within:
        return 0
    return _PAUSES[tries - 1] if tries <= len(_PAUSES) else _PAUSE


def may_open(error: str, exposure: Exposure) -> bool:
    """Whether a push failed since the way to the registry is not open, or not open yet."""
    if _OF_THE_BASE_IMAGE.search(error):
        return False
    causes = _NOT_YET | ({Cause.OTHER_NAMES} if exposure.shows_another_certificate_first else set())
    return bool(_NO_ROUTE.search(error)) or (_is_ours(error, exposure.push_address) and cause_of(error) in causes)


def _is_ours(error: str, address: Address) -> bool:
    names_us = f"//{address}/" in error
    return not _OF_THE_BASE_IMAGE.search(error) and (names_us or cause_of(error) in _WITHOUT_ADDRESS)


def advice(
    error: str,
    address: Address,
    authorities: str,
    username: str,
    now: datetime,
    *,
    encrypted: bool,
    clash: str,
    leads: str = "",
) -> str:
    """Say what has to be so, and how to make it so; empty if the push is not what failed.

    `clash` is what to do where something else answers at the address, and `leads` what it depends on that
    anything does.
    """
    cause = cause_of(error)
    if not _is_ours(error, address):
        return ""
    if cause in {Cause.EXPIRED, Cause.NOT_YET_VALID}:
        if clock_is_wrong(error, now, _CLOCKS_DIFFER):
            return "the clock of the Docker Engine's machine is wrong: set it, and let it follow a time server"
        return (
            "a certificate of the registry's chain is not valid now: `pulumi up` renews one that is generated; "
            "one that is provided must be replaced (`tlsCertificate` and `tlsKey`, or `tlsSecret`)"
        )
    match cause:
        case Cause.PROXY:
            return (
                f"the Docker Engine goes through a proxy (HTTP_PROXY, HTTPS_PROXY of its service): add "
                f"{address.host} "
                "to NO_PROXY there, and restart it"
            )
        case Cause.UNKNOWN_AUTHORITY:
            return _trust(address, authorities)
        case Cause.OTHER_NAMES if leads:
            return (
                f"what answers at {address} has a certificate of its own: {clash}; an Ingress must be of a class "
                "that a controller takes (`ingressClass`)"
            )
        case Cause.OTHER_NAMES:
            return (
                f"the certificate at {address} must carry {address.host}: `pulumi config set pushHost <a name "
                f"in it>`, or, if something else answers there, {clash}"
            )
        case Cause.OTHER_CERTIFICATE:
            return "the certificate or its chain cannot work: correct `tlsCertificate`, `tlsSecret` or `tlsCa`"
        case Cause.PLAIN_SERVER if not encrypted:
            return (
                f"the Docker Engine must be told that {address} speaks plain HTTP: add to its "
                f"/etc/docker/daemon.json "
                f'{{"insecure-registries": ["{address}"]}} and restart it, or push through localhost'
            )
        case Cause.PLAIN_SERVER:
            return (
                f"something else than this registry answers at {address}, such as another registry or a "
                f"proxy: {clash}"
            )
        case Cause.PLAIN_CLIENT:
            return (
                f"the Docker Engine was told that {address} speaks plain HTTP: remove it from "
                f"insecure-registries in "
                "/etc/docker/daemon.json, and restart the Docker Engine"
            )
        case Cause.DENIED:
            return (
                f"what answers at {address} does not take account {username}: another registry that has the "
                f"port, or "
                "accounts that were changed by hand, which `pulumi up --refresh` puts right"
            )
        case Cause.TOO_LARGE:
            return (
                f"something between the Docker Engine and the registry limits uploads: raise its limit for "
                f"{address} "
                "(with nginx: `client_max_body_size 0`)"
            )
        case Cause.DISK_FULL:
            return (
                "a disk of the Docker Engine's machine is full: free space; `docker system df` shows what takes it"
            )
        case Cause.SERVER_ERROR:
            return (
                "the registry, or a proxy before it, failed, as it does when it cannot use its storage (a full "
                "disk; an S3 server that is away or refuses the keys): `kubectl logs` of its Deployment shows why"
            )
        case _:
            return _reach(address, leads)


_WITHOUT_ADDRESS: Final = {Cause.DENIED, Cause.DISK_FULL, Cause.TOO_LARGE, Cause.SERVER_ERROR}
"""Causes of which a Docker Engine does not say the address."""


def _reach(address: Address, leads: str) -> str:
    reach = f"the Docker Engine, not the machine that runs pulumi, has to reach {address}"
    if address.is_loopback:
        reach += ", which it does only on the registry's own node"
    if leads:
        return f"{reach}; fix: {leads}"
    return f"{reach}; fix: mend that, or `pulumi config set pushHost <address>`"


def _trust(address: Address, authorities: str) -> str:
    if not authorities:
        return (
            "the Docker Engine does not know the CA of the certificate: `pulumi config set tlsCa <file>` "
            "with the CA "
            "that signed it; with a public CA, the certificate's file must hold the intermediate "
            "certificates as well"
        )
    folder = f"/etc/docker/certs.d/{address}"
    # One line, since Pulumi indents what it prints, and an indented here-document does not end.
    content = base64.b64encode(authorities.encode()).decode()
    return "\n".join(
        (
            "the Docker Engine does not trust the registry's CA: type once, as root on its machine:",
            f"mkdir -p {folder} && echo {content} | base64 -d > {folder}/ca.crt",
        )
    )

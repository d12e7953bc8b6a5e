"""What to do when the Docker Engine cannot push, by the cause that its own error names.

That error does not say who has to reach whom, nor who has to trust whom.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pulumi

from ..cluster.connection_failures import Cause, cause_of, clock_is_wrong
from ..references import Address

_OF_THE_BASE_IMAGE: Final = re.compile(r"pull access denied|failed to resolve source metadata|load metadata for")
"""A build's own failures with another registry. They have nothing to do with ours."""

_CLOCKS_DIFFER: Final = timedelta(minutes=10)


def explain_push(
    name: str, address: Address, authorities: pulumi.Input[str], username: str, *, encrypted: bool
) -> pulumi.ErrorHook:
    """Make the hook for an image that was not pushed; it never asks for another try.

    `name` is the hook's own: each in a program needs another. `authorities` is PEM, empty if there is nothing to
    trust: the advice holds it, since a stack whose first `up` fails has no outputs.
    """

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        pem = await pulumi.Output.from_input(authorities).future() or ""
        for error in args.errors:
            text = advice(error, address, pem, username, datetime.now(UTC), encrypted=encrypted)
            if text:
                pulumi.log.error(f"{args.name}: {text}")
                break
        return False

    return pulumi.ErrorHook(name, explain)


def advice(error: str, address: Address, authorities: str, username: str, now: datetime, *, encrypted: bool) -> str:
    """Say what has to be so, and how to make it so; empty if the push is not what failed."""
    names_us = f"//{address}/" in error
    cause = cause_of(error)
    if _OF_THE_BASE_IMAGE.search(error) or not (names_us or cause in _WITHOUT_ADDRESS):
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
        case Cause.OTHER_NAMES:
            return (
                f"the certificate at {address} must carry {address.host}: `pulumi config set pushHost <a name "
                f"in it>`, "
                "or, if something else answers there, `pulumi config set port <number>`"
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
                f"proxy: free "
                "that port, or `pulumi config set port <number>`"
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
            return "the registry, or a proxy before it, failed: `kubectl logs` of its Deployment shows why"
        case _:
            return _reach(address)


_WITHOUT_ADDRESS: Final = {Cause.DENIED, Cause.DISK_FULL, Cause.TOO_LARGE, Cause.SERVER_ERROR}
"""Causes of which a Docker Engine does not say the address."""


def _reach(address: Address) -> str:
    reach = f"the Docker Engine, not the machine that runs pulumi, has to reach {address}"
    if address.is_loopback:
        reach += ", which it does only on the registry's own node"
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

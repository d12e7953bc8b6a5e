"""Which advice belongs to an image that a node cannot pull, the registry's own images or another registry's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from .connection_failures import Cause, cause_of, clock_is_wrong
from .situation import Situation

_ABOUT_A_PULL: Final = re.compile(
    r"[Pp]ull(?:ing)? |resolve reference|failed to do request|failed to (?:copy|fetch|extract)|image reference"
    r"|sandbox image|manifest"
)
_IMAGE: Final = re.compile(r"(?:image|reference) \\?\"([^\"\\]+)")
_ONE_CLOCK: Final = timedelta(minutes=10)
"""How far clocks may differ beside the time that an old text may be kept for."""


def pull_advice(reason: str, situation: Situation, now: datetime) -> str:
    """Say what to do about a failed pull; empty if the reason is none, or needs no words beside its own."""
    if not _ABOUT_A_PULL.search(reason):
        return ""
    cause = cause_of(reason)
    if cause in {Cause.EXPIRED, Cause.NOT_YET_VALID} and clock_is_wrong(
        reason, now, _ONE_CLOCK + timedelta(seconds=situation.timeout_seconds)
    ):
        return "the clock of the node is wrong: set it, and let it follow a time server"
    if f"{situation.address}/" in reason:
        return _of_own_image(cause, situation)
    named = _IMAGE.search(reason)
    return _of_other_image(cause, named[1] if named else situation.image, situation)


def _of_own_image(cause: Cause | None, situation: Situation) -> str:
    address, host = situation.address, situation.host
    match cause:
        case Cause.PROXY:
            return (
                f"the node's container runtime goes through a proxy: add {host} to NO_PROXY of its service, and "
                "restart it"
            )
        case Cause.NAME_UNKNOWN:
            return f"nodes must resolve {host}: add it to their DNS, or `pulumi config set host <address>`"
        case Cause.REFUSED | Cause.UNREACHABLE:
            return (
                f"every node must reach {address}: {situation.leads}, or "
                "`pulumi config set host <address>` (`kubectl get nodes --output wide` lists addresses)"
            )
        case Cause.UNKNOWN_AUTHORITY:
            return _unknown_authority(situation)
        case Cause.EXPIRED | Cause.NOT_YET_VALID | Cause.OTHER_NAMES if situation.tls == "issued":
            return (
                f"`kubectl describe certificate {situation.name} --namespace {situation.namespace}` tells what "
                "cert-manager has issued"
            )
        case Cause.OTHER_NAMES if situation.tls == "provided":
            return f"the certificate must carry {host}: give one that does, or `pulumi config set host <its name>`"
        case Cause.OTHER_NAMES:
            return _other_server(situation)
        case Cause.EXPIRED | Cause.NOT_YET_VALID if situation.tls == "provided":
            return (
                "give a certificate whose whole chain is valid now (`tlsCertificate` and `tlsKey`, or `tlsSecret`)"
            )
        case Cause.EXPIRED:
            return "`pulumi up` renews the certificate; if that changes nothing, raise `caGeneration` by one"
        case Cause.OTHER_CERTIFICATE if situation.tls == "issued":
            return "the certificate or its chain cannot work: correct `tlsIssuer` or `tlsCa`"
        case Cause.OTHER_CERTIFICATE if situation.tls == "provided":
            return "the certificate or its chain cannot work: correct `tlsCertificate`, `tlsSecret` or `tlsCa`"
        case Cause.PLAIN_SERVER if situation.tls == "off":
            return (
                f"the node must be told that {address} speaks plain HTTP: `pulumi config set nodeTrust <kind>` for "
                "containerd, `insecure-registries` of /etc/docker/daemon.json for Docker"
            )
        case Cause.PLAIN_SERVER:
            return _other_server(situation)
        case Cause.PLAIN_CLIENT:
            return (
                f"the node was told that {address} speaks plain HTTP: remove that from its container runtime "
                f"(hosts.toml, or insecure-registries of /etc/docker/daemon.json)"
            )
        case Cause.DENIED:
            return (
                f"Secret {situation.pull_secret} does not hold the registry's account any more, or its account may "
                "not pull: `pulumi up --refresh` writes it again"
            )
        case Cause.OTHER_PLATFORM:
            return _PLATFORM.format("platform")
        case _:
            return ""


_PLATFORM: Final = (
    "the image is built for another processor than the node's: set `{}`; "
    "`kubectl get nodes --label-columns kubernetes.io/arch` shows what the nodes have"
)


def _unknown_authority(situation: Situation) -> str:
    if not situation.has_own_ca:
        return (
            "the node does not know the CA of the certificate: `pulumi config set tlsCa <file>` with the CA that "
            "signed it; with a public CA, the certificate's file must hold the intermediate certificates as well"
        )
    if situation.node_trust == "off":
        return (
            f"nodeTrust is off: have each node trust the registry's CA for {situation.address}, or "
            "`pulumi config set nodeTrust <kind>`"
        )
    folders = " and ".join(situation.certs_folders)
    advice = (
        f"the node's container runtime does not read {folders}, where the CA is: `nodeTrust` "
        f"({situation.node_trust}) must name the kind of the nodes, and the runtime must look there "
        f"(docs/settings.md, Nodes)"
    )
    return f"{advice}. {situation.runtime_hint}" if situation.runtime_hint else advice


def _other_server(situation: Situation) -> str:
    return (
        f"something else than this registry answers at {situation.address}, such as another program or a proxy: "
        f"{situation.clash}"
    )


def _of_other_image(cause: Cause | None, image: str, situation: Situation) -> str:
    keys = {"image": (situation.image, "registry:3.1.2"), "doorImage": (situation.door_image, "nginx:1.28")}
    key, usual = next(((key, usual) for key, (own, usual) in keys.items() if own and own in image), ("", ""))
    elsewhere = (
        f"set `{key}` to a copy that nodes can pull, or load the image into the node"
        if key
        else "load the image into the node, or have its container runtime use a mirror"
    )
    match cause:
        case Cause.PROXY:
            return "the proxy of the node's container runtime does not work: correct HTTPS_PROXY of its service"
        case Cause.NAME_UNKNOWN | Cause.REFUSED | Cause.UNREACHABLE | Cause.SERVER_ERROR:
            return f"the node cannot reach the registry of image {image}: {elsewhere}"
        case Cause.RATE_LIMIT:
            return f"the registry of image {image} limits pulls: wait some hours, or {elsewhere}"
        case Cause.UNKNOWN_AUTHORITY | Cause.OTHER_CERTIFICATE | Cause.OTHER_NAMES | Cause.PLAIN_SERVER:
            return (
                f"something between the node and the registry of image {image} ends its TLS, such as a company's "
                f"proxy: have the node trust that proxy's CA, or {elsewhere}"
            )
        case Cause.OTHER_PLATFORM if key:
            return _PLATFORM.format(key)
        case Cause.NOT_FOUND if key:
            return f"image {image} does not exist: `pulumi config set {key} {usual}`"
        case Cause.DENIED:
            return f"image {image} does not exist, or needs an account: {elsewhere}"
        case _:
            return ""

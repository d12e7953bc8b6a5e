"""Addresses and image names: how they are parsed, checked and written.

Owns every `host:port`, `repository:tag` and `repository@digest`; no other module puts one together. Also
judges the registry's own image and the address of a Docker Engine. Knows nothing of settings: a broken rule
is a `ValueError` whose text begins with "must", and the caller says which setting it is about.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from .shown import shown, shown_image, suspected

HTTPS: Final = 443
"""The port of an https address that names none."""

_CLUSTER_DNS: Final = (".svc", ".cluster.local")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?")
_VERSION: Final = re.compile(r"v?(\d+(?:\.\d+){0,2})(-(?:alpha|beta|rc)[0-9.]*)?(?:[-_+].*)?", re.ASCII)

_OLDEST_SAFE_REGISTRY: Final = (3, 1, 1)
"""Earlier ones have open advisories, and before 3.1.0 a crash could leave half-written metadata."""


def check_port(port: int) -> None:
    """Refuse a TCP port outside 1 to 65535."""
    if not 1 <= port <= 65535:
        raise ValueError(f"must be from 1 to 65535, got {port}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a registry is reached. `str()` gives it as images and pull secrets spell it: `host:port`, or `host`."""

    host: str
    """DNS name in lower case, or IP address; an IPv6 address stands without brackets."""
    port: int
    is_bare: bool = False
    """Whether it is written without its port, which is that of HTTPS then."""

    @classmethod
    def parse(cls, text: str, port: int, *, named: str = "the port setting", bare: bool = False) -> Self:
        """Read an address in any form that people paste: with scheme, this port, `/` or `/v2/`, brackets.

        A pull secret matches an image only when both spell the address alike (kubernetes/kubernetes#41536),
        so every form becomes one. Raises ValueError for what names another port or a path, for what no node
        can resolve, and for what is no host at all. `named` is what messages call the port.
        """
        if not text:
            raise ValueError("must be set to a host name or IP address")
        if "@" in text:
            # No echo: what stands before the @ may be a password.
            raise ValueError("must be a host name or IP address without user or password")
        scheme, _, rest = text.rpartition("://")
        if scheme.lower() not in {"", "http", "https"}:
            raise ValueError(f"must be a host name or IP address, got {shown(text)}")
        authority, _, path = rest.partition("/")
        if path.strip("/") not in {"", "v2"}:
            raise ValueError(f"must be a host name or IP address without a path, got {shown(text)}")
        host, own_port = _split_port(authority)
        if own_port not in {"", str(port)}:
            raise ValueError(f"must agree with {named} ({port}), got {shown(text)}")
        return cls(_host(host, text), port, bare)

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP address, and no name."""
        return ":" in self.host or self.host.replace(".", "").isdigit()

    @property
    def is_loopback(self) -> bool:
        """Whether the address leads to the machine that uses it; container tools allow plain HTTP there."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.is_bare else f"{host}:{self.port}"


def _split_port(authority: str) -> tuple[str, str]:
    """Split `host:port`; the port is empty where none is given, as in a bare IPv6 address."""
    if authority.startswith("["):
        host, closed, rest = authority[1:].partition("]")
        # An unclosed bracket, or text behind it, stays with the host, which then fails its own check.
        return (host, rest[1:]) if closed and rest[:1] in {"", ":"} else (authority, "")
    if authority.count(":") == 1:
        host, _, port = authority.partition(":")
        return host, port
    return authority, ""


def _host(host: str, text: str) -> str:
    """Return the host in its one spelling."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return _dns_name(host, text)
    if ip.is_unspecified or "%" in host:
        raise ValueError(f"must be an address that other machines can reach, got {shown(text)}")
    return str(ip)


def _dns_name(host: str, text: str) -> str:
    name = host.lower()
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"must be a host name (ASCII letters, digits, hyphens, dots) or IP address, got {shown(text)}"
        )
    if labels[-1].isdigit():
        raise ValueError(
            f"must be a host name or IP address, got {shown(text)}, which looks like an IPv4 address and is none"
        )
    if name.endswith(_CLUSTER_DNS):
        raise ValueError(
            f"must be known outside the cluster, got {shown(text)}; "
            "nodes and Docker Engines resolve the name, not Pods, and they do not use cluster DNS"
        )
    return name


@dataclass(frozen=True, slots=True)
class _Parts:
    """One image reference, taken apart. What is absent is empty."""

    host: str
    repository: str
    tag: str
    digest: str


def _take_apart(text: str) -> _Parts:
    rest, at, digest = text.partition("@")
    first, slash, tail = rest.partition("/")
    # The rule of the reference grammar: only a dot, a colon or this one name makes the first part a host.
    host, name = (first, tail) if slash and (first == "localhost" or set(first) & {".", ":"}) else ("", rest)
    repository, colon, tag = name.partition(":")
    if repository != repository.lower():
        hint = "" if suspected(text) else f'; "{repository.lower()}" would do'
        raise ValueError(f"must have a repository in lower case, got {shown_image(text)}{hint}")
    if len(repository) > 255 or not all(_COMPONENT.fullmatch(part) for part in repository.split("/")):
        raise ValueError(
            "must have a repository of lower-case letters and digits, with . _ / or - between, "
            f"got {shown_image(text)}"
        )
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"must have a tag of at most 128 letters, digits, _ . and -, got {shown_image(text)}")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f"must have a digest of sha256: and 64 hexadecimal digits, got {shown_image(text)}")
    return _Parts(host, repository, tag, digest)


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image within a registry, without the registry's address."""

    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str, own: Collection[Address] = ()) -> Self:
        """Read `repository[:tag]`; the tag is `latest` where none is given, as everywhere with Docker.

        An address in front is dropped when it is one of `own`. Any other is refused: the image would be
        pushed to somebody else's registry. Raises ValueError for that and for names outside the reference
        grammar.
        """
        parts = _take_apart(text)
        addresses = {str(address) for address in own}
        if parts.host and parts.host.lower() not in addresses:
            raise ValueError(f"must be repository:tag without a host, got {shown_image(text)}")
        if text.lower() in addresses:
            raise ValueError(f"must name a repository, got only the registry's own address {shown_image(text)}")
        if parts.digest:
            raise ValueError(
                f"must be repository:tag, got {shown_image(text)}; the digest is known only after the push"
            )
        return cls(parts.repository, parts.tag or "latest")

    def tagged(self, address: Address) -> str:
        """Give the full reference `host:port/repository:tag`."""
        return f"{address}/{self.repository}:{self.tag}"

    def pinned(self, address: Address, digest: str) -> str:
        """Give the full reference `host:port/repository@sha256:...`, which names one content for ever."""
        return f"{address}/{self.repository}@{digest}"


def digest_of(reference: str) -> str:
    """Take `sha256:...` from a reference such as `host:port/repository@sha256:...`, else ValueError."""
    digest = reference.rpartition("@")[2]
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"must end in @sha256: and 64 hexadecimal digits, got {shown_image(reference)}")
    return digest


def registry_version(image: str) -> tuple[int, ...]:
    """Give the version in the tag of a registry image, as (3, 1); empty if it tells none. Raises ValueError."""
    version = _VERSION.fullmatch(_take_apart(image).tag)
    return tuple(int(number) for number in version[1].split(".")) if version else ()


def check_image(image: str) -> None:
    """Refuse what is no image reference."""
    _take_apart(image)


def check_registry_image(image: str, *, allow_outdated: bool) -> None:
    """Refuse what is no image reference, and a registry version older than 3.1.1 unless that is allowed.

    A tag that may stand for a newer one (`3`, `3.1`, `latest`, a digest alone) cannot be judged and passes.
    """
    numbers = registry_version(image)
    if allow_outdated or not numbers:
        return
    version = _VERSION.fullmatch(_take_apart(image).tag)
    before_release = numbers == _OLDEST_SAFE_REGISTRY and version and version[2]
    if numbers < _OLDEST_SAFE_REGISTRY[: len(numbers)] or before_release:
        raise ValueError(
            f"must be registry 3.1.1 or newer, got {shown_image(image)}; older ones have open security advisories "
            "and can lose metadata in a crash"
        )


def check_platform(platform: str) -> None:
    """Refuse what is not `os/architecture` or `os/architecture/variant`."""
    if not _PLATFORM.fullmatch(platform):
        raise ValueError(f"must be os/architecture or os/architecture/variant, got {shown(platform)}")


def check_docker_host(text: str) -> None:
    """Refuse an address that a Docker client cannot use. Empty means the client's own default."""
    if not text:
        return
    try:
        url = urlsplit(text)
        with_password, authority = url.password is not None, url.netloc
    except ValueError:
        raise ValueError("must be a URL such as unix:///var/run/docker.sock") from None
    if with_password:
        raise ValueError("must not hold a password; ssh:// uses keys and tcp:// uses certificates")
    reach = {"unix": url.path, "npipe": url.path, "tcp": authority, "ssh": authority}
    if url.scheme not in reach:
        raise ValueError(f"must begin with unix://, tcp://, ssh:// or npipe://, got {shown(text)}")
    if not reach[url.scheme].strip("/"):
        raise ValueError(f"must say where the Docker Engine listens after {url.scheme}://, got {shown(text)}")
    if url.scheme == "unix" and authority:
        raise ValueError(
            f"must give the socket as an absolute path, as in unix:///var/run/docker.sock, got {shown(text)}"
        )

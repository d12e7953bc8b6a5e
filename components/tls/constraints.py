"""Names in certificates, and the name constraints of CAs, by the rules of Go's crypto/x509."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from . import der

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_EMAIL: Final = 0x81
_DNS: Final = 0x82
_URI: Final = 0x86
_IP: Final = 0x87
_PERMITTED: Final = 0xA0
_EXCLUDED: Final = 0xA1
_ADDRESS_SIZES: Final = (4, 16)


@dataclass(frozen=True)
class GeneralNames:
    """The names of the kinds that Go reads; others are left out."""

    dns: tuple[str, ...] = ()
    ip: tuple[IpAddress, ...] = ()
    email: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """Those that servers are looked up by, DNS names and IP addresses, in their order."""

    @classmethod
    def read(cls, parts: Sequence[der.Element]) -> GeneralNames:
        """Read subject alternative names. Raises ValueError for one that is broken."""
        addresses = [part.content for part in parts if part.tag == _IP]
        if any(len(address) not in _ADDRESS_SIZES for address in addresses):
            raise ValueError("must have IP addresses of 4 or 16 bytes")
        uris = tuple(_texts(parts, _URI))
        for uri in uris:
            _check_uri(uri)
        return cls(
            tuple(_texts(parts, _DNS)),
            tuple(ipaddress.ip_address(address) for address in addresses),
            tuple(_texts(parts, _EMAIL)),
            uris,
            tuple(
                part.content.decode() if part.tag == _DNS else str(ipaddress.ip_address(part.content))
                for part in parts
                if part.tag in {_DNS, _IP}
            ),
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is no name that Go reads."""
        return not (self.dns or self.ip or self.email or self.uri)


@dataclass(frozen=True)
class Subtrees:
    """Names of all kinds, each with those below it."""

    dns: tuple[str, ...]
    ip: tuple[IpNetwork, ...]
    email: tuple[str, ...]
    uri: tuple[str, ...]
    has_other_kinds: bool

    @classmethod
    def read(cls, parts: Sequence[der.Element]) -> Subtrees:
        """Read them. Raises ValueError for one that is broken."""
        bases = [part.parts()[0] for part in parts]
        dns, email, uri = (tuple(_texts(bases, tag)) for tag in (_DNS, _EMAIL, _URI))
        for name in (*dns, *uri, *(mailbox.rpartition("@")[2] for mailbox in email)):
            if not is_domain(name.removeprefix(".")):
                raise ValueError("must have domains as name constraints")
        return cls(
            dns,
            tuple(_network(base.content) for base in bases if base.tag == _IP),
            email,
            uri,
            any(base.tag not in {_EMAIL, _DNS, _URI, _IP} for base in bases),
        )


@dataclass(frozen=True)
class NameConstraints:
    """Which names a CA may sign for."""

    permitted: Subtrees
    excluded: Subtrees

    @classmethod
    def read(cls, parts: Sequence[der.Element]) -> NameConstraints:
        """Read them. Raises ValueError for what is broken or empty."""
        permitted = [item for part in parts if part.tag == _PERMITTED for item in part.parts()]
        excluded = [item for part in parts if part.tag == _EXCLUDED for item in part.parts()]
        if not permitted and not excluded:
            raise ValueError("must have a name constraint")
        return cls(Subtrees.read(permitted), Subtrees.read(excluded))

    @property
    def has_other_kinds(self) -> bool:
        """Whether there are kinds of names, such as directory names, that Go does not understand here."""
        return self.permitted.has_other_kinds or self.excluded.has_other_kinds

    def forbidden(self, names: GeneralNames) -> str:
        """Give the first name that a CA with these constraints may not sign for, with why; else an empty text."""
        return next(self._forbidden(names), "")

    def _forbidden(self, names: GeneralNames) -> Iterator[str]:
        permitted, excluded = self.permitted, self.excluded
        for address in names.ip:
            if permitted.ip and not any(address in network for network in permitted.ip):
                yield f"permits IP addresses in {_listed(permitted.ip)} only, not {address}"
            if any(address in network for network in excluded.ip):
                yield f"excludes IP addresses in {_listed(excluded.ip)}, as {address} is"
        for words, kind, pairs in (
            ("DNS names", "dns", [(name, name) for name in names.dns]),
            ("URIs", "uri", [(uri, _host(uri)) for uri in names.uri]),
            ("mail addresses", "email", [(mailbox, mailbox.rpartition("@")[2]) for mailbox in names.email]),
        ):
            allowed, refused = getattr(permitted, kind), getattr(excluded, kind)
            for name, domain in pairs:
                if not is_domain(domain) or (kind != "dns" and not domain):
                    yield f"has name constraints, to which {name} cannot be compared"
                if allowed and not any(_is_within(name, domain, base) for base in allowed):
                    yield f"permits {words} in {_listed(allowed)} only, not {name}"
                if any(_is_within(name, domain, base) or _meets(name, base) for base in refused):
                    yield f"excludes {words} in {_listed(refused)}, as {name} is"


def is_domain(name: str) -> bool:
    """Whether Go takes a text for a domain: visible characters without an empty label, or no text at all."""
    return not name or bool(re.fullmatch(r"[!-~]+", name) and all(name.split(".")))


def _is_within(name: str, domain: str, base: str) -> bool:
    """Whether a domain is, or is below, that of a constraint. One that begins with a dot means those below it."""
    if "@" in base:
        local, _, host = name.rpartition("@")
        return (local, host.lower()) == (base.rpartition("@")[0], base.rpartition("@")[2].lower())
    domain, base = domain.lower(), base.lower()
    return not base or domain == base or domain.endswith(base if base.startswith(".") else f".{base}")


def _meets(name: str, base: str) -> bool:
    """Whether a wildcard covers the name of a constraint."""
    first, dot, rest = base.lower().partition(".")
    return bool(first and dot) and name.lower() == f"*.{rest}"


def _host(uri: str) -> str:
    try:
        host = urlsplit(uri).hostname or ""
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return ""


def _check_uri(uri: str) -> None:
    host = urlsplit(uri).netloc.rpartition("@")[2]
    if re.search(r"[\x00-\x1f\x7f]|%(?![0-9a-fA-F]{2})", uri) or not is_domain(host):
        raise ValueError("must have URIs that can be read")


def _texts(parts: Iterable[der.Element], tag: int) -> Iterator[str]:
    for part in parts:
        if part.tag == tag:
            yield part.content.decode("ascii")


def _network(content: bytes) -> IpNetwork:
    half = len(content) // 2
    if half not in _ADDRESS_SIZES or len(content) % 2:
        raise ValueError("must have networks of 8 or 32 bytes")
    mask = int.from_bytes(content[half:], "big")
    bits = 8 * half
    prefix = mask.bit_count()
    if mask != ((1 << prefix) - 1) << (bits - prefix):
        raise ValueError("must have masks whose ones come first")
    network: IpNetwork = ipaddress.ip_network((content[:half], prefix), strict=False)
    return network


def _listed(items: Iterable[object]) -> str:
    return ", ".join(str(item) or "any" for item in items)

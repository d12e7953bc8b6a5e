"""Which server's certificates made elsewhere can work: the key, the names and the time.

Owns these rules, which are those of the registry and of clients: containerd, Docker and curl. The way to a CA is
in `path`. Reads no clock. A broken rule is a `ValueError` whose text begins with "must" and never holds a key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate

from ..pem import PrivateKey, day
from .constraints import GeneralNames, IpAddress
from .parsed import parse, title


def check_match(key: PrivateKey, chain: Sequence[Certificate]) -> None:
    """Refuse a key that is not that of the first certificate."""
    matching = [_has_key(certificate, key) for certificate in chain]
    if matching[0]:
        return
    if any(matching):
        raise ValueError(
            "must belong to the first certificate of the chain, "
            f"got the key of number {matching.index(True) + 1}, which therefore has to come first"
        )
    raise ValueError(f"must belong to the certificate of {title(chain[0])}, got the key of another")


def check_server(leaf: Certificate, names: Iterable[str]) -> None:
    """Refuse a certificate that is not for servers, or does not carry each of these names and IP addresses."""
    parsed = parse(leaf)
    if not parsed.can_verify:
        raise ValueError(
            "must be for a key that the registry can load, RSA, EC or Ed25519, got another kind, such as RSA-PSS: "
            "make the key as RSA, and have it certified anew"
        )
    if not parsed.serves:
        raise ValueError("must be for servers, but its extended key usage leaves out serverAuth")
    # The common name is not looked at: no client of today does.
    carried = parsed.names
    written = carried.shown
    missing = [name for name in names if not _carries(carried, name)]
    if missing:
        wanted = " and ".join(_described(name, written) for name in missing)
        raise ValueError(f"must carry {wanted} as a subject alternative name, got {', '.join(written) or 'none'}")


def check_valid(certificate: Certificate, now: datetime) -> None:
    """Refuse a certificate that is not valid yet, or no longer."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise ValueError(f"must be valid now, {day(now)}, but ended on {day(end)}")
    if now < begin:
        raise ValueError(f"must be valid now, {day(now)}, but begins on {day(begin)}")


def _carries(carried: GeneralNames, name: str) -> bool:
    """Whether clients that connect to a name find it; `*` stands for one whole first label."""
    address = _address(name)
    if address:
        return any(address in {other, getattr(other, "ipv4_mapped", None)} for other in carried.ip)
    name = name.lower()
    return any(pattern.lower() in {name, f"*.{name.partition('.')[2]}"} for pattern in carried.dns)


def _described(name: str, written: Sequence[str]) -> str:
    if not _address(name):
        return f"the DNS name {name}"
    as_text = " (which is there as a DNS name, where no client looks for it)" if name in written else ""
    return f"the IP address {name}{as_text}"


def _address(name: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _has_key(certificate: Certificate, key: PrivateKey) -> bool:
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False

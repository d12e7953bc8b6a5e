"""Certificates and private keys in PEM: how they are read and written.

A broken rule is a `ValueError` whose text begins with "must" and never holds a key.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import Certificate

_MINIMUM_RSA_BITS: Final = 2048
_LARGEST: Final = 1 << 20
"""Bytes that one object in a cluster may hold."""
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: str
    """PEM; the server's own first, then those that lead to its root."""
    key: str = field(repr=False)
    """PEM, PKCS #8, not encrypted."""


def not_after(pem: str) -> datetime:
    """Tell when the first certificate ends."""
    return certificates(pem)[0].not_valid_after_utc


def fingerprint(pem: str) -> str:
    """Give the SHA-256 of a text of certificates, as hexadecimal digits."""
    return hashlib.sha256(pem.encode()).hexdigest()


def day(moment: datetime) -> str:
    """Write a day in UTC, as in 2026-01-31."""
    return moment.astimezone(UTC).date().isoformat()


def is_content(text: str) -> bool:
    """Whether a setting holds PEM itself, and not the path of a file."""
    return "-----BEGIN" in text


def read(text: str) -> str:
    """Give PEM: `text` itself, or the content of the file that it names. Raises ValueError."""
    if is_content(text):
        return text
    try:
        return Path(text).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not a text"
        # No echo: a key that has lost its first line looks like a path.
        raise ValueError(f"must be PEM, or the path of a PEM file; as a path: {reason}") from None


def certificates(pem: str) -> list[Certificate]:
    """Read certificates, at least one. Raises ValueError for other text, and for a private key among them."""
    if _PRIVATE_KEY.search(pem):
        raise ValueError("must hold certificates only, got a private key too")
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError("must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----)") from None


def private_key(pem: str) -> PrivateKey:
    """Read a private key. Raises ValueError for other text, a passphrase, or a kind that is weak or not served."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("must be without a passphrase, for which the registry could not ask") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("must be a private key in PEM (-----BEGIN PRIVATE KEY-----)") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MINIMUM_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    raise ValueError(
        f"must be RSA of at least {_MINIMUM_RSA_BITS} bits or EC on P-256, P-384 or P-521, got {_kind(key)}"
    )


def to_pem(chain: Iterable[Certificate]) -> str:
    """Write certificates in one spelling, without the comments that tools put between them."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in chain)


def check_size(text: str) -> None:
    """Refuse more certificates than an object in the cluster can hold."""
    size = len(text.encode())
    if size > _LARGEST:
        raise ValueError(f"must be at most {_LARGEST} bytes in PEM without comments (1 MiB), got {size}")


def key_to_pem(key: PrivateKey) -> str:
    """Write a private key as PKCS #8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def alternative(name: str) -> x509.IPAddress | x509.DNSName:
    """Give a name or IP address as certificates carry it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"EC on {key.curve.name}"
    return "another kind"

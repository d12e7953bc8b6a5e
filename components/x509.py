"""Certificates: how they are read, written and made, which names they carry, and when they are renewed.

Owns PEM, and the CA and server certificates made here. Keeps nothing and reads no clock: the caller keeps what
was made, and says what time it is. A broken rule is a `ValueError` whose text begins with "must" and never holds
a key.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLOCK: Final = "PRIVATE_REGISTRY_NOW"
"""Environment variable with another time than the clock's, for tests of renewal."""

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2999
"""What certificates can hold, the lifetime of a CA included."""

_SHORTEST_DAYS: Final = 30
_LONGEST_DAYS: Final = 825
"""Apple's tools trust no server certificate that is valid for longer."""

_CA_LIFETIME: Final = timedelta(days=3650)
_CLOCK_SKEW: Final = timedelta(hours=1)
"""How late a node's clock may be and still take a new certificate as valid."""

_MINIMUM_RSA_BITS: Final = 2048
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


def clock(environment: Mapping[str, str], now: datetime) -> datetime:
    """Give the time to reckon with: what PRIVATE_REGISTRY_NOW says in ISO 8601, or else `now`.

    Without a time zone it is UTC. A time in the past on a first `up` makes a certificate that is near its end
    today. Raises ValueError.
    """
    text = environment.get(CLOCK)
    if not text:
        return now
    moment: datetime | None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(
            f"{CLOCK} must be a date or time in ISO 8601 from {_FIRST_YEAR} to {_LAST_YEAR}, as in 2026-01-31, "
            f'got "{text}"'
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_days(days: int) -> None:
    """Refuse a lifetime in days that leaves no room for renewal, or that some clients refuse."""
    if not _SHORTEST_DAYS <= days <= _LONGEST_DAYS:
        raise ValueError(f"must be from {_SHORTEST_DAYS} to {_LONGEST_DAYS} days, got {days}")


def names_of(hosts: Iterable[str], service: str, namespace: str) -> tuple[str, ...]:
    """List, sorted, all names and IP addresses by which a registry is used: those hosts, loopback, its Service."""
    in_cluster = f"{service}.{namespace}"
    return tuple(
        sorted(
            {
                *hosts,
                *("localhost", "127.0.0.1", "::1"),
                *(service, in_cluster, f"{in_cluster}.svc", f"{in_cluster}.svc.cluster.local"),
            }
        )
    )


def make_ca(now: datetime) -> Pair:
    """Make a CA for ten years, which may sign servers' certificates and no further CAs."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Two CAs are trusted at a time, and clients look issuers up by name.
    name = _name(f"private-registry CA {identifier.digest.hex()[:8]}")
    begin = _begin(now)
    certificate = (
        _builder(name, name, key, begin, begin + _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(to_pem([certificate]), key_to_pem(key))


def make_leaf(ca: Pair, names: Iterable[str], days: int, now: datetime) -> Pair:
    """Make a server's certificate for these names and IP addresses, valid for `days`, but no longer than its CA.

    Raises ValueError if the CA has ended.
    """
    [issuer] = certificates(ca.certificate)
    if now > issuer.not_valid_after_utc:
        raise ValueError(f"must be raised, since its CA ended on {day(issuer.not_valid_after_utc)}")
    issuer_key = private_key(ca.key)
    issuer_identifier = x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key())
    key = ec.generate_private_key(ec.SECP256R1())
    begin = _begin(now)
    # The last second counts too, and one over 825 days is too many.
    end = min(begin + timedelta(days=days, seconds=-1), issuer.not_valid_after_utc)
    certificate = (
        _builder(_name("private-registry"), issuer.subject, key, begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([alternative(name) for name in names]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return Pair(to_pem([certificate]), key_to_pem(key))


def renewals(anchor: datetime, days: int, now: datetime) -> int:
    """Count the renewals that are due since `anchor`, of certificates valid for `days`.

    One is due every eleven twelfths of that time, so that the count rises in the last twelfth of a certificate's
    life at the latest. Never below 0: the clock of another machine may be behind the anchor.
    """
    return max(0, (now - anchor) // (timedelta(days=days) * 11 / 12))


def is_ending(ca: str, days: int, now: datetime) -> bool:
    """Whether a CA ends before a certificate that begins now and is valid for `days` would."""
    return not_after(ca) < now + timedelta(days=days)


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


def _begin(now: datetime) -> datetime:
    # A certificate counts whole seconds.
    return now.replace(microsecond=0) - _CLOCK_SKEW


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"EC on {key.curve.name}"
    return "another kind"

"""Certificates made here: a CA and the server certificates that it signs, their names, and when they are renewed.

Keeps nothing and reads no clock: the caller keeps what was made, and says what time it is. A broken rule is a
`ValueError` whose text begins with "must" and never holds a key.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..pem import Pair, alternative, certificates, day, key_to_pem, not_after, private_key, to_pem

_SHORTEST_DAYS: Final = 30
_LONGEST_DAYS: Final = 825
"""Apple's tools trust no server certificate that is valid for longer."""

_CA_LIFETIME: Final = timedelta(days=3650)
_CLOCK_SKEW: Final = timedelta(hours=1)
"""How late a node's clock may be and still take a new certificate as valid."""


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
    # Each CA needs a name of its own: clients find issuers by name.
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

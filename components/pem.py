"""Certificates and private keys in PEM: how they are read and written.

A broken rule is a `ValueError` whose text begins with "must" and never holds a key.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import ipaddress
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import Certificate

_MINIMUM_RSA_BITS: Final = 2048
"""The registry would load shorter ones, and curl refuses them."""
MAXIMUM_RSA_BITS: Final = 8192
"""Clients that are written in Go refuse longer ones."""
MAXIMUM_EXPONENT: Final = 2**31 - 1
"""Programs that are written in Go, such as the registry, take no RSA key with a larger one."""
_LARGEST: Final = 1 << 20
"""Bytes that one object in a cluster may hold."""
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_KINDS: Final = f"RSA of {_MINIMUM_RSA_BITS} to {MAXIMUM_RSA_BITS} bits, EC on P-256, P-384 or P-521, or Ed25519"
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_LABEL: Final = "PRIVATE KEY"
_CERTIFICATE_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE")
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----).)*)-----END \1-----", re.DOTALL)
_HEADERS: Final = re.compile(r"(?:\s*[\w-]+:[^\r\n]*(?:\r\n|\r|\n))+")
_BASE64: Final = re.compile(r"\s*(?:M[A-P]|LS0tLS1CRUdJTi)[A-Za-z0-9+/=\s]{60,}")
"""Of DER, or of PEM."""
_PSS: Final = bytes.fromhex("06092a864886f70d01010a")
"""The object identifier of RSA-PSS in DER."""

_CONVERSIONS: Final = {
    "DER": "`openssl x509 -inform der -in <file>`, or a key with `openssl pkey -inform der -in <file>`",
    "PKCS #12": "`openssl pkcs12 -nodes -in <file>`, and set certificates and key apart",
}
_OTHERS: Final = {
    "CERTIFICATE": "a certificate",
    "CERTIFICATE REQUEST": "a request for one (CSR): give what the CA answered",
    "NEW CERTIFICATE REQUEST": "a request for one (CSR): give what the CA answered",
    "TRUSTED CERTIFICATE": "OpenSSL's own form: convert it with `openssl x509 -in <file>`",
    "PKCS7": "PKCS #7: convert it with `openssl pkcs7 -print_certs -in <file>`",
    "PUBLIC KEY": "a public key",
    "EC PARAMETERS": "parameters alone",
}

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: str
    """PEM; the server's own first, then those that lead to its root."""
    key: str = field(repr=False)
    """PEM, PKCS #8, not encrypted."""


@dataclass(frozen=True, slots=True)
class _Block:
    """What stands between -----BEGIN and -----END."""

    label: str
    headers: str = field(repr=False)
    content: bytes = field(repr=False)


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
        content = Path(text).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as problem:
        # No echo: a key that has lost its first line looks like a path.
        if _BASE64.fullmatch(text) or "-----END" in text:
            raise ValueError(
                "must be PEM, or the path of a PEM file, got base64 without its -----BEGIN line"
            ) from None
        reason = problem.strerror if isinstance(problem, OSError) else "not a path"
        raise ValueError(f"must be PEM, or the path of a PEM file; as a path: {reason}") from None
    return _text(content)


def certificates(pem: str) -> list[Certificate]:
    """Read certificates, at least one. Raises ValueError for other text, and for a private key among them."""
    blocks = list(_blocks(pem))
    if _PRIVATE_KEY.search(pem):
        raise ValueError("must hold certificates only, got a private key too: it belongs into tlsKey alone")
    found = [block for block in blocks if block.label in _CERTIFICATE_LABELS]
    if not found:
        raise ValueError(f"must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----){_instead(pem)}")
    return [_certificate(block, number) for number, block in enumerate(found, start=1)]


def private_key(pem: str) -> PrivateKey:
    """Read a private key. Raises ValueError for other text, a passphrase, or a kind that is weak or not served."""
    # The first one counts, as for the registry; certificates and EC parameters may stand around it.
    block = next((block for block in _blocks(pem) if block.label.endswith(_KEY_LABEL)), None)
    if block is None:
        raise ValueError(f"must be a private key in PEM (-----BEGIN PRIVATE KEY-----){_instead(pem)}")
    if "ENCRYPTED" in block.label or "ENCRYPTED" in block.headers:
        raise ValueError("must be without a passphrase, for which the registry could not ask")
    try:
        key = _load_key(block)
    except TypeError:
        raise ValueError("must be without a passphrase, for which the registry could not ask") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"must be a private key that can be read, whole and {_KINDS}") from None
    if _is_pss(block.content):
        raise ValueError(f"must be {_KINDS}, got RSA-PSS, which the registry cannot load: make the key as RSA")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and _MINIMUM_RSA_BITS <= key.key_size <= MAXIMUM_RSA_BITS:
        if key.public_key().public_numbers().e <= MAXIMUM_EXPONENT:
            return key
        raise ValueError(
            "must have a public exponent of at most 31 bits, such as 65537: the registry loads no other"
        )
    raise ValueError(f"must be {_KINDS}, got {_kind(key)}")


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


def _blocks(text: str) -> Iterator[_Block]:
    """Find the blocks of a text, however their lines are indented and ended. What is no base64 counts as empty."""
    # A PEM that went through JSON or a shell may have the two characters for a line end.
    for label, body in _BLOCK.findall(text.replace("\\n", "\n")):
        headers = _HEADERS.match(body)
        encoded = body[headers.end() :] if headers else body
        try:
            content = base64.b64decode("".join(encoded.split()), validate=True)
        except ValueError:
            content = b""
        yield _Block(label, headers.group() if headers else "", content)


def _certificate(block: _Block, number: int) -> Certificate:
    with warnings.catch_warnings():
        # Of serial numbers that are not positive: whether clients accept them is checked elsewhere.
        warnings.simplefilter("ignore")
        try:
            return x509.load_der_x509_certificate(block.content)
        except (ValueError, x509.InvalidVersion):
            raise ValueError(f"must be one or more certificates in PEM, but number {number} is broken") from None


def _load_key(block: _Block) -> object:
    if block.label == "OPENSSH PRIVATE KEY":
        raise ValueError("must be in the form that servers use")
    # The library's own check of RSA keys also tests their primes, which takes seconds for a long key.
    key = serialization.load_der_private_key(block.content, password=None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, rsa.RSAPrivateKey) and not _is_consistent(key.private_numbers()):
        raise ValueError("must have numbers that belong together")
    return key


def _is_consistent(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether the numbers of a key belong together, as the registry asks when it loads one."""
    p, q, d, public = key.p, key.q, key.d, key.public_numbers
    return (
        p * q == public.n
        and all(d * public.e % (prime - 1) == 1 for prime in (p, q))
        and (key.dmp1, key.dmq1, key.iqmp * q % p) == (d % (p - 1), d % (q - 1), 1)
    )


def _is_pss(key: bytes) -> bool:
    """Whether a key is restricted to RSA-PSS. In PKCS #8 its kind stands before its content."""
    return _PSS in key[:40]


def _text(content: bytes) -> str:
    """Read the content of a file. PEM is ASCII, so the encoding of the text around it does not matter."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    is_binary = b"\0" in content or not content.isascii()
    if is_binary and content.startswith(b"\x30") and b"-----BEGIN" not in content:
        # Such a file begins with a number or with another sequence.
        form = "PKCS #12" if content[2:8].find(b"\x02\x01\x03") >= 0 else "DER"
        raise ValueError(
            f"must be PEM, or the path of a PEM file, got {form}: convert it with {_CONVERSIONS[form]}"
        )
    return content.decode("utf-8", errors="replace")


def _instead(text: str) -> str:
    """Say what a text holds in place of what was wanted."""
    labels = [label for label, _ in _BLOCK.findall(text)]
    if any(label.endswith(_KEY_LABEL) for label in labels):
        return ", got a private key"
    for label, words in _OTHERS.items():
        if label in labels:
            return f", got {words}"
    return ", got text without a whole block of PEM" if not labels else f", got {labels[0]}"


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"EC on {key.curve.name}"
    return {"Ed448PrivateKey": "Ed448", "DSAPrivateKey": "DSA"}.get(type(key).__name__, "another kind")

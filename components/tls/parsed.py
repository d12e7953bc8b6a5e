"""A certificate as containerd and Docker read it: by the rules of Go's crypto/x509.

The library has rules of its own. It refuses extensions that Go reads (CA:FALSE beside a path length, say) and
reads keys and names that Go refuses. So the parts that decide are taken from the DER.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, PublicKeyAlgorithmOID

from . import der
from .constraints import GeneralNames, NameConstraints

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_AUTHORITY_KEY: Final = ExtensionOID.AUTHORITY_KEY_IDENTIFIER.dotted_string
_SUBJECT_KEY: Final = ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string
_BASIC_CONSTRAINTS: Final = ExtensionOID.BASIC_CONSTRAINTS.dotted_string
_KEY_USAGE: Final = ExtensionOID.KEY_USAGE.dotted_string
_PURPOSES: Final = ExtensionOID.EXTENDED_KEY_USAGE.dotted_string
_ALTERNATIVE_NAMES: Final = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string
_NAME_CONSTRAINTS: Final = ExtensionOID.NAME_CONSTRAINTS.dotted_string
_NEVER_CRITICAL: Final = {
    _AUTHORITY_KEY: "its authority key identifier",
    _SUBJECT_KEY: "its subject key identifier",
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS.dotted_string: "its authority information access",
}
_LISTS: Final = {
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS.dotted_string: "authority information access",
    ExtensionOID.CRL_DISTRIBUTION_POINTS.dotted_string: "CRL distribution points",
    ExtensionOID.CERTIFICATE_POLICIES.dotted_string: "certificate policies",
    ExtensionOID.POLICY_MAPPINGS.dotted_string: "policy mappings",
}
"""Extensions that decide nothing here, but have to be lists of sequences."""
_UNDERSTOOD: Final = frozenset(
    {
        _BASIC_CONSTRAINTS,
        _KEY_USAGE,
        _PURPOSES,
        _ALTERNATIVE_NAMES,
        _NAME_CONSTRAINTS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS.dotted_string,
        ExtensionOID.CERTIFICATE_POLICIES.dotted_string,
    }
)
"""Extensions that may be critical. Those that restrict policies are not among them: Go knows them since 1.24 only,
and containerd and Docker are in use that were built before."""

_SERVES: Final = {
    ExtendedKeyUsageOID.SERVER_AUTH.dotted_string,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
}
_NUMERIC: Final = 0x12
_TEXTS: Final = {0x0C: "utf-8", _NUMERIC: "ascii", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
"""The encoding of each kind of text that Go reads in a name, by its tag."""

_CURVES: Final = (ec.SECP224R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_KEY_KINDS: Final = {
    PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5.dotted_string,
    PublicKeyAlgorithmOID.EC_PUBLIC_KEY.dotted_string,
    PublicKeyAlgorithmOID.ED25519.dotted_string,
}


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of a certificate, and whether it must be understood."""

    critical: bool
    value: bytes


@dataclass(frozen=True)
class Parsed:
    """A certificate that Go can read."""

    certificate: Certificate = field(repr=False)
    version: int
    signature_algorithm: bytes
    """DER of the identifier, with its parameters."""
    issuer: bytes
    subject: bytes
    public_key_info: bytes
    extensions: Mapping[str, Extension]

    @property
    def title(self) -> str:
        """What messages call it."""
        return title(self.certificate)

    @cached_property
    def key_algorithm(self) -> str:
        """The object identifier of the public key's kind."""
        return _key_algorithm(self.public_key_info)

    @property
    def can_verify(self) -> bool:
        """Whether the public key is one that Go checks signatures with."""
        return self.key_algorithm in _KEY_KINDS

    @cached_property
    def is_ca(self) -> bool | None:
        """What the basic constraints say; None if there are none."""
        constraints = self._basic_constraints()
        return None if constraints is None else constraints[0]

    @cached_property
    def path_length(self) -> int | None:
        """How many CAs may stand between this one and a server."""
        return (self._basic_constraints() or (False, None))[1]

    @cached_property
    def may_sign(self) -> bool:
        """Whether the key usage allows to sign certificates; one without a bit counts as none."""
        extension = self.extensions.get(_KEY_USAGE)
        if extension is None:
            return True
        _, *usage = der.only(extension.value, der.BIT_STRING).content
        bits = usage[0] if usage else 0
        later = len(usage) > 1 and usage[1] & 0x80
        return bool(bits & 0x04) or not (bits or later)

    @cached_property
    def serves(self) -> bool:
        """Whether the extended key usage, if there is one, allows servers."""
        extension = self.extensions.get(_PURPOSES)
        purposes = {der.dotted(part.content) for part in _parts(extension)}
        return not purposes or bool(purposes & _SERVES)

    @cached_property
    def names(self) -> GeneralNames:
        """The subject alternative names."""
        return GeneralNames.read(_parts(self.extensions.get(_ALTERNATIVE_NAMES)))

    @cached_property
    def constraints(self) -> NameConstraints | None:
        """Which names a CA may sign for."""
        extension = self.extensions.get(_NAME_CONSTRAINTS)
        return NameConstraints.read(_parts(extension)) if extension else None

    def not_understood(self) -> list[str]:
        """Give the critical extensions that Go does not understand: it refuses a certificate with one."""
        return [name for name, item in self.extensions.items() if item.critical and not self._understands(name)]

    def _understands(self, name: str) -> bool:
        if name == _ALTERNATIVE_NAMES:
            return not self.names.is_empty
        if name == _NAME_CONSTRAINTS:
            return self.constraints is not None and not self.constraints.has_other_kinds
        return name in _UNDERSTOOD

    def _basic_constraints(self) -> tuple[bool, int | None] | None:
        extension = self.extensions.get(_BASIC_CONSTRAINTS)
        if extension is None:
            return None
        parts = _parts(extension)
        flags = [part.content for part in parts if part.tag == der.BOOLEAN]
        if any(flag not in {b"\0", b"\xff"} for flag in flags):
            raise ValueError("must have a flag in DER")
        lengths = [int.from_bytes(part.content, "big") for part in parts if part.tag == der.INTEGER]
        return b"\xff" in flags, lengths[0] if lengths else None


def parse(certificate: Certificate) -> Parsed:
    """Read a certificate. Raises ValueError, whose text begins with "must", for what Go cannot read."""
    version, fields = _fields(certificate)
    serial, algorithm, issuer, _, subject, key, *rest = fields
    if serial.content and serial.content[0] & 0x80:
        raise ValueError("must have a serial number that is not negative")
    for name in (issuer, subject):
        _check_name(name)
    _check_key(certificate, key.whole)
    parsed = Parsed(
        certificate, version, algorithm.whole, issuer.whole, subject.whole, key.whole, _extensions(version, rest)
    )
    _check_extensions(parsed)
    return parsed


def title(certificate: Certificate) -> str:
    """Give what messages call a certificate: its subject, and its number if that is empty."""
    try:
        subject = certificate.subject.rfc4514_string()
    except ValueError:
        subject = ""
    return f'"{subject}"' if subject else f'"" (no subject, serial number {certificate.serial_number:x})'


def _fields(certificate: Certificate) -> tuple[int, list[der.Element]]:
    to_be_signed, algorithm, _ = der.only(certificate.public_bytes(serialization.Encoding.DER)).parts()
    fields = to_be_signed.parts()
    version = 1
    # Left out, it is 1.
    if fields[0].tag == 0xA0:
        version = der.only(fields[0].content, der.INTEGER).content[-1] + 1
        del fields[0]
    if fields[1].whole != algorithm.whole:
        raise ValueError("must name the algorithm of its signature twice alike")
    return version, fields


def _check_name(name: der.Element) -> None:
    for part in name.parts():
        for attribute in part.parts():
            if not _is_text(attribute.parts()[1]):
                raise ValueError("must have a subject and an issuer whose text is valid for its ASN.1 type")


def _is_text(value: der.Element) -> bool:
    if value.tag not in _TEXTS:
        return False
    try:
        text = value.content.decode(_TEXTS[value.tag])
    except UnicodeDecodeError:
        return False
    return value.tag != _NUMERIC or not text.strip("0123456789 ")


def _check_key(certificate: Certificate, info: bytes) -> None:
    """Refuse a key that Go does not read. A kind that it does not know is left unread, and does no harm."""
    algorithm = _key_algorithm(info)
    if algorithm not in _KEY_KINDS:
        return
    kind = "another form"
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        pass
    else:
        encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        right = not isinstance(key, ec.EllipticCurvePublicKey) or isinstance(key.curve, _CURVES)
        if right and encoded == info:
            return
        if isinstance(key, ec.EllipticCurvePublicKey) and not right:
            kind = f"EC on {key.curve.name}"
    raise ValueError(
        f"must have a public key that is RSA, Ed25519 or EC on a named NIST curve, uncompressed, got {kind}"
    )


def _key_algorithm(info: bytes) -> str:
    return der.dotted(der.only(info).parts()[0].parts()[0].content)


def _extensions(version: int, rest: list[der.Element]) -> dict[str, Extension]:
    found: dict[str, Extension] = {}
    for part in rest:
        # Before version 3 there are none.
        if part.tag != 0xA3 or version < 3:
            continue
        for item in der.only(part.content).parts():
            identifier, *flag, value = item.parts()
            name = der.dotted(identifier.content)
            if name in found:
                raise ValueError(f"must have each extension once, got {name} twice")
            found[name] = Extension(any(any(part.content) for part in flag), value.content)
    return found


def _check_extensions(parsed: Parsed) -> None:
    for name, words in _NEVER_CRITICAL.items():
        if name in parsed.extensions and parsed.extensions[name].critical:
            raise ValueError(f"must not mark {words} as critical")
    readers: dict[str, Callable[[], object]] = {
        "basic constraints": lambda: parsed.is_ca,
        "key usage": lambda: parsed.may_sign,
        "extended key usage": lambda: parsed.serves,
        "subject alternative name": lambda: parsed.names,
        "name constraints": lambda: parsed.constraints,
        "subject key identifier": partial(_check_identifier, parsed, _SUBJECT_KEY, der.OCTET_STRING),
        "authority key identifier": partial(_check_identifier, parsed, _AUTHORITY_KEY, der.SEQUENCE),
        **{words: partial(_check_list, parsed, name) for name, words in _LISTS.items()},
    }
    for words, read in readers.items():
        try:
            read()
        except (ValueError, IndexError):
            raise ValueError(f"must have a {words} extension that can be read") from None


def _check_identifier(parsed: Parsed, name: str, tag: int) -> None:
    # Go reads the first element, and lets others behind it be.
    if name in parsed.extensions:
        first, *_ = der.elements(parsed.extensions[name].value)
        if first.tag != tag:
            raise ValueError("must begin with an element of the expected kind")


def _check_list(parsed: Parsed, name: str) -> None:
    for part in _parts(parsed.extensions.get(name)):
        if part.tag != der.SEQUENCE:
            raise ValueError("must be a list of sequences")
        part.parts()


def _parts(extension: Extension | None) -> list[der.Element]:
    return der.only(extension.value).parts() if extension else []

"""A certificate authority other than the program's own, for tests of certificates that are made elsewhere."""

from __future__ import annotations

import base64
import ipaddress
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from components.pem import Pair, certificates
from components.tls import der

NOW: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
DAY: Final = timedelta(days=1)

ECDSA_SHA1: Final = bytes.fromhex("06072a8648ce3d0401")
ECDSA_SHA256: Final = bytes.fromhex("06082a8648ce3d040302")
"""Object identifiers in DER."""

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
Extensions = Sequence[x509.Extension[x509.ExtensionType]]


def key_usage(*allowed: str) -> x509.KeyUsage:
    """Make a key usage."""
    uses = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
    all_uses = (*uses.split(), "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{use: use in allowed for use in all_uses})


SIGNS: Final = key_usage("key_cert_sign", "crl_sign")
SERVES: Final = key_usage("digital_signature")


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def extension(value: x509.ExtensionType, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    """Give an extension as a certificate carries it."""
    return x509.Extension(value.oid, critical, value)


def raw_extension(identifier: str, content: bytes, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    """Give an extension that the library would not make."""
    return extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(identifier), content), critical=critical)


@dataclass(frozen=True)
class Authority:
    """A CA as `openssl req -x509` makes one: without a key usage, unless it is given.

    `critical` is whether clients have to understand that it is one. `extensions` stand beside or, by their kind, in
    place of its own. `hashed` and `padded` are how it signs.
    """

    name: str = "test-ca"
    issuer: Authority | None = None
    is_ca: bool = True
    critical: bool = True
    usage: x509.KeyUsage | None = None
    begin: datetime = NOW - 10 * DAY
    end: datetime = NOW + 50 * DAY
    key: Key = field(default_factory=ec_key)
    extensions: Extensions = ()
    hashed: Hash | None = field(default_factory=hashes.SHA256)
    padded: padding.PSS | None = None

    @property
    def pem(self) -> str:
        """Its certificate, signed by its issuer or by itself; another one each time."""
        issuer = self.issuer or self
        constraints = x509.BasicConstraints(ca=self.is_ca, path_length=None)
        extensions = {constraints.oid: extension(constraints, critical=self.critical)}
        if self.usage:
            extensions[self.usage.oid] = extension(self.usage)
        extensions |= {item.oid: item for item in self.extensions}
        return issuer.certify(common_name(self.name), self.key, list(extensions.values()), self.begin, self.end)

    def issue(
        self,
        *names: str,
        key: Key | None = None,
        begin: datetime = NOW - DAY,
        end: datetime = NOW + 30 * DAY,
        usage: x509.ObjectIdentifier | None = None,
        alternatives: list[x509.GeneralName] | None = None,
        subject: x509.Name | None = None,
        critical_names: bool = False,
        extensions: Extensions = (),
    ) -> Pair:
        """Make a server's certificate; `alternatives` in place of what fits the names."""
        key = key or ec_key()
        written = alternatives or [alternative(name) for name in names]
        all_extensions = list(extensions)
        if written:
            all_extensions.append(extension(x509.SubjectAlternativeName(written), critical=critical_names))
        if usage:
            all_extensions.append(extension(x509.ExtendedKeyUsage([usage])))
        subject = common_name("server") if subject is None else subject
        return Pair(self.certify(subject, key, all_extensions, begin, end), key_pem(key))

    def sign(
        self, name: str, key: Key, extensions: Sequence[x509.ExtensionType], begin: datetime, end: datetime
    ) -> str:
        """Sign a certificate for a key, with the identifiers that openssl adds."""
        return self.certify(common_name(name), key, [extension(item) for item in extensions], begin, end)

    def certify(
        self,
        subject: x509.Name,
        key: Key | rsa.RSAPublicKey,
        extensions: Extensions,
        begin: datetime,
        end: datetime,
    ) -> str:
        """Sign a certificate with these extensions, and with the identifiers that openssl adds."""
        public_key = key if isinstance(key, rsa.RSAPublicKey) else key.public_key()
        identifiers = [
            extension(x509.SubjectKeyIdentifier.from_public_key(public_key)),
            extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())),
        ]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(common_name(self.name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )
        for item in {item.oid: item for item in [*identifiers, *extensions]}.values():
            builder = builder.add_extension(item.value, critical=item.critical)
        hashed = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else self.hashed
        made = builder.sign(self.key, hashed, rsa_padding=self.padded)
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def altered(
        self, pem: str, change: Callable[[list[bytes]], list[bytes]] = list, algorithm: bytes = ECDSA_SHA256
    ) -> str:
        """Sign a certificate anew after a change to its fields in DER; for what the library does not make.

        The first field is the version, the last the extensions. `algorithm` is what it says of its signature.
        """
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        [certificate] = certificates(pem)
        fields = [part.whole for part in der.only(certificate.tbs_certificate_bytes).parts()]
        fields[2] = tlv(der.SEQUENCE, algorithm)
        to_be_signed = tlv(der.SEQUENCE, *change(fields))
        hashed = hashes.SHA1() if algorithm == ECDSA_SHA1 else hashes.SHA256()  # noqa: S303 - to see it refused
        signature = self.key.sign(to_be_signed, ec.ECDSA(hashed))
        whole = tlv(der.SEQUENCE, to_be_signed, fields[2], tlv(der.BIT_STRING, b"\0", signature))
        return pem_block("CERTIFICATE", whole)


def tlv(tag: int, *contents: bytes) -> bytes:
    """Write an element of DER."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def pem_block(label: str, content: bytes) -> str:
    """Write a block of PEM."""
    lines = "\n".join(textwrap.wrap(base64.b64encode(content).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def common_name(name: str) -> x509.Name:
    """Give a name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def alternative(name: str) -> x509.GeneralName:
    """Give a name or IP address as clients look for it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_pem(
    key: Key,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    passphrase: bytes = b"",
) -> str:
    """Write a private key."""
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def one(pair: Pair | str) -> x509.Certificate:
    """Read a single certificate."""
    [certificate] = certificates(pair if isinstance(pair, str) else pair.certificate)
    return certificate

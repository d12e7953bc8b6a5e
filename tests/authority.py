"""A certificate authority other than the program's own, for tests of certificates that are made elsewhere."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from components.tls.pem import Pair, certificates

NOW: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
DAY: Final = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def key_usage(*allowed: str) -> x509.KeyUsage:
    """Make a key usage."""
    uses = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
    all_uses = (*uses.split(), "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{use: use in allowed for use in all_uses})


SIGNS: Final = key_usage("key_cert_sign", "crl_sign")
SERVES: Final = key_usage("digital_signature")


@dataclass(frozen=True)
class Authority:
    """A CA as `openssl req -x509` makes one: without a key usage, unless it is given.

    `critical` is whether clients have to understand that it is one.
    """

    name: str = "test-ca"
    issuer: Authority | None = None
    is_ca: bool = True
    critical: bool = True
    usage: x509.KeyUsage | None = None
    end: datetime = NOW + 50 * DAY
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> str:
        """Its certificate, signed by its issuer or by itself; another one each time."""
        issuer = self.issuer or self
        extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca=self.is_ca, path_length=None)]
        if self.usage:
            extensions.append(self.usage)
        return issuer.sign(self.name, self.key, extensions, NOW - 10 * DAY, self.end)

    def issue(
        self,
        *names: str,
        key: Key | None = None,
        begin: datetime = NOW - DAY,
        end: datetime = NOW + 30 * DAY,
        usage: x509.ObjectIdentifier | None = None,
        alternatives: list[x509.GeneralName] | None = None,
    ) -> Pair:
        """Make a server's certificate; `alternatives` in place of what fits the names."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        written = alternatives or [alternative(name) for name in names]
        extensions: list[x509.ExtensionType] = [x509.SubjectAlternativeName(written)] if written else []
        if usage:
            extensions.append(x509.ExtendedKeyUsage([usage]))
        return Pair(self.sign("server", key, extensions, begin, end), key_pem(key))

    def sign(
        self, name: str, key: Key, extensions: list[x509.ExtensionType], begin: datetime, end: datetime
    ) -> str:
        """Sign a certificate for a key, with the identifiers that openssl adds."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(common_name(name))
            .issuer_name(common_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        for extension in extensions:
            builder = builder.add_extension(
                extension, critical=self.critical and isinstance(extension, x509.BasicConstraints)
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


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

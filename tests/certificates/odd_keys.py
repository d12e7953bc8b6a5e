"""Keys, and public keys in certificates, that the library would not make."""

from __future__ import annotations

from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from components.pem import Pair
from components.tls import der
from tests.authority import (
    DAY,
    NOW,
    common_name,
    extension,
    pem_block,
    tlv,
)
from tests.certificates.case import (
    HOST,
    KINDS,
    ROOT,
    ROOT_PEM,
    Case,
    dns,
    rsa_key,
)


@cache
def mersenne_key() -> rsa.RSAPrivateKey:
    """Give a key of 8676 bits at once: its primes are known."""
    # The usual check would test the primes for a minute.
    p, q, e = 2**4423 - 1, 2**4253 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key(unsafe_skip_rsa_key_validation=True)


@cache
def exponent_key() -> rsa.RSAPrivateKey:
    """Give a key whose public exponent has 33 bits."""
    numbers = rsa_key().private_numbers()
    p, q, e = numbers.p, numbers.q, 2**32 + 15
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()


def with_curve_written_out(info: bytes) -> bytes:
    """Give a public key on P-256 with the numbers of its curve in place of their name."""
    algorithm, point = der.only(info).parts()
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
    base = (
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    order = "00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
    field_type = bytes.fromhex("06072a8648ce3d0101")
    parameters = tlv(
        der.SEQUENCE,
        tlv(der.INTEGER, b"\1"),
        tlv(der.SEQUENCE, field_type, tlv(der.INTEGER, p.to_bytes(33, "big"))),
        tlv(der.SEQUENCE, tlv(0x04, (p - 3).to_bytes(32, "big")), tlv(0x04, bytes.fromhex(b))),
        tlv(0x04, bytes.fromhex(base)),
        tlv(der.INTEGER, bytes.fromhex(order)),
        tlv(der.INTEGER, b"\1"),
    )
    return tlv(der.SEQUENCE, tlv(der.SEQUENCE, algorithm.parts()[0].whole, parameters), point.whole)


def compressed(info: bytes) -> bytes:
    """Give a public key on P-256 with half of its point."""
    algorithm, point = der.only(info).parts()
    x, y = point.content[2:34], point.content[34:]
    return tlv(der.SEQUENCE, algorithm.whole, tlv(der.BIT_STRING, b"\0", bytes([2 + y[-1] % 2]), x))


def _as_pss(element: bytes) -> bytes:
    """Turn the identifier of RSA into that of RSA-PSS, whose parameters may be left out."""
    return element.replace(
        bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d01010a")
    )


def pss(*, certificate: bool = True) -> Case:
    """A key for RSA-PSS only, as `openssl genpkey -algorithm rsa-pss` makes it, with its certificate."""
    pair = ROOT.issue(HOST, key=rsa_key())
    [version, algorithm, content] = der.only(
        rsa_key().private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    ).parts()
    key = pem_block("PRIVATE KEY", tlv(der.SEQUENCE, version.whole, _as_pss(algorithm.whole), content.whole))
    chain = pair.certificate
    if certificate:
        chain = ROOT.altered(
            chain,
            lambda fields: [
                tlv(der.SEQUENCE, *(_as_pss(part.whole) for part in der.only(field).parts()))
                if place == 6
                else field
                for place, field in enumerate(fields)
            ],
        )
    return Case(
        Pair(chain, key),
        ROOT_PEM,
        key="tlsKey",
        refused=f"must be {KINDS}, got RSA-PSS, which the registry cannot load: make the key as RSA",
    )


def three_primes() -> Case:
    """A key of RSA with a third prime, as `openssl genrsa -primes 3` makes it."""
    p, q, r, e = 2**1279 - 1, 2**607 - 1, 2**521 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1) * (r - 1))
    third = tlv(der.SEQUENCE, *map(_integer, (r, d % (r - 1), pow(p * q, -1, r))))
    numbers = (1, p * q * r, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    key = tlv(der.SEQUENCE, *map(_integer, numbers), tlv(der.SEQUENCE, third))
    certificate = ROOT.certify(
        common_name("server"),
        rsa.RSAPublicNumbers(e, p * q * r).public_key(),
        [extension(x509.SubjectAlternativeName(dns(HOST)))],
        NOW - DAY,
        NOW + DAY,
    )
    return Case(
        Pair(certificate, pem_block("RSA PRIVATE KEY", key)),
        ROOT_PEM,
        key="tlsKey",
        refused=f"must be a private key that can be read, whole and {KINDS}",
        stricter="the library does not read it, and nobody makes it without being told to",
    )


def _integer(number: int) -> bytes:
    return tlv(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))

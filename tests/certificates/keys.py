"""Keys of all kinds, what is mistaken for a key or a certificate, and the ways to write both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x25519

from components.pem import Pair
from components.tls import der
from tests.authority import (
    Authority,
    Key,
    common_name,
    ec_key,
    key_pem,
    pem_block,
    tlv,
)
from tests.certificates.case import (
    HOST,
    KINDS,
    ROOT,
    ROOT_PEM,
    Case,
    Cases,
    of,
    rsa_key,
    unreadable,
    with_others,
)
from tests.certificates.odd_keys import (
    compressed,
    exponent_key,
    mersenne_key,
    pss,
    three_primes,
    with_curve_written_out,
)

AnyKey = Key | dsa.DSAPrivateKey | ed448.Ed448PrivateKey | x25519.X25519PrivateKey
NO_CERTIFICATE: Final = "must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----), got "
SEC1: Final = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8: Final = serialization.PrivateFormat.PKCS8
P256_PARAMETERS: Final = pem_block("EC PARAMETERS", bytes.fromhex("06082a8648ce3d030107"))


def key_case(key: AnyKey, kind: str, **values: Any) -> Case:  # noqa: ANN401 - the other fields
    """Say that a kind of key is refused."""
    pair = ROOT.issue(HOST, key=key)  # type: ignore[arg-type]  # a kind that servers do not use
    return Case(pair, ROOT_PEM, key="tlsKey", refused=f"must be {KINDS}, got {kind}", **values)


def written(change: Callable[[str], str], key: Key | None = None) -> Case:
    """Give a key in another writing."""
    pair = ROOT.issue(HOST, key=key or ec_key())
    return Case(Pair(pair.certificate, change(pair.key)), ROOT_PEM)


def in_form(key: Key, form: serialization.PrivateFormat, passphrase: bytes = b"") -> Case:
    """Give a key in another form of PEM."""
    pair = ROOT.issue(HOST, key=key)
    case = Case(Pair(pair.certificate, key_pem(key, form, passphrase)), ROOT_PEM)
    if not passphrase:
        return case
    return replace(case, key="tlsKey", refused="must be without a passphrase, for which the registry could not ask")


def with_key_info(change: Callable[[bytes], bytes], key: Key | None = None, got: str = "another form") -> Case:
    """Give a server's certificate whose public key is written otherwise."""
    pair = ROOT.issue(HOST, key=key or ec_key())
    place = 6
    altered = ROOT.altered(
        pair.certificate,
        lambda fields: [*fields[:place], change(fields[place]), *fields[place + 1 :]],
    )
    rule = "have a public key that is RSA, Ed25519 or EC on a named NIST curve, uncompressed, got "
    return unreadable(Pair(altered, pair.key), rule + got)


def not_a_key(change: Callable[[Pair], str], got: str) -> Case:
    """Say that something else stands where the key should."""
    pair = ROOT.issue(HOST)
    return Case(
        Pair(pair.certificate, change(pair)),
        ROOT_PEM,
        key="tlsKey",
        refused=f"must be a private key in PEM (-----BEGIN PRIVATE KEY-----), got {got}",
    )


def not_a_certificate(change: Callable[[Pair], str], rule: str) -> Case:
    """Say that something else stands where the certificate should."""
    pair = ROOT.issue(HOST)
    return Case(Pair(change(pair), pair.key), ROOT_PEM, refused=rule)


def _request(pair: Pair) -> str:
    made = x509.CertificateSigningRequestBuilder().subject_name(common_name("x")).sign(ec_key(), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode() if pair else ""


N06: Final[Cases] = {
    "RSA-PSS": pss,
    "RSA-PSS for a certificate of RSA": lambda: pss(certificate=False),
    "RSA, for a certificate of RSA-PSS": lambda: Case(
        Pair(pss().pair.certificate, key_pem(rsa_key())),
        ROOT_PEM,
        refused="must be for a key that the registry can load, RSA, EC or Ed25519, got another kind, such as "
        "RSA-PSS: make the key as RSA, and have it certified anew",
    ),
    "RSA of 1024 bits": lambda: key_case(
        rsa_key(1024), "RSA of 1024 bits", stricter="curl with OpenSSL's usual level refuses it, and it is weak"
    ),
    "RSA of 2048 bits in PKCS #1": lambda: in_form(rsa_key(), SEC1),
    "RSA of 2048 bits in PKCS #8": lambda: in_form(rsa_key(), PKCS8),
    "RSA of 3072 bits": lambda: of(ROOT, key=rsa_key(3072)),
    "RSA of 8676 bits": lambda: key_case(mersenne_key(), "RSA of 8676 bits"),
    "RSA with an exponent of 33 bits": lambda: Case(
        ROOT.issue(HOST, key=exponent_key()),
        ROOT_PEM,
        key="tlsKey",
        refused="must have a public exponent of at most 31 bits, such as 65537: the registry loads no other",
    ),
    "RSA with three primes": three_primes,
    "RSA of more than 8192 bits in an unrelated certificate": lambda: replace(
        with_others(of(ROOT), Authority("large", key=mersenne_key()).pem),
        refused="must hold no RSA key of more than 8192 bits, which clients refuse, "
        'but that of "CN=large" has 8676',
    ),
    "RSA of more than 8192 bits in tlsCa": lambda: of(Authority("large", key=mersenne_key())),
    "EC on P-256 in SEC 1": lambda: in_form(ec_key(), SEC1),
    "EC on P-384": lambda: of(ROOT, key=ec_key(ec.SECP384R1())),
    "EC on P-521 in SEC 1": lambda: in_form(ec_key(ec.SECP521R1()), SEC1),
    "EC after its parameters": lambda: replace(
        case := in_form(ec_key(), SEC1), pair=Pair(case.pair.certificate, P256_PARAMETERS + case.pair.key)
    ),
    "EC on P-224": lambda: key_case(ec_key(ec.SECP224R1()), "EC on secp224r1"),
    "EC on secp256k1": lambda: key_case(ec_key(ec.SECP256K1()), "EC on secp256k1"),
    "EC on brainpool": lambda: key_case(ec_key(ec.BrainpoolP256R1()), "EC on brainpoolP256r1"),
    "EC with its curve written out": lambda: with_key_info(with_curve_written_out),
    "EC with a compressed point": lambda: with_key_info(compressed),
    "RSA without parameters": lambda: with_key_info(
        lambda info: tlv(
            der.SEQUENCE, tlv(der.SEQUENCE, (parts := der.only(info).parts())[0].parts()[0].whole), parts[1].whole
        ),
        rsa_key(),
    ),
    "Ed25519": lambda: of(ROOT, key=ed25519.Ed25519PrivateKey.generate()),
    "Ed448": lambda: key_case(ed448.Ed448PrivateKey.generate(), "Ed448"),
    "DSA": lambda: key_case(dsa.generate_private_key(1024), "DSA"),  # noqa: S505 - made faster
    "X25519": lambda: key_case(x25519.X25519PrivateKey.generate(), "another kind"),
    "with a passphrase": lambda: in_form(ec_key(), PKCS8, b"x"),
    "with a passphrase, in SEC 1": lambda: in_form(ec_key(), SEC1, b"x"),
    "of another certificate": lambda: Case(
        Pair(ROOT.issue(HOST).certificate, key_pem(ec_key())),
        ROOT_PEM,
        key="tlsKey",
        refused='must belong to the certificate of "CN=server", got the key of another',
    ),
    "of another kind than the certificate's": lambda: Case(
        Pair(ROOT.issue(HOST).certificate, key_pem(rsa_key())),
        ROOT_PEM,
        key="tlsKey",
        refused='must belong to the certificate of "CN=server", got the key of another',
    ),
    "of a certificate without a subject": lambda: Case(
        Pair(
            ROOT.altered(
                ROOT.issue(HOST, subject=x509.Name([])).certificate,
                lambda fields: [fields[0], tlv(der.INTEGER, b"\x1a\x2b"), *fields[2:]],
            ),
            key_pem(ec_key()),
        ),
        ROOT_PEM,
        key="tlsKey",
        refused='must belong to the certificate of "" (no subject, serial number 1a2b), got the key of another',
    ),
    "of the second certificate": lambda: Case(
        Pair(ROOT.issue(HOST).certificate + (pair := ROOT.issue(HOST)).certificate, pair.key),
        ROOT_PEM,
        key="tlsKey",
        refused="must belong to the first certificate of the chain, got the key of number 2, which therefore "
        "has to come first",
    ),
    "behind the certificate in its file": lambda: replace(
        case := of(ROOT), pair=Pair(case.pair.certificate, case.pair.certificate + case.pair.key)
    ),
    "first of two": lambda: written(lambda key: key + key_pem(ec_key())),
    "second of two": lambda: Case(
        written(lambda key: key_pem(ec_key()) + key).pair,
        ROOT_PEM,
        key="tlsKey",
        refused='must belong to the certificate of "CN=server", got the key of another',
    ),
    "cut in half": lambda: not_a_key(lambda pair: pair.key[:100], "text without a whole block of PEM"),
    "cut in the middle": lambda: Case(
        written(lambda key: "\n".join([*key.splitlines()[:2], *key.splitlines()[3:]])).pair,
        ROOT_PEM,
        key="tlsKey",
        refused=f"must be a private key that can be read, whole and {KINDS}",
    ),
    "certificate in place of the key": lambda: not_a_key(lambda pair: pair.certificate, "a certificate"),
    "public key": lambda: not_a_key(
        lambda _: (
            ec_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        ),
        "a public key",
    ),
    "parameters alone": lambda: not_a_key(lambda _: P256_PARAMETERS, "parameters alone"),
    "key beside the certificate": lambda: replace(
        not_a_certificate(
            lambda pair: pair.certificate + pair.key,
            "must hold certificates only, got a private key too: it belongs into tlsKey alone",
        ),
        stricter="tlsCertificate is no secret, so that a key would stand in clear",
    ),
    "key in place of the certificate": lambda: not_a_certificate(
        lambda pair: pair.key, "must hold certificates only, got a private key too: it belongs into tlsKey alone"
    ),
    "request in place of the certificate": lambda: not_a_certificate(
        _request, NO_CERTIFICATE + "a request for one (CSR): give what the CA answered"
    ),
    "PKCS #7 in place of the certificate": lambda: not_a_certificate(
        lambda _: pem_block("PKCS7", b"0\0"),
        NO_CERTIFICATE + "PKCS #7: convert it with `openssl pkcs7 -print_certs -in <file>`",
    ),
    "OpenSSL's own form of certificate": lambda: not_a_certificate(
        lambda pair: pair.certificate.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        NO_CERTIFICATE + "OpenSSL's own form: convert it with `openssl x509 -in <file>`",
    ),
    "broken certificate in the chain": lambda: not_a_certificate(
        lambda pair: pair.certificate + pair.certificate.replace("MII", "MIJ"),
        "must be one or more certificates in PEM, but number 2 is broken",
    ),
}
"""Keys of all kinds, and what is mistaken for a key or a certificate."""


def both(change: Callable[[str], str]) -> Case:
    """Give a certificate, its key and its CA in another writing."""
    pair = ROOT.issue(HOST)
    return Case(Pair(change(pair.certificate), change(pair.key)), change(ROOT_PEM), ROOT_PEM)


def _lines(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(line) for line in text.splitlines(keepends=True))


N25: Final[Cases] = {
    "Windows line ends": lambda: both(lambda text: text.replace("\n", "\r\n")),
    "old Mac line ends": lambda: both(lambda text: text.replace("\n", "\r")),
    "byte order mark": lambda: both(lambda text: "\ufeff" + text),
    "indented": lambda: both(_lines(lambda line: f"    {line}")),
    "indented by tabs": lambda: both(_lines(lambda line: f"\t{line}")),
    "blanks at the ends of lines": lambda: both(lambda text: text.replace("\n", "  \n")),
    "text around": lambda: both(lambda text: f"Bag Attributes\n  localKeyID: 01 -- x\n{text}\nend of it\n"),
    "text that is not ASCII around": lambda: both(lambda text: f"subject=CN=Müller\n{text}"),
    "empty lines between": lambda: both(lambda text: text.replace("\n", "\n\n")),
    "on one line": lambda: both(lambda text: text.replace("\n", " ")),
    "line ends as two characters": lambda: both(lambda text: text.replace("\n", "\\n")),
    "no line end at the end": lambda: both(str.rstrip),
    "one long line of base64": lambda: both(
        lambda text: "\n".join([(lines := text.splitlines())[0], "".join(lines[1:-1]), lines[-1]])
    ),
    "headers": lambda: both(lambda text: text.replace("-----\n", "-----\nfriendlyName: x\nlocalKeyID: 1\n\n", 1)),
    "first line twice": lambda: both(lambda text: text.split("\n")[0] + "\n" + text),
    "other blocks around": lambda: both(lambda text: f"{pem_block('DH PARAMETERS', b'0')}{text}{P256_PARAMETERS}"),
    "label of another time": lambda: both(lambda text: text.replace(" CERTIFICATE", " X509 CERTIFICATE")),
}
"""The same, written in other ways."""

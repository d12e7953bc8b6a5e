"""Certificates with parts that are seldom or wrong."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from components.pem import Pair
from components.tls import der
from tests.authority import (
    ECDSA_SHA1,
    SERVES,
    SIGNS,
    Authority,
    common_name,
    ec_key,
    extension,
    key_usage,
    raw_extension,
    tlv,
)
from tests.certificates.case import (
    HOST,
    ROOT,
    ROOT_PEM,
    Case,
    Cases,
    below,
    chain_of_three,
    dns,
    no_way,
    of,
    rsa_key,
    unreadable,
)

PATH_LENGTH_OF_A_SERVER: Final = tlv(der.SEQUENCE, tlv(der.INTEGER, b"\0"))
"""`CA:FALSE, pathlen:0`, a common mistake."""
CONSTRAINTS: Final = "2.5.29.19"

CLIENT_ONLY: Final = extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
SERVER_ONLY: Final = extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))
NO_LENGTH: Final = extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)


def _constraints(**names: list[x509.GeneralName]) -> x509.NameConstraints:
    return x509.NameConstraints(names.get("permitted"), names.get("excluded"))


def _networks(*networks: str) -> list[x509.GeneralName]:
    return [x509.IPAddress(ipaddress.ip_network(network)) for network in networks]


def version_1(pem: str, issuer: Authority = ROOT) -> str:
    """Give a certificate as version 1, which has no extensions."""
    return issuer.altered(pem, lambda fields: fields[1:-1])


def subject_written(text: bytes) -> Pair:
    """Give a certificate with a common name of three letters, written in DER as it is given."""
    pair = ROOT.issue(HOST, subject=common_name("xyz"))
    altered = ROOT.altered(
        pair.certificate, lambda fields: [field.replace(b"\x0c\x03xyz", text) for field in fields]
    )
    return Pair(altered, pair.key)


def _constrained(**names: list[x509.GeneralName]) -> Authority:
    return Authority("intermediate", ROOT, extensions=[extension(_constraints(**names), critical=True)])


def _with_uri(uri: str) -> list[x509.GeneralName]:
    return [x509.DNSName(HOST), x509.UniformResourceIdentifier(uri)]


N04: Final[Cases] = {
    "empty subject and plain names": lambda: of(ROOT, subject=x509.Name([])),
    "empty subject and critical names": lambda: of(ROOT, subject=x509.Name([]), critical_names=True),
    "critical names beside a subject": lambda: of(ROOT, critical_names=True),
    "server that is a CA": lambda: of(
        ROOT, extensions=[extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)]
    ),
    "server that may sign": lambda: of(ROOT, extensions=[extension(SIGNS)]),
    "server that is a CA and may sign": lambda: of(
        ROOT, extensions=[extension(x509.BasicConstraints(ca=True, path_length=0)), extension(SIGNS)]
    ),
    "server with a path length": lambda: of(ROOT, extensions=[raw_extension(CONSTRAINTS, PATH_LENGTH_OF_A_SERVER)]),
    "server for key agreement only": lambda: of(ROOT, extensions=[extension(key_usage("key_agreement"))]),
    "Ed25519 root": lambda: of(Authority("root", key=ed25519.Ed25519PrivateKey.generate())),
    "Ed25519 intermediate": lambda: below(
        Authority("intermediate", ROOT, key=ed25519.Ed25519PrivateKey.generate())
    ),
    "P-521 root": lambda: of(Authority("root", key=ec_key(ec.SECP521R1()), hashed=hashes.SHA512())),
    "P-224 root": lambda: of(Authority("root", key=ec_key(ec.SECP224R1()))),
    "RSA root": lambda: of(Authority("root", key=rsa_key())),
    "RSA root of 1024 bits": lambda: of(Authority("root", key=rsa_key(1024))),
    "RSA root that signs with PSS": lambda: of(
        Authority("root", key=rsa_key(), padded=padding.PSS(padding.MGF1(hashes.SHA256()), 32))
    ),
    "RSA root that signs with PSS and a salt of another length": lambda: no_way(
        of(Authority("root", key=rsa_key(), padded=padding.PSS(padding.MGF1(hashes.SHA256()), 20))),
        '"CN=server" is signed with SHA256, which clients do not accept',
    ),
    "root of version 1": lambda: replace(of(ROOT), tls_ca=version_1(ROOT_PEM)),
    "intermediate of version 1": lambda: no_way(
        replace(
            case := below(intermediate := Authority("intermediate", ROOT)),
            pair=Pair(
                case.pair.certificate.rpartition("-----BEGIN")[0] + version_1(intermediate.pem), case.pair.key
            ),
        ),
        '"CN=intermediate" is no CA: its basic constraints do not say CA:TRUE',
    ),
    "server of version 1": lambda: Case(
        Pair(version_1((pair := ROOT.issue(HOST)).certificate), pair.key),
        ROOT_PEM,
        refused=f"must carry the DNS name {HOST} as a subject alternative name, got none",
    ),
    "root whose constraints are not critical": lambda: of(Authority("root", critical=False)),
    "root that may sign": lambda: of(Authority("root", usage=SIGNS)),
    "root that is no CA": lambda: no_way(
        of(Authority("root", is_ca=False)),
        '"CN=root" is no CA: its basic constraints do not say CA:TRUE',
        by_ca=True,
    ),
    "root that may not sign": lambda: no_way(
        of(Authority("root", usage=SERVES)),
        '"CN=root" may not sign certificates: its key usage leaves out keyCertSign',
        by_ca=True,
    ),
    "root for clients only": lambda: no_way(
        of(Authority("root", extensions=[CLIENT_ONLY])),
        '"CN=root" leaves serverAuth out of its extended key usage',
        by_ca=True,
    ),
    "root for servers only": lambda: of(Authority("root", extensions=[SERVER_ONLY]), usage=None),
    "intermediate for clients only": lambda: no_way(
        below(Authority("intermediate", ROOT, extensions=[CLIENT_ONLY])),
        '"CN=intermediate" leaves serverAuth out of its extended key usage',
    ),
    "intermediate that is no CA": lambda: no_way(
        below(Authority("intermediate", ROOT, is_ca=False)),
        '"CN=intermediate" is no CA: its basic constraints do not say CA:TRUE',
    ),
    "intermediate that may not sign": lambda: no_way(
        below(Authority("intermediate", ROOT, usage=SERVES)),
        '"CN=intermediate" may not sign certificates: its key usage leaves out keyCertSign',
    ),
    "intermediate that allows no other": lambda: below(Authority("intermediate", ROOT, extensions=[NO_LENGTH])),
    "intermediate that allows no other, and has one": lambda: no_way(
        chain_of_three(Authority("upper", ROOT, extensions=[NO_LENGTH])),
        '"CN=upper" allows 0 other CAs between itself and a server, but here are 1',
    ),
    "intermediate of an intermediate": lambda: chain_of_three(Authority("upper", ROOT)),
    "signed with SHA-1": lambda: no_way(
        Case(Pair(ROOT.altered((pair := ROOT.issue(HOST)).certificate, algorithm=ECDSA_SHA1), pair.key), ROOT_PEM),
        '"CN=server" is signed with SHA1, which clients do not accept',
    ),
    "root that signed itself with SHA-1": lambda: replace(
        of(ROOT), tls_ca=ROOT.altered(ROOT_PEM, algorithm=ECDSA_SHA1)
    ),
    "signed with SHA-224": lambda: no_way(
        of(Authority("root", hashed=hashes.SHA224())),
        '"CN=server" is signed with SHA224, which clients do not accept',
    ),
    "signed with SHA-384": lambda: of(Authority("root", hashed=hashes.SHA384())),
    "critical extension that nobody knows": lambda: no_way(
        of(ROOT, extensions=[raw_extension("1.2.3.4", b"\5\0", critical=True)]),
        '"CN=server" has a critical extension that clients do not understand: 1.2.3.4',
    ),
    "extension that nobody knows": lambda: of(ROOT, extensions=[raw_extension("1.2.3.4", b"\5\0")]),
    "critical must-staple": lambda: no_way(
        of(ROOT, extensions=[extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=True)]),
        '"CN=server" has a critical extension that clients do not understand: 1.3.6.1.5.5.7.1.24',
    ),
    "critical subject key identifier": lambda: unreadable(
        ROOT.issue(HOST, extensions=[extension(x509.SubjectKeyIdentifier(b"x"), critical=True)]),
        "not mark its subject key identifier as critical",
    ),
    "identifiers that do not fit": lambda: of(
        ROOT, extensions=[extension(x509.AuthorityKeyIdentifier(b"other", None, None))]
    ),
    "restricted policies": lambda: replace(
        no_way(
            below(
                Authority(
                    "intermediate",
                    ROOT,
                    extensions=[extension(x509.InhibitAnyPolicy(0), critical=True)],
                )
            ),
            '"CN=intermediate" has a critical extension that clients do not understand: 2.5.29.54',
        ),
        stricter="Go knows it since 1.24, and containerd and Docker of before that are in use",
    ),
    "negative serial number": lambda: unreadable(
        Pair(
            ROOT.altered(
                (pair := ROOT.issue(HOST)).certificate,
                lambda fields: [fields[0], tlv(der.INTEGER, b"\x80\1"), *fields[2:]],
            ),
            pair.key,
        ),
        "have a serial number that is not negative",
    ),
    "serial number 0": lambda: Case(
        Pair(
            ROOT.altered(
                (pair := ROOT.issue(HOST)).certificate,
                lambda fields: [fields[0], tlv(der.INTEGER, b"\0"), *fields[2:]],
            ),
            pair.key,
        ),
        ROOT_PEM,
    ),
    "name in letters that its type does not have": lambda: Case(
        subject_written(b"\x13\x03a_b"),
        ROOT_PEM,
        refused="must be one or more certificates in PEM, but number 1 is broken",
    ),
    "name of a type that nobody reads": lambda: unreadable(
        subject_written(b"\x1a\x03abc"),
        "have a subject and an issuer whose text is valid for its ASN.1 type",
        title="CN=abc",
    ),
    "name in Latin-1": lambda: Case(subject_written(b"\x14\x03M\xfcl"), ROOT_PEM),
    "name with an ampersand in a type that has none": lambda: Case(
        subject_written(b"\x13\x03a&b"),
        ROOT_PEM,
        refused="must be one or more certificates in PEM, but number 1 is broken",
        stricter="the library does not read it, and no tool of today writes it",
    ),
    "issuer written as another type of text": lambda: no_way(
        Case(
            Pair(
                ROOT.altered(
                    (pair := ROOT.issue(HOST)).certificate,
                    lambda fields: [field.replace(b"\x0c\x04root", b"\x13\x04root") for field in fields],
                ),
                pair.key,
            ),
            ROOT_PEM,
        ),
        '"CN=root", which issued "CN=server", is neither there nor in the chain',
    ),
    "subject of many parts": lambda: of(
        ROOT,
        subject=x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Müller & Söhne"),
                x509.NameAttribute(NameOID.EMAIL_ADDRESS, "ca@example.test"),
            ]
        ),
    ),
    "permitted name": lambda: below(_constrained(permitted=dns("test"))),
    "name that is not permitted": lambda: no_way(
        below(_constrained(permitted=dns("other.test", ".registry.test"))),
        '"CN=intermediate" permits DNS names in other.test, .registry.test only, not registry.test',
    ),
    "excluded name": lambda: no_way(
        below(_constrained(excluded=dns("test"))),
        '"CN=intermediate" excludes DNS names in test, as registry.test is',
    ),
    "other names excluded": lambda: below(_constrained(excluded=dns("egistry.test"))),
    "wildcard that covers an excluded name": lambda: no_way(
        below(_constrained(excluded=dns("a.team.test")), alternatives=dns(HOST, "*.team.test")),
        '"CN=intermediate" excludes DNS names in a.team.test, as *.team.test is',
    ),
    "address that is not permitted": lambda: no_way(
        below(
            _constrained(permitted=_networks("10.0.0.0/8")),
            alternatives=[x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("192.168.0.1"))],
        ),
        '"CN=intermediate" permits IP addresses in 10.0.0.0/8 only, not 192.168.0.1',
    ),
    "permitted address": lambda: replace(
        below(
            _constrained(permitted=_networks("10.0.0.0/8", "fd00::/8")),
            alternatives=[x509.IPAddress(ipaddress.ip_address("10.0.0.5"))],
        ),
        host="10.0.0.5",
    ),
    "root whose constraints forbid the name": lambda: no_way(
        of(Authority("root", extensions=[extension(_constraints(permitted=dns("other.test")), critical=True)])),
        '"CN=root" permits DNS names in other.test only, not registry.test',
        by_ca=True,
    ),
    "constraints on directory names": lambda: no_way(
        below(_constrained(permitted=[x509.DirectoryName(common_name("x"))])),
        '"CN=intermediate" has a critical extension that clients do not understand: 2.5.29.30',
    ),
    "URI beside the name": lambda: of(ROOT, alternatives=_with_uri("spiffe://cluster.test/ns/team")),
    "URI without a host under constraints on URIs": lambda: no_way(
        below(
            _constrained(permitted=[x509.UniformResourceIdentifier(".cluster.test")]),
            alternatives=_with_uri("urn:x"),
        ),
        '"CN=intermediate" has name constraints, to which urn:x cannot be compared',
    ),
    "wildcard": lambda: replace(of(ROOT, alternatives=dns("*.test"))),
    "wildcard for more than a label": lambda: Case(
        ROOT.issue("*.test"),
        ROOT_PEM,
        host="a.registry.test",
        refused="must carry the DNS name a.registry.test as a subject alternative name, got *.test",
    ),
    "name in capital letters": lambda: of(ROOT, alternatives=dns("Registry.TEST")),
    "name among other kinds of names": lambda: of(
        ROOT,
        alternatives=[
            x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01x"),
            x509.RFC822Name("ca@example.test"),
            *dns(HOST),
        ],
    ),
    "IPv4 address written as IPv6": lambda: replace(
        of(ROOT, alternatives=[x509.IPAddress(ipaddress.ip_address("::ffff:10.0.0.5"))]), host="10.0.0.5"
    ),
    "common name alone": lambda: Case(
        ROOT.issue(subject=common_name(HOST)),
        ROOT_PEM,
        refused=f"must carry the DNS name {HOST} as a subject alternative name, got none",
    ),
    "server for clients only": lambda: Case(
        ROOT.issue(HOST, usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        ROOT_PEM,
        refused="must be for servers, but its extended key usage leaves out serverAuth",
    ),
    "server for all purposes": lambda: of(ROOT, usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
}
"""Certificates with parts that are seldom or wrong."""

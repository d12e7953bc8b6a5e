"""Certificates that are made here: their parts, and when they are renewed."""

from __future__ import annotations

import ipaddress
import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from components import pem
from components.tls import issuing
from components.tls.rules import check_match
from tests.authority import DAY, NOW, SERVES, SIGNS, one

Extension = TypeVar("Extension", bound=x509.ExtensionType)
WEAK_BITS: Final = 1024
SECOND: Final = timedelta(seconds=1)
NAMES: Final = issuing.names_of(("10.0.0.5", "registry.example.test"), "registry", "team")


@pytest.fixture(scope="module")
def ca() -> pem.Pair:
    """Make a CA."""
    return issuing.make_ca(NOW)


@pytest.fixture(scope="module")
def leaf(ca: pem.Pair) -> pem.Pair:
    """Make a certificate for all names."""
    return issuing.make_leaf(ca, NAMES, 365, NOW)


def value(certificate: x509.Certificate, kind: type[Extension]) -> Extension:
    """Give an extension."""
    return certificate.extensions.get_extension_for_class(kind).value


# What is made here


def test_names_are_every_address_the_registry_is_used_by() -> None:
    """Nodes, the Docker Engine, loopback in both families, and Pods by each form of the Service's name."""
    assert issuing.names_of(("10.0.0.5", "localhost"), "registry", "team") == (
        "10.0.0.5",
        "127.0.0.1",
        "::1",
        "localhost",
        "registry",
        "registry.team",
        "registry.team.svc",
        "registry.team.svc.cluster.local",
    )


def test_c16_addresses_are_ip_names_and_names_are_dns_names(leaf: pem.Pair) -> None:
    """A client looks for an address among the IP names only."""
    names = value(one(leaf), x509.SubjectAlternativeName)

    assert set(map(str, names.get_values_for_type(x509.IPAddress))) == {"10.0.0.5", "127.0.0.1", "::1"}
    assert set(names.get_values_for_type(x509.DNSName)) == {
        "localhost",
        "registry.example.test",
        "registry",
        "registry.team",
        "registry.team.svc",
        "registry.team.svc.cluster.local",
    }


@pytest.mark.parametrize("name", NAMES)
def test_certificate_verifies_by_each_name(ca: pem.Pair, leaf: pem.Pair, name: str) -> None:
    """By the strict rules for public CAs."""
    builder = verification.PolicyBuilder().store(verification.Store([one(ca)])).time(NOW)
    subject: verification.Subject
    try:
        subject = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = x509.DNSName(name)

    assert builder.build_server_verifier(subject).verify(one(leaf), []) == [one(leaf), one(ca)]


@pytest.mark.skipif(not shutil.which("openssl"), reason="the same as above, by a second implementation")
def test_certificate_verifies_with_openssl(tmp_path: Path, ca: pem.Pair, leaf: pem.Pair) -> None:
    """As a server's, by address and by name."""
    for name, pair in (("ca", ca), ("leaf", leaf)):
        (tmp_path / name).write_text(pair.certificate)
    command = f"openssl verify -x509_strict -attime {NOW.timestamp():.0f} -purpose sslserver -CAfile ca"
    for check in ("-verify_ip 10.0.0.5", "-verify_hostname registry.example.test"):
        verified = subprocess.run(
            [*command.split(), *check.split(), "leaf"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (verified.returncode, verified.stdout) == (0, "leaf: OK\n")


def handshake(folder: Path, served: pem.Pair, trusted: str, name: str) -> str | None:
    """Let a client that trusts these CAs meet a server, and give the version that they agree on."""
    (folder / "crt").write_text(served.certificate)
    (folder / "key").write_text(served.key)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(folder / "crt", folder / "key")
    client.load_verify_locations(cadata=trusted)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].version()


@pytest.mark.parametrize("name", ["10.0.0.5", "::1", "registry.team.svc"])
def test_client_that_trusts_the_ca_connects(tmp_path: Path, name: str) -> None:
    """With certificate and key as a server reads them."""
    now = datetime.now(UTC)
    ca = issuing.make_ca(now)

    assert handshake(tmp_path, issuing.make_leaf(ca, NAMES, 30, now), ca.certificate, name) == "TLSv1.3"


def test_client_that_trusts_old_and_new_ca_connects_with_certificates_of_both(tmp_path: Path) -> None:
    """As while a CA is rotated; one that trusts the old one only does not accept the new."""
    now = datetime.now(UTC)
    old, new = issuing.make_ca(now), issuing.make_ca(now)
    both = new.certificate + old.certificate

    for ca in (old, new):
        assert handshake(tmp_path, issuing.make_leaf(ca, NAMES, 30, now), both, "10.0.0.5") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, issuing.make_leaf(new, NAMES, 30, now), old.certificate, "10.0.0.5")


def test_ca_signs_servers_only(ca: pem.Pair) -> None:
    """It may not make a further CA."""
    constraints = one(ca).extensions.get_extension_for_class(x509.BasicConstraints)

    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert value(one(ca), x509.KeyUsage) == SIGNS


def test_certificate_serves_only(ca: pem.Pair, leaf: pem.Pair) -> None:
    """It signs nothing, and names its issuer's key."""
    certificate = one(leaf)

    assert value(certificate, x509.BasicConstraints).ca is False
    assert value(certificate, x509.KeyUsage) == SERVES
    assert list(value(certificate, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    issuer = value(certificate, x509.AuthorityKeyIdentifier).key_identifier
    assert issuer == value(one(ca), x509.SubjectKeyIdentifier).digest


@pytest.mark.parametrize("pair", ["ca", "leaf"])
def test_keys_are_on_p_256_and_belong_to_their_certificate(pair: str, request: pytest.FixtureRequest) -> None:
    """And are told to no log."""
    made: pem.Pair = request.getfixturevalue(pair)
    key = pem.private_key(made.key)

    assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    check_match(key, [one(made)])
    assert "PRIVATE KEY" not in repr(made)


def test_two_cas_differ_in_name_key_and_number() -> None:
    """Both are trusted at a time, and clients look issuers up by name."""
    first, second = (one(issuing.make_ca(NOW)) for _ in range(2))

    assert first.subject != second.subject
    assert first.public_key() != second.public_key()
    assert first.serial_number != second.serial_number


@pytest.mark.parametrize("days", [30, 365, 825])
def test_certificate_is_valid_for_its_days(ca: pem.Pair, days: int) -> None:
    """Both ends count, so that 825 days are not one second longer; it begins an hour ago, for clocks that lag."""
    certificate = one(issuing.make_leaf(ca, NAMES, days, NOW))

    assert certificate.not_valid_before_utc == NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc + SECOND == days * DAY


def test_ca_is_valid_for_ten_years(ca: pem.Pair) -> None:
    """From the same hour ago."""
    assert one(ca).not_valid_before_utc == NOW - timedelta(hours=1)
    assert pem.not_after(ca.certificate) == NOW - timedelta(hours=1) + 3650 * DAY


def test_certificate_does_not_outlive_its_ca(ca: pem.Pair) -> None:
    """And it is known in time that the CA ends."""
    end = pem.not_after(ca.certificate)

    assert pem.not_after(issuing.make_leaf(ca, NAMES, 365, end - 100 * DAY).certificate) == end
    assert issuing.is_ending(ca.certificate, 365, end - 364 * DAY)
    assert not issuing.is_ending(ca.certificate, 365, end - 366 * DAY)


def test_ca_that_has_ended_signs_nothing(ca: pem.Pair) -> None:
    """What to do is told, and since when."""
    with pytest.raises(ValueError, match=r"^must be raised, since its CA ended on 2036-01-29$"):
        issuing.make_leaf(ca, NAMES, 365, pem.not_after(ca.certificate) + SECOND)


def test_time_of_another_zone_is_the_same_time() -> None:
    """Whatever the machine is set to."""
    now = NOW.astimezone(datetime.strptime("+0530", "%z").tzinfo)

    assert one(issuing.make_ca(now)).not_valid_before_utc == NOW - timedelta(hours=1)


# When it is renewed


@pytest.mark.parametrize(
    ("elapsed", "count"),
    [
        (timedelta(0), 0),
        (330 * DAY - SECOND, 0),
        (330 * DAY, 1),
        (660 * DAY - SECOND, 1),
        (660 * DAY, 2),
        (-SECOND, 0),
        (-400 * DAY, 0),
    ],
)
def test_renewal_is_due_every_eleven_twelfths(elapsed: timedelta, count: int) -> None:
    """330 of 360 days; a clock behind the anchor's renews nothing."""
    assert issuing.renewals(NOW, 360, NOW + elapsed) == count


@pytest.mark.parametrize("days", [30, 365, 825])
@pytest.mark.parametrize("made_after", [0, 1, 100, 1000])
def test_certificate_is_renewed_before_it_ends(ca: pem.Pair, days: int, made_after: int) -> None:
    """Whenever it was made, be it in the middle of a period because its names had changed."""
    made = NOW + made_after * DAY
    end = pem.not_after(issuing.make_leaf(ca, NAMES, days, made).certificate)
    before_its_last_twelfth_ends = end - timedelta(days=days) / 12 + timedelta(hours=2)

    assert issuing.renewals(NOW, days, before_its_last_twelfth_ends) > issuing.renewals(NOW, days, made)


@pytest.mark.parametrize("days", [29, 826, -1])
def test_lifetimes_that_are_too_short_or_too_long_are_refused(days: int) -> None:
    """By their number."""
    with pytest.raises(ValueError, match=f"^must be from 30 to 825 days, got {days}$"):
        issuing.check_days(days)


@pytest.mark.parametrize("days", [30, 825])
def test_both_ends_of_the_lifetimes_are_allowed(days: int) -> None:
    """The limits themselves."""
    issuing.check_days(days)

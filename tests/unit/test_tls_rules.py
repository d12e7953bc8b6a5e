"""Servers' certificates made elsewhere: which are refused, and why; `test_tls_verdicts` has whole chains."""

from __future__ import annotations

from datetime import datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from components.pem import Pair, private_key
from components.tls.rules import check_match, check_server, check_valid
from tests.authority import DAY, NOW, Authority, one


def test_key_of_another_certificate_is_refused() -> None:
    """With the name of the certificate."""
    pair, other = Authority().issue("a.test"), Authority().issue("a.test")
    message = '^must belong to the certificate of "CN=server", got the key of another$'
    with pytest.raises(ValueError, match=message):
        check_match(private_key(other.key), [one(pair)])


def test_chain_in_the_wrong_order_is_refused() -> None:
    """The server's own comes first."""
    root = Authority()
    pair = root.issue("a.test")
    message = "^must belong to the first certificate of the chain, got the key of number 2, which therefore has to"
    with pytest.raises(ValueError, match=message):
        check_match(private_key(pair.key), [one(root.pem), one(pair)])


def refused_server(pair: Pair, *names: str) -> str:
    """Give what is said of a server's certificate."""
    with pytest.raises(ValueError) as refused:
        check_server(one(pair), names)
    return str(refused.value)


def test_c16_common_name_alone_is_refused() -> None:
    """With the name that is missing."""
    assert refused_server(Authority().issue(), "server") == (
        "must carry the DNS name server as a subject alternative name, got none"
    )


def test_c16_certificate_of_another_host_is_refused() -> None:
    """With each name that is missing, and all that are there."""
    pair = Authority().issue("other.test", "10.0.0.6", "push.test")

    assert refused_server(pair, "10.0.0.5", "push.test", "registry.test") == (
        "must carry the IP address 10.0.0.5 and the DNS name registry.test as a subject alternative name, "
        "got other.test, 10.0.0.6, push.test"
    )


def test_c16_address_written_as_a_dns_name_is_refused() -> None:
    """The message says that this is why, since the address seems to be there."""
    pair = Authority().issue(alternatives=[x509.DNSName("10.0.0.5")])

    assert refused_server(pair, "10.0.0.5") == (
        "must carry the IP address 10.0.0.5 (which is there as a DNS name, where no client looks for it) "
        "as a subject alternative name, got 10.0.0.5"
    )


@pytest.mark.parametrize("name", ["registry.test", "a.team.test", "10.0.0.5", "fd00::5"])
def test_names_that_a_certificate_carries_are_accepted(name: str) -> None:
    """In any case, by a wildcard, and IPv6 in any spelling."""
    check_server(one(Authority().issue("Registry.Test", "*.team.test", "10.0.0.5", "fd00:0::5")), [name])


@pytest.mark.parametrize("name", ["team.test", "a.b.team.test", "xteam.test"])
def test_wildcard_stands_for_one_whole_label(name: str) -> None:
    """As clients read it."""
    assert name in refused_server(Authority().issue("*.team.test"), name)


def test_wildcard_covers_no_address() -> None:
    """Though 10.0.0.5 has dots too."""
    assert "10.0.0.5" in refused_server(Authority().issue("*.0.0.5"), "10.0.0.5")


def test_certificate_for_clients_is_refused() -> None:
    """Servers use it in vain."""
    pair = Authority().issue("a.test", usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    assert refused_server(pair, "a.test") == (
        "must be for servers, but its extended key usage leaves out serverAuth"
    )


@pytest.mark.parametrize(
    "purpose", [None, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]
)
def test_certificate_for_servers_or_for_all_is_accepted(purpose: x509.ObjectIdentifier | None) -> None:
    """None means all."""
    check_server(one(Authority().issue("a.test", usage=purpose)), ["a.test"])


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (NOW + 31 * DAY, "must be valid now, 2026-03-03, but ended on 2026-03-02"),
        (NOW - 2 * DAY, "must be valid now, 2026-01-29, but begins on 2026-01-30"),
    ],
)
def test_certificate_out_of_its_time_is_refused(now: datetime, message: str) -> None:
    """With both days."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_valid(one(Authority().issue("a.test")), now)


@pytest.mark.parametrize("now", [NOW - DAY, NOW + 30 * DAY])
def test_certificate_is_valid_at_both_its_ends(now: datetime) -> None:
    """The very seconds count."""
    check_valid(one(Authority().issue("a.test")), now)

"""Certificates made elsewhere: which are refused, why, and that those which clients accept are not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from components.tls.pem import Pair, certificates, private_key
from components.tls.rules import check_chain, check_match, check_server, check_valid
from tests.authority import DAY, NOW, SERVES, SIGNS, Authority, one


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


def check(chain: str, trusted: str, now: datetime = NOW, name: str = "a.test") -> None:
    """Check a chain against what clients trust."""
    check_chain(certificates(chain), certificates(trusted), name, now)


def refused_chain(chain: str, trusted: str, now: datetime = NOW) -> str:
    """Give what is said of a chain, after what is always said."""
    with pytest.raises(ValueError) as refused:
        check(chain, trusted, now)
    return str(refused.value).removeprefix("must lead to a certificate in tlsCa, but ")


@pytest.mark.parametrize("root", [Authority(), Authority(usage=SIGNS), Authority(critical=False)])
def test_chain_of_a_private_ca_is_accepted(root: Authority) -> None:
    """Also without a key usage, as `openssl req -x509` makes it; by name and by address."""
    check(root.issue("a.test").certificate, Authority("other").pem + root.pem)
    check(root.issue("10.0.0.5").certificate, root.pem, name="10.0.0.5")


def test_chain_by_way_of_an_intermediate_is_accepted() -> None:
    """Whether or not the chain goes on to the root."""
    root = Authority()
    intermediate = Authority("intermediate", root)
    chain = intermediate.issue("a.test").certificate + intermediate.pem

    check(chain, root.pem)
    check(chain + root.pem, root.pem)


def test_certificate_that_signed_itself_is_accepted_where_it_is_trusted() -> None:
    """As clients do, though it says that it is a CA."""
    alone = Authority("a.test").pem

    check(alone, alone)


def test_root_signed_by_an_older_one_too_is_accepted() -> None:
    """The chain goes on to the older root, which clients no longer trust."""
    root, older = Authority("root"), Authority("older")
    crossed = Authority("root", older, key=root.key)

    check(root.issue("a.test").certificate + crossed.pem, root.pem)


def test_missing_intermediate_is_named() -> None:
    """The library itself only says that it has tried all."""
    root = Authority()
    chain = Authority("intermediate", root).issue("a.test").certificate

    assert refused_chain(chain, root.pem) == (
        '"CN=intermediate", which issued "CN=server", is neither there nor in the chain'
    )


def test_ca_of_the_same_name_is_not_the_issuer() -> None:
    """Only its key tells."""
    assert refused_chain(Authority().issue("a.test").certificate, Authority().pem) == (
        '"CN=test-ca", which issued "CN=server", is neither there nor in the chain'
    )


def test_chain_to_a_root_that_is_not_trusted_names_the_root() -> None:
    """It is in the chain, but not in tlsCa."""
    root = Authority("root")

    assert refused_chain(root.issue("a.test").certificate + root.pem, Authority().pem) == (
        'its root "CN=root" is not there'
    )


@pytest.mark.parametrize(
    ("issuer", "reason"),
    [
        (Authority("intermediate", is_ca=False), "cA must be asserted"),
        (Authority("intermediate", usage=SERVES), "an issuer may not sign certificates"),
        (Authority("intermediate", end=NOW - DAY), "not valid at validation time"),
    ],
    ids=["no CA", "may not sign", "ended"],
)
def test_issuer_that_may_not_sign_is_refused(issuer: Authority, reason: str) -> None:
    """Although its signature is right."""
    root = Authority()
    intermediate = replace(issuer, issuer=root)
    chain = intermediate.issue("a.test").certificate + intermediate.pem

    assert re.search(reason, refused_chain(chain, root.pem))


def test_trusted_ca_that_has_ended_is_refused() -> None:
    """The certificate itself lasts longer."""
    root = Authority(end=NOW + DAY)
    chain = root.issue("a.test").certificate

    check(chain, root.pem, NOW)
    assert "not valid at validation time" in refused_chain(chain, root.pem, NOW + 2 * DAY)

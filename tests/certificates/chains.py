"""Chains, whole and not, with and without tlsCa."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from components.pem import Pair
from tests.authority import (
    DAY,
    NOW,
    Authority,
    common_name,
    ec_key,
    extension,
    raw_extension,
)
from tests.certificates.case import (
    HOST,
    ROOT,
    ROOT_PEM,
    Case,
    Cases,
    alone,
    below,
    chain_of_three,
    no_way,
    of,
    public,
    unreadable,
    with_others,
)


def _two_ways(*, second_is_valid: bool) -> Case:
    """Two intermediates for the same key, of which the first has ended."""
    ended = Authority("intermediate", ROOT, end=NOW - DAY)
    other = replace(ended, end=NOW + DAY if second_is_valid else NOW - DAY)
    case = below(ended)
    return replace(case, pair=Pair(case.pair.certificate + other.pem, case.pair.key))


def _root_crossed_by_ended_one() -> Case:
    """A root that is trusted, and in the chain once more as an older root had signed it, which has ended."""
    crossed = Authority("root", Authority("older"), key=ROOT.key, end=NOW - DAY)
    case = below(Authority("intermediate", ROOT))
    return replace(case, pair=Pair(case.pair.certificate + crossed.pem, case.pair.key))


def _ended(name: str, *, by_ca: bool = False) -> Callable[[Case], Case]:
    day = (NOW - DAY).date()
    return lambda case: no_way(case, f'"CN={name}" ended on {day}, and now is {NOW.date()}', by_ca=by_ca)


def trusted_itself(**values: Any) -> Case:  # noqa: ANN401 - as `issue` takes them
    """Give a certificate that signed itself and is in tlsCa."""
    pair = alone(**values)
    return Case(pair, pair.certificate)


def incomplete(case: Case, issuer: str = "CN=intermediate") -> Case:
    """Say that clients that know the root cannot find the way to it."""
    return replace(
        case,
        doubt=f'holds no certificate of "{issuer}", which issued "CN=server": clients that know only the root '
        "above it cannot verify it; fix: put the certificates between it and its root behind it into the same "
        "file, or, if it is of a CA that nodes do not know, `pulumi config set tlsCa <file>`",
    )


N05: Final[Cases] = {
    "signed itself, without tlsCa": lambda: Case(
        alone(),
        roots=ROOT_PEM,
        refused='must be set, since "CN=server" signed itself, and no client knows it',
        key="tlsCa",
    ),
    "signed itself as a CA, without tlsCa": lambda: Case(
        alone(extensions=[extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)]),
        roots=ROOT_PEM,
        refused='must be set, since "CN=server" signed itself, and no client knows it',
        key="tlsCa",
    ),
    "signed itself, with tlsCa": trusted_itself,
    "signed itself as a CA, with tlsCa": lambda: trusted_itself(
        extensions=[extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)]
    ),
    "signed itself, with the tlsCa of others": lambda: no_way(
        Case(alone(), ROOT_PEM), 'its root "CN=server" is not there'
    ),
    "signed itself, with an extension that nobody knows": lambda: no_way(
        trusted_itself(extensions=[raw_extension("1.2.3.4", b"\5\0", critical=True)]),
        '"CN=server" has a critical extension that clients do not understand: 1.2.3.4',
    ),
    "server's own in tlsCa": lambda: replace(
        case := below(Authority("intermediate", ROOT)), tls_ca=case.pair.certificate
    ),
    "whole chain": lambda: below(Authority("intermediate", ROOT)),
    "whole chain of a public CA": lambda: public(below(Authority("intermediate", ROOT))),
    "whole chain of a public CA, with its root": lambda: with_others(
        public(below(Authority("intermediate", ROOT))), ROOT_PEM
    ),
    "only the intermediate in tlsCa": lambda: replace(
        below(intermediate := Authority("intermediate", ROOT)), tls_ca=intermediate.pem
    ),
    "without its intermediate": lambda: no_way(
        Case(Authority("intermediate", ROOT).issue(HOST), ROOT_PEM),
        '"CN=intermediate", which issued "CN=server", is neither there nor in the chain',
    ),
    "without the second intermediate": lambda: no_way(
        below(Authority("lower", Authority("upper", ROOT))),
        '"CN=upper", which issued "CN=lower", is neither there nor in the chain',
    ),
    "without its intermediate, of a public CA": lambda: incomplete(
        public(Case(Authority("intermediate", ROOT).issue(HOST), ROOT_PEM))
    ),
    "with another intermediate, of a public CA": lambda: incomplete(
        with_others(
            public(Case(Authority("intermediate", ROOT).issue(HOST), ROOT_PEM)), Authority("stranger", ROOT).pem
        )
    ),
    "without an issuer of the server's own name, of a public CA": lambda: incomplete(
        public(Case(Authority("server", ROOT).issue(HOST), ROOT_PEM)), "CN=server"
    ),
    "issued by a CA of the server's own name": lambda: below(Authority("server", ROOT)),
    "with an intermediate of the same name, of a public CA": lambda: incomplete(
        with_others(
            public(Case(Authority("intermediate", ROOT).issue(HOST), ROOT_PEM)), Authority("intermediate", ROOT).pem
        )
    ),
    "of another CA of the same name": lambda: no_way(
        Case(Authority("root").issue(HOST), ROOT_PEM),
        '"CN=root", which issued "CN=server", is neither there nor in the chain',
    ),
    "with a root that is not in tlsCa": lambda: no_way(
        with_others(Case((other := Authority("other")).issue(HOST), ROOT_PEM), other.pem),
        'its root "CN=other" is not there',
    ),
    "intermediate that has ended": lambda: _ended("intermediate")(
        below(Authority("intermediate", ROOT, end=NOW - DAY))
    ),
    "intermediate of a public CA that has ended": lambda: _ended("intermediate")(
        public(below(Authority("intermediate", ROOT, end=NOW - DAY)))
    ),
    "second intermediate that has ended": lambda: _ended("upper")(
        chain_of_three(Authority("upper", ROOT, end=NOW - DAY))
    ),
    "intermediate that begins tomorrow": lambda: no_way(
        below(Authority("intermediate", ROOT, begin=NOW + DAY)),
        f'"CN=intermediate" begins on {(NOW + DAY).date()}, and now is {NOW.date()}',
    ),
    "root that has ended": lambda: _ended("root", by_ca=True)(of(Authority("root", end=NOW - DAY))),
    "root that begins tomorrow": lambda: no_way(
        of(Authority("root", begin=NOW + DAY)),
        f'"CN=root" begins on {(NOW + DAY).date()}, and now is {NOW.date()}',
        by_ca=True,
    ),
    "two intermediates, of which one has ended": lambda: _two_ways(second_is_valid=True),
    "two intermediates that have ended": lambda: _ended("intermediate")(_two_ways(second_is_valid=False)),
    "root that an ended one has signed too": _root_crossed_by_ended_one,
    "root that an ended one has signed too, of a public CA": lambda: replace(
        _ended("root")(public(_root_crossed_by_ended_one())),
        stricter="which roots clients know is not known here, and an ended certificate is of no use in a chain",
    ),
    "server that has ended": lambda: Case(
        ROOT.issue(HOST, end=NOW - DAY / 2),
        ROOT_PEM,
        refused=f"must be valid now, {NOW.date()}, but ended on {(NOW - DAY / 2).date()}",
    ),
    "chain in another order": lambda: with_others(
        Case(
            Pair(
                (pair := (lower := Authority("lower", upper := Authority("upper", ROOT))).issue(HOST)).certificate
                + ROOT_PEM
                + upper.pem
                + lower.pem,
                pair.key,
            ),
            ROOT_PEM,
        )
    ),
    "certificates twice": lambda: with_others(
        case := below(intermediate := Authority("intermediate", ROOT)), intermediate.pem, case.tls_ca, case.tls_ca
    ),
    "unrelated certificates": lambda: with_others(
        below(Authority("intermediate", ROOT)), Authority("stranger", end=NOW - DAY).pem, alone().certificate
    ),
    "unrelated certificate that clients cannot read": lambda: unreadable(
        with_others(of(ROOT), ROOT.certify(common_name("x"), ec_key(ec.SECP256K1()), [], NOW, NOW + DAY)).pair,
        "have a public key that is RSA, Ed25519 or EC on a named NIST curve, uncompressed, got EC on secp256k1",
        2,
        "CN=x",
    ),
    "unrelated CA that clients cannot read": lambda: replace(
        of(ROOT), tls_ca=Authority("x", key=ec_key(ec.SECP256K1())).pem + ROOT_PEM
    ),
    "two that have signed each other": lambda: with_others(
        of(first := Authority("first", second := Authority("second"))),
        Authority("second", first, key=second.key).pem,
    ),
    "root first": lambda: Case(
        Pair(ROOT_PEM + (pair := ROOT.issue(HOST)).certificate, pair.key),
        ROOT_PEM,
        refused=f"must carry the DNS name {HOST} as a subject alternative name, got none",
    ),
}
"""Chains, whole and not, with and without tlsCa."""

"""A case of a certificate made elsewhere, and the parts that cases are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from components.pem import Pair
from tests.authority import (
    Authority,
)

HOST: Final = "registry.test"


@dataclass(frozen=True)
class Case:
    """What is given, and what has to be said of it."""

    pair: Pair
    tls_ca: str = ""
    roots: str = ""
    """What clients trust; without it, `tls_ca`."""
    host: str = HOST
    refused: str = ""
    """The whole rule that is broken. Empty if it has to be accepted."""
    key: str = "tlsCertificate"
    """The setting that is blamed."""
    doubt: str = ""
    """What preview warns of, though it is accepted."""
    stricter: str = ""
    """Why it is refused, though Go would accept it."""


Cases = Mapping[str, Callable[[], Case]]

ROOT: Final = Authority("root")
ROOT_PEM: Final = ROOT.pem
KINDS: Final = "RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519"


def dns(*names: str) -> list[x509.GeneralName]:
    """Give names as a certificate carries them."""
    return [x509.DNSName(name) for name in names]


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make a key, once of each size."""
    return rsa.generate_private_key(65537, bits)


def below(issuer: Authority, *, root: Authority = ROOT, **leaf: Any) -> Case:  # noqa: ANN401 - as `issue` takes them
    """Give a server's certificate of an intermediate, with that."""
    pair = issuer.issue(HOST, **leaf)
    return Case(Pair(pair.certificate + issuer.pem, pair.key), root.pem)


def of(root: Authority, **leaf: Any) -> Case:  # noqa: ANN401 - as `issue` takes them
    """Give a server's certificate of a root."""
    return Case(root.issue(HOST, **leaf), root.pem)


def no_way(case: Case, reason: str, *, by_ca: bool = False) -> Case:
    """Say that a case is refused because of the way to its CA."""
    if by_ca:
        rule = f'must hold a CA for "CN=server" that clients accept, but {reason}'
        return replace(case, refused=rule, key="tlsCa")
    goal = "a certificate in tlsCa" if case.tls_ca else "a CA that clients trust"
    return replace(case, refused=f"must lead to {goal}, but {reason}")


def unreadable(pair: Pair, rule: str, number: int = 1, title: str = "CN=server") -> Case:
    """Say that clients cannot read a certificate of a chain."""
    return Case(
        pair,
        ROOT_PEM,
        refused=f'must hold certificates that clients can read, but number {number}, "{title}", '
        f"breaks a rule of theirs: it must {rule}",
    )


def alone(**values: Any) -> Pair:  # noqa: ANN401 - as `issue` takes them
    """Give a certificate that signed itself."""
    itself = Authority("server")
    return itself.issue(HOST, key=itself.key, **values)


def chain_of_three(top: Authority) -> Case:
    """Give a server's certificate below two intermediates."""
    lower = Authority("lower", top)
    case = below(lower, root=top.issuer or top)
    return replace(case, pair=Pair(case.pair.certificate + top.pem, case.pair.key))


def public(case: Case) -> Case:
    """Give a case without tlsCa, for clients that know the root by themselves."""
    return replace(case, tls_ca="", roots=case.roots or case.tls_ca)


def with_others(case: Case, *pems: str) -> Case:
    """Give a case with more certificates at the end of its chain."""
    return replace(case, pair=Pair(case.pair.certificate + "".join(pems), case.pair.key))

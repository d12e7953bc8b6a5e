"""What the program says of certificates made elsewhere, case by case, and that Go's own TLS says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import pulumi
import pytest

from components.exposure.host_port import HostPort
from components.pem import Pair
from components.problems import Problems
from components.tls.settings import Provided
from tests import go_tls
from tests.authority import NOW
from tests.certificates.case import HOST, ROOT, ROOT_PEM, Case, Cases
from tests.certificates.chains import N05
from tests.certificates.keys import N06, N25
from tests.certificates.parts import N04

ALL: Final[Mapping[str, Cases]] = {"n04": N04, "n05": N05, "n06": N06, "n25": N25}
INTERNALS: Final = ("exhausted", "policy", "EKU", "Invalid", "ParseError", "x509:", "basicConstraints", "Error")
"""Words of libraries, which mean nothing to who reads a message."""


@dataclass(frozen=True)
class Verdict:
    """What the program makes of a case: a pair to serve, or problems."""

    pair: Pair | None
    problems: tuple[str, ...]
    doubt: str


def judge(case: Case) -> Verdict:
    """Check settings as a program does: first without the time, then for a given time."""
    exposure = HostPort(host=case.host)
    given = case.pair
    provided = Provided(tls_certificate=given.certificate, tls_key=given.key, tls_ca=case.tls_ca)
    problems = Problems()
    provided.check(problems, exposure)
    if problems:
        return Verdict(None, tuple(problems), "")
    try:
        pair = provided.given(given.certificate, given.key, exposure, NOW)
    except pulumi.RunError as refused:
        title, *lines = str(refused).split("\n  ")
        assert title == "The settings cannot work:"
        return Verdict(None, tuple(lines), "")
    return Verdict(pair, (), provided.doubt(pair.certificate))


@cache
def judged() -> Mapping[tuple[str, str], tuple[Case, Verdict]]:
    """Judge all cases once."""
    made = {(group, name): make() for group, cases in ALL.items() for name, make in cases.items()}
    return {key: (case, judge(case)) for key, case in made.items()}


@cache
def answered() -> Mapping[tuple[str, str], go_tls.Answer]:
    """Ask Go about all cases at once: about what the registry would be given, or else about what was refused."""
    questions = []
    for case, verdict in judged().values():
        pair = verdict.pair or case.pair
        questions.append(
            go_tls.Question(
                certificate=pair.certificate,
                key=pair.key,
                roots=case.roots or case.tls_ca,
                name=case.host,
                time=NOW,
            )
        )
    return dict(zip(judged(), go_tls.ask(questions), strict=True))


def check(group: str, name: str) -> None:
    """Compare what is said with what has to be said, and with what Go says."""
    case, verdict = judged()[group, name]
    answer = answered()[group, name]

    if case.refused:
        start = f"private-registry:{case.key} {case.refused}; fix: `pulumi config set "
        assert [problem for problem in verdict.problems if problem.startswith(start)], verdict.problems
        secret = case.pair.key.splitlines()
        for problem in verdict.problems:
            assert not [line for line in secret[1:-1] if len(line) > 8 and line in problem]
            assert not [word for word in INTERNALS if word in problem], problem
    else:
        assert verdict.problems == ()
    assert verdict.doubt == case.doubt
    if case.stricter:
        assert case.refused and answer.works, answer
    else:
        assert answer.works == (not case.refused and not case.doubt), answer


@pytest.mark.parametrize("name", N04)
def test_n04_certificate_is_accepted_as_go_accepts_it(name: str) -> None:
    """Whatever unusual parts it has."""
    check("n04", name)


@pytest.mark.parametrize("name", N05)
def test_n05_chain_is_refused_or_warned_of_as_go_refuses_it(name: str) -> None:
    """By the setting that is to be changed."""
    check("n05", name)


@pytest.mark.parametrize("name", N06)
def test_n06_key_that_the_registry_cannot_load_is_refused(name: str) -> None:
    """And each that it can load is given to it."""
    check("n06", name)


@pytest.mark.parametrize("name", N25)
def test_n25_writing_of_pem_does_not_matter(name: str) -> None:
    """The registry and nodes are given one spelling."""
    check("n25", name)


def test_few_rules_are_stricter_than_go() -> None:
    """Each with its reason; and all other cases are decided as Go decides them."""
    stricter = [case.stricter for case, _ in judged().values() if case.stricter]

    assert len(judged()) > 40
    assert len(stricter) < 8


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda pair: pair.key, "hold certificates only, got a private key too: it belongs into tlsKey alone"),
        (
            lambda pair: ROOT_PEM + pair.key,
            "hold certificates only, got a private key too: it belongs into tlsKey alone",
        ),
        (lambda _: ROOT_PEM.replace("MII", "MIJ"), "be one or more certificates in PEM, but number 1 is broken"),
        (
            lambda pair: "".join(pair.key.splitlines()[1:-1]),
            "be PEM, or the path of a PEM file, got base64 without its -----BEGIN line",
        ),
    ],
    ids=["key", "key too", "broken", "key without its first line"],
)
def test_n25_tls_ca_that_holds_something_else_is_refused_and_not_shown(
    change: Callable[[Pair], str], rule: str
) -> None:
    """Neither in the message nor where settings are printed."""
    pair = ROOT.issue(HOST)
    verdict = judge(Case(pair, change(pair)))
    shown = repr(Provided(tls_certificate=pair.key, tls_key=pair.key, tls_ca=change(pair)))

    fix = "`pulumi config set tlsCa <file>`, or `pulumi config rm tlsCa` for a public CA"
    assert verdict.problems == (f"private-registry:tlsCa must {rule}; fix: {fix}",)
    assert not [line for line in pair.key.splitlines()[1:3] if line in shown + verdict.problems[0]]

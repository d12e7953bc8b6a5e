"""The certificate: what is kept, what makes it new, what stays secret, and which of other people's are refused."""

from __future__ import annotations

import base64
import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import pulumi
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # no stubs
from pulumi.runtime.proto import resource_pb2

from components import pem
from components.pem import Pair
from components.settings import Plain, Settings
from components.stack_configuration import compose
from components.tls import issuing, path, rules
from components.tls.certificates import Certificates
from tests.authority import DAY, NOW, Authority, ec_key, key_pem
from tests.certificates.odd_keys import pss
from tests.components.recorder import Recorder, Secret, without_secrets

STASH: Final = "pulumi:index:Stash"
CERTIFICATES: Final = "private-registry:index:Certificates"
STACK: Final = "pulumi:pulumi:Stack"
AUTHORITY: Final = Authority()
PAIR: Final = AUTHORITY.issue("10.0.0.5")
OUTPUTS: Final = ("certificate", "key", "authorities", "not_after", "fingerprint")


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """A refused program leaves tasks of the SDK behind, of which asyncio complains when they are cleared away."""
    logger = logging.getLogger("asyncio")
    logger.setLevel(logging.CRITICAL)
    yield
    gc.collect()
    logger.setLevel(logging.NOTSET)


class State(Recorder):
    """Pulumi with what an earlier run has left in each Stash, and with the Secrets of a cluster."""

    def __init__(
        self, kept: Mapping[str, Any] | None = None, secrets: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        super().__init__(stashed=kept)
        self.secrets = secrets or {}
        self.reads: list[resource_pb2.ReadResourceRequest] = []

    def ReadResource(  # noqa: N802 - Pulumi's own name
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Read a Secret, as the Kubernetes provider does."""
        self.reads.append(request)
        data = {part: base64.b64encode(text.encode()).decode() for part, text in self.secrets[request.id].items()}
        response = resource_pb2.ReadResourceResponse(urn=self.make_urn(request.parent, request.type, request.name))
        response.properties.update({"data": data, "type": "kubernetes.io/tls"})
        return response

    @property
    def outputs(self) -> dict[str, Any]:
        """What the component gave, by its name there."""
        return self.one(STACK).outputs

    def text(self, name: str) -> str:
        """Give an output that is public."""
        value = self.outputs[name]
        assert isinstance(value, str)
        return value

    def kept(self) -> dict[str, Any]:
        """Give what each Stash holds after this run, unless it was replaced."""
        return {name: self.stashed.get(name, clear(item.inputs["input"])) for name, item in self.all(STASH).items()}


def clear(value: object) -> Any:  # noqa: ANN401 - any value
    """Take what is secret out of its wrapping."""
    return value.value if isinstance(value, Secret) else value


def settings(**values: Any) -> Settings:  # noqa: ANN401 - any setting
    """Make settings that work."""
    needed = {"host": "10.0.0.5", "node": "node-1", "password": "canary-canary"}
    return compose({**needed, **values})


def declared(
    kept: Mapping[str, Any] | None = None,
    now: datetime = NOW,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    late: Sequence[str] = (),
    **values: Any,  # noqa: ANN401 - any setting
) -> State:
    """Declare the certificate of a registry called `registry`, and give what was registered.

    The settings that `late` names are given as Outputs.
    """
    state = State(kept, secrets)

    def program() -> None:
        made = settings(**values | {name: pulumi.Output.secret(values[name]) for name in late})
        assert not isinstance(made.tls, Plain)
        certificates = Certificates("registry", made.tls, made.exposure, made.cluster.namespace, now)
        pulumi.Stash("user", input=certificates.key)
        for name in OUTPUTS:
            pulumi.export(name, getattr(certificates, name))

    state.run(program)
    return state


def trigger(state: State) -> str:
    """Give what replaces the certificate when it changes."""
    value = json_format.MessageToDict(state.one(STASH, "registry-certificate").request.replacement_trigger)
    assert isinstance(value, str)
    return value


def refused(**values: Any) -> str:  # noqa: ANN401 - any setting
    """Give the one line of what is refused, once outputs flow into other resources as well."""
    with pytest.raises(pulumi.RunError) as error:
        declared(**values)
    [title, problem] = str(error.value).split("\n  ")
    assert title == "The settings cannot work:"
    assert PAIR.key.splitlines()[1] not in problem
    return problem


def test_a_generated_certificate_is_kept_in_the_state() -> None:
    """With its CA, and the day from which renewals count."""
    assert declared().tree() == (
        "pulumi:pulumi:Stack private-registry-dev\n"
        "  private-registry:index:Certificates registry\n"
        "    pulumi:index:Stash registry-ca-1\n"
        "    pulumi:index:Stash registry-certificate\n"
        "    pulumi:index:Stash registry-renewals-since\n"
        "  pulumi:index:Stash user\n"
    )


@pytest.mark.parametrize("name", ["registry-ca-1", "registry-certificate", "registry-renewals-since"])
def test_what_later_runs_make_is_ignored(name: str) -> None:
    """Each run makes other keys, and only the first counts."""
    assert list(declared().one(STASH, name).request.ignoreChanges) == ["input"]


@pytest.mark.parametrize("name", ["registry-ca-1", "registry-certificate"])
def test_keys_are_secret_in_the_state(name: str) -> None:
    """The whole of what a Stash holds."""
    kept = declared().one(STASH, name).inputs["input"]

    assert isinstance(kept, Secret)
    assert kept.value.keys() == {"certificate", "key"}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ca_generation": 2},
        {"tls": "provided", "tls_certificate": PAIR.certificate, "tls_key": PAIR.key},
        {"tls": "provided", "tls_secret": "web-tls"},
    ],
    ids=["generated", "rotated", "provided", "secret"],
)
def test_no_private_key_is_registered_in_clear(values: dict[str, Any]) -> None:
    """Neither as an input nor as an output; all else is public, since nodes and people need it."""
    state = declared(secrets={"default/web-tls": {"tls.crt": PAIR.certificate, "tls.key": PAIR.key}}, **values)

    assert "PRIVATE KEY" not in "".join(without_secrets([item.inputs, item.outputs]) for item in state)
    assert isinstance(state.outputs["key"], Secret)
    assert not [name for name in OUTPUTS if name != "key" and isinstance(state.outputs[name], Secret)]


def test_outputs_fit_each_other() -> None:
    """The key belongs to the certificate, which the CA has signed for the settings' names and days."""
    state = declared(push_host="push.test", namespace="team", certificate_days=30)
    chain = pem.certificates(state.text("certificate"))

    rules.check_match(pem.private_key(clear(state.outputs["key"])), chain)
    rules.check_server(chain[0], issuing.names_of(("10.0.0.5", "push.test"), "registry", "team"))
    path.check_chain(chain, pem.certificates(state.text("authorities")), NOW)
    assert state.text("not_after") == "2026-03-02"
    assert state.text("fingerprint") == pem.fingerprint(state.text("certificate"))
    assert state.one(CERTIFICATES).outputs == {
        "notAfter": state.text("not_after"),
        "fingerprint": state.text("fingerprint"),
    }


def test_later_runs_give_what_the_first_has_kept() -> None:
    """As long as nothing replaces it: the same outputs, and the same reasons."""
    first = declared()
    second = declared(first.kept(), NOW + 100 * DAY)

    assert second.outputs == first.outputs
    assert trigger(second) == trigger(first)


@pytest.mark.parametrize(
    "values",
    [
        {"host": "10.0.0.6"},
        {"push_host": "push.test"},
        {"namespace": "team"},
        {"certificate_days": 364},
        {"ca_generation": 2},
    ],
)
def test_certificate_is_replaced_with_its_names_its_lifetime_and_its_ca(values: dict[str, Any]) -> None:
    """And the CA stays, unless it was asked for."""
    first = declared()
    second = declared(first.kept(), **values)

    assert trigger(second) != trigger(first)
    assert first.text("authorities") in second.text("authorities")


def test_replaced_ca_replaces_the_certificate() -> None:
    """Also when a person replaced it, by `pulumi up --target-replace`."""
    first = declared()
    kept = first.kept() | {"registry-ca-1": asdict(issuing.make_ca(NOW))}

    assert trigger(declared(kept)) != trigger(first)


@pytest.mark.parametrize(
    "values", [{"port": 5001}, {"username": "ci"}, {"push_host": "127.0.0.1"}, {"image": "registry:3"}]
)
def test_other_settings_do_not_replace_the_certificate(values: dict[str, Any]) -> None:
    """Nor does another address that it carries already."""
    first = declared()

    assert trigger(declared(first.kept(), **values)) == trigger(first)


@pytest.mark.parametrize(("days", "renewed"), [(334, False), (335, True), (364, True)])
def test_certificate_is_replaced_in_the_last_twelfth_of_its_life(days: int, renewed: bool) -> None:  # noqa: FBT001
    """334.6 of 365 days. The CA is not touched, so that no node is."""
    first = declared()
    later = declared(first.kept(), NOW + days * DAY)

    assert (trigger(later) != trigger(first)) is renewed
    assert later.text("authorities") == first.text("authorities")


def test_replaced_certificate_is_valid_from_then() -> None:
    """Its Stash takes what this run has made."""
    kept = declared().kept()
    del kept["registry-certificate"]

    assert declared(kept, NOW + 335 * DAY).text("not_after") == "2028-01-01"


def test_raised_generation_trusts_new_and_old_ca_and_signs_with_the_new() -> None:
    """Newest first. Nodes take both before the server changes over."""
    first = declared()
    kept = first.kept()
    del kept["registry-certificate"]
    second = declared(kept, ca_generation=2)
    new, old = pem.certificates(second.text("authorities"))

    assert set(second.all(STASH)) == set(first.all(STASH)) | {"registry-ca-2"}
    assert pem.to_pem([old]) == first.text("authorities")
    path.check_chain(pem.certificates(second.text("certificate")), [new], NOW)
    with pytest.raises(ValueError, match="neither there nor in the chain"):
        path.check_chain(pem.certificates(second.text("certificate")), [old], NOW)


def test_generation_raised_again_drops_the_oldest_ca() -> None:
    """Two at a time."""
    second = declared(ca_generation=2)
    third = declared(second.kept(), ca_generation=3)

    assert {name for name in third.all(STASH) if "-ca-" in name} == {"registry-ca-3", "registry-ca-2"}
    _, kept = pem.certificates(third.text("authorities"))
    assert kept == pem.certificates(second.text("authorities"))[0]


def test_ca_that_ends_soon_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """In its last year, while there is time, with what to do."""
    kept = declared(ca_generation=2).kept()
    with caplog.at_level(logging.WARNING, "pulumi"):
        declared(kept, NOW + 3284 * DAY, ca_generation=2)
        assert not caplog.messages
        declared(kept, NOW + 3286 * DAY, ca_generation=2)

    [warning] = caplog.messages
    assert warning.startswith("private-registry:caGeneration: the CA ends on 2036-01-29, and ")
    assert warning.endswith("`pulumi config set caGeneration 3`")


def test_ca_that_has_ended_is_an_error() -> None:
    """Nothing would accept what it signs."""
    assert refused(kept=declared().kept(), now=NOW + 3700 * DAY) == (
        "private-registry:caGeneration must be raised, since its CA ended on 2036-01-29; "
        "fix: `pulumi config set caGeneration 2`"
    )


def provided(pair: Pair, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    """Give the settings of a certificate that was made elsewhere."""
    return {"tls": "provided", "tls_certificate": pair.certificate, "tls_key": pair.key, **values}


def in_secret(*parts: tuple[str, str], **values: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    """Give the settings of a certificate in a Secret, and the Secret."""
    secrets = {"team/web-tls": dict(parts)}
    return {"tls": "provided", "tls_secret": "web-tls", "namespace": "team", "secrets": secrets, **values}


def test_provided_certificate_is_given_as_it_is_and_nothing_is_kept() -> None:
    """Nodes trust the CA that comes with it."""
    trusted = AUTHORITY.pem
    state = declared(**provided(PAIR, tls_ca=trusted))

    assert list(state.all(STASH)) == ["user"]
    assert (state.text("certificate"), clear(state.outputs["key"])) == (PAIR.certificate, PAIR.key)
    assert state.text("authorities") == trusted
    assert state.text("not_after") == "2026-03-02"


def test_certificate_of_a_public_ca_needs_none_on_the_nodes() -> None:
    """Without `tlsCa` their own are enough."""
    assert declared(**provided(PAIR)).text("authorities") == ""


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize(
    ("now", "rule"),
    [
        (NOW + 31 * DAY, "must be valid now, 2026-03-03, but ended on 2026-03-02"),
        (NOW - 2 * DAY, "must be valid now, 2026-01-29, but begins on 2026-01-30"),
    ],
)
def test_provided_certificate_out_of_its_time_is_refused(now: datetime, rule: str, secret: bool) -> None:  # noqa: FBT001
    """From settings and from a Secret alike."""
    given = in_secret(("tls.crt", PAIR.certificate), ("tls.key", PAIR.key)) if secret else provided(PAIR)
    place = "tlsSecret: tls.crt of team/web-tls" if secret else "tlsCertificate"

    assert refused(now=now, **given).startswith(f"private-registry:{place} {rule}; fix: ")


@pytest.mark.parametrize("secret", [False, True])
def test_provided_certificate_that_nodes_would_not_trust_is_refused(secret: bool) -> None:  # noqa: FBT001
    """Its issuer is missing, and named."""
    pair = Authority("intermediate", AUTHORITY).issue("10.0.0.5")
    given = in_secret(("tls.crt", pair.certificate), ("tls.key", pair.key)) if secret else provided(pair)
    place = "tlsSecret: tls.crt of team/web-tls" if secret else "tlsCertificate"

    assert refused(tls_ca=AUTHORITY.pem, **given).startswith(
        f'private-registry:{place} must lead to a certificate in tlsCa, but "CN=intermediate", which issued '
        '"CN=server", is neither there nor in the chain; fix: '
    )


def test_certificate_in_a_secret_is_read_from_the_registrys_namespace() -> None:
    """Under a name that says the setting, since the provider's error says only that."""
    state = declared(**in_secret(("tls.crt", f"a comment\n{PAIR.certificate}"), ("tls.key", PAIR.key)))
    [read] = state.reads

    assert (read.type, read.name, read.id) == ("kubernetes:core/v1:Secret", "registry-tlsSecret", "team/web-tls")
    assert read.parent == state.one(CERTIFICATES).urn
    assert (state.text("certificate"), clear(state.outputs["key"])) == (PAIR.certificate, PAIR.key)


def test_what_is_read_of_a_secret_is_secret_in_the_state() -> None:
    """Its annotations too: `kubectl apply` leaves a copy of the data among them."""
    [read] = declared(**in_secret(("tls.crt", PAIR.certificate), ("tls.key", PAIR.key))).reads

    assert {"data", "metadata"} <= set(read.additionalSecretOutputs)


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ({"tls.key": ""}, "tls.crt of team/web-tls must be there"),
        ({"tls.crt": ""}, "tls.key of team/web-tls must be there"),
        ({"tls.crt": "x", "tls.key": None}, "tls.crt of team/web-tls must be one or more certificates in PEM"),
        ({"tls.crt": None, "tls.key": "x"}, "tls.key of team/web-tls must be a private key in PEM"),
    ],
)
def test_secret_that_holds_something_else_is_refused(parts: dict[str, str | None], rule: str) -> None:
    """With the part that is wrong, and how such a Secret is made."""
    right = {"tls.crt": PAIR.certificate, "tls.key": PAIR.key}
    held = [(part, right[part] if text is None else text) for part, text in parts.items()]
    problem = refused(**in_secret(*held))

    assert problem.startswith(f"private-registry:tlsSecret: {rule}")
    assert problem.endswith(
        "; fix: correct the Secret (`kubectl create secret tls` makes one), or `pulumi config set tlsSecret <name>`"
    )


def test_c16_secret_of_another_host_is_refused() -> None:
    """With the name that is missing."""
    pair = AUTHORITY.issue("other.test")
    problem = refused(**in_secret(("tls.crt", pair.certificate), ("tls.key", pair.key)))

    assert "tls.crt of team/web-tls must carry the IP address 10.0.0.5 as a subject alternative name" in problem


def test_secret_with_the_key_of_another_certificate_is_refused() -> None:
    """As in settings."""
    other = AUTHORITY.issue("10.0.0.5")
    problem = refused(**in_secret(("tls.crt", PAIR.certificate), ("tls.key", other.key)))

    assert 'tls.key of team/web-tls must belong to the certificate of "CN=server"' in problem


INTERMEDIATE: Final = Authority("intermediate", AUTHORITY)
HALF: Final = INTERMEDIATE.issue("10.0.0.5")
"""A certificate whose issuer is missing."""


@pytest.mark.parametrize("secret", [False, True])
def test_n05_chain_without_its_intermediate_is_warned_of(caplog: pytest.LogCaptureFixture, secret: bool) -> None:  # noqa: FBT001
    """In previews as well, by the setting that holds it; clients may know the issuer by themselves."""
    given = in_secret(("tls.crt", HALF.certificate), ("tls.key", HALF.key)) if secret else provided(HALF)
    with caplog.at_level(logging.WARNING, "pulumi"):
        assert declared(**given).text("certificate") == HALF.certificate

    [warning] = caplog.messages
    key = "tlsSecret" if secret else "tlsCertificate"
    assert warning.startswith(
        f'private-registry:{key} holds no certificate of "CN=intermediate", which issued "CN=server": clients that '
    )
    assert warning.endswith(", `pulumi config set tlsCa <file>`")


def test_n05_whole_chains_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Nor one whose CA is given."""
    with caplog.at_level(logging.WARNING, "pulumi"):
        declared(**provided(HALF, tls_ca=INTERMEDIATE.pem))
        declared(**provided(Pair(HALF.certificate + INTERMEDIATE.pem, HALF.key)))

    assert caplog.messages == []


def test_n05_secret_whose_certificate_signed_itself_needs_a_ca() -> None:
    """Nodes know no CA for it."""
    itself = Authority("server")
    pair = itself.issue("10.0.0.5", key=itself.key)
    given = in_secret(("tls.crt", pair.certificate), ("tls.key", pair.key))

    assert refused(**given) == (
        'private-registry:tlsCa must be set, since "CN=server" signed itself, and no client knows it; '
        "fix: `pulumi config set tlsCa <file>`, with the file of tlsSecret: tls.crt of team/web-tls"
    )
    assert declared(tls_ca=pair.certificate, **given).text("authorities") == pair.certificate


LATE: Final[dict[str, tuple[Pair, str]]] = {
    "RSA-PSS": (
        pss().pair,
        "tlsKey must be RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519, got RSA-PSS, which ",
    ),
    "passphrase": (
        Pair(PAIR.certificate, key_pem(ec_key(), passphrase=b"x")),
        "tlsKey must be without a passphrase, for which the registry could not ask; fix: ",
    ),
    "cut in half": (
        Pair(PAIR.certificate, PAIR.key[:100]),
        "tlsKey must be a private key in PEM (-----BEGIN PRIVATE KEY-----), got text without a whole block of ",
    ),
    "without its first line": (
        Pair(PAIR.certificate, "".join(PAIR.key.splitlines()[1:])),
        "tlsKey must be PEM, or the path of a PEM file, got base64 without its -----BEGIN line; fix: ",
    ),
    "of another": (
        Pair(PAIR.certificate, AUTHORITY.issue("10.0.0.5").key),
        'tlsKey must belong to the certificate of "CN=server", got the key of another; fix: ',
    ),
    "key as certificate": (
        Pair(PAIR.key, PAIR.key),
        "tlsCertificate must hold certificates only, got a private key too: it belongs into tlsKey alone; fix: ",
    ),
    "other names": (
        AUTHORITY.issue("other.test"),
        "tlsCertificate must carry the IP address 10.0.0.5 as a subject alternative name, got other.test; fix: ",
    ),
    "ended": (
        AUTHORITY.issue("10.0.0.5", end=NOW - DAY / 2),
        "tlsCertificate must be valid now, 2026-01-31, but ended on 2026-01-31; fix: ",
    ),
    "of another CA": (
        Authority("stranger").issue("10.0.0.5"),
        'tlsCertificate must lead to a certificate in tlsCa, but "CN=stranger", which issued "CN=server", is ',
    ),
}
"""Pairs that cannot work, and what is said of them."""


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("late", [("tls_certificate", "tls_key"), ("tls_key",)], ids=["both", "key"])
def test_n06_pair_that_is_known_late_is_refused_without_a_traceback(name: str, late: Sequence[str]) -> None:
    """As a program gives it that has it from elsewhere; nothing of the key is shown."""
    pair, rule = LATE[name]
    with pytest.raises(pulumi.RunError) as error:
        declared(late=late, **provided(pair, tls_ca=AUTHORITY.pem))

    # A ValueError would end in a traceback.
    assert not isinstance(error.value, ValueError)
    assert f"\n  private-registry:{rule}" in str(error.value)
    assert not [line for line in pair.key.splitlines()[1:-1] if line in str(error.value)]


def test_pair_that_is_known_late_is_served() -> None:
    """In one spelling, as all are."""
    given = Pair(f"comment\r\n{PAIR.certificate}", PAIR.key)
    state = declared(late=("tls_certificate", "tls_key"), **provided(given))

    assert (state.text("certificate"), clear(state.outputs["key"])) == (PAIR.certificate, PAIR.key)

"""A certificate made elsewhere: served as it is in a file or Secret, and refused in preview if it cannot work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from components.pem import Pair
from lab import topology
from tests.authority import DAY, Authority, ec_key, key_pem
from tests.live.canaries import Hunt, files, key_canaries
from tests.live.harness import ADDRESS, Node, Stack, Update
from tests.live.observation import NODE_TRUST, PodHistory, served, trust, until, versions
from tests.live.tls_secrets import apply_secret, chain

HOST = ADDRESS.partition(":")[0]
SECRET = "web-tls"
TODAY = datetime.now(UTC)
BEGIN, END = TODAY - DAY, TODAY + 30 * DAY
ROOT = Authority("test-root", end=TODAY + 50 * DAY)
INTERMEDIATE = Authority("test-intermediate", issuer=ROOT, end=TODAY + 40 * DAY)
ROOT_PEM, INTERMEDIATE_PEM = ROOT.pem, INTERMEDIATE.pem


def _issue() -> Pair:
    """Another certificate for the registry with another key, followed by the one that leads to its root."""
    pair = INTERMEDIATE.issue(HOST, begin=BEGIN, end=END)
    return Pair(pair.certificate + INTERMEDIATE_PEM, pair.key)


NODE_NAME = topology.FIRST.name
FIRST, SECOND, THIRD, FOURTH = (_issue() for _ in range(4))


def _configure(stack: Stack, **values: str | None) -> None:
    """Write TLS settings into the stack's file in place of all that it had of them."""
    file = stack.file
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    kept = {key: value for key, value in document["config"].items() if not key.startswith("private-registry:tls")}
    given = {f"private-registry:{key}": value for key, value in values.items() if value is not None}
    document["config"] = kept | given
    file.write_text(yaml.safe_dump(document))


def _write(stack: Stack, pair: Pair, folder: str = "certificates") -> dict[str, str]:
    """Put a certificate and its key into files of the project's folder; give the settings that name them."""
    (stack.folder / folder).mkdir(exist_ok=True)
    (stack.folder / folder / "chain.pem").write_text(pair.certificate)
    (stack.folder / folder / "key.pem").write_text(pair.key)
    (stack.folder / folder / "ca.pem").write_text(ROOT_PEM)
    paths = {"tlsCertificate": "chain.pem", "tlsKey": "key.pem", "tlsCa": "ca.pem"}
    return {"tls": "provided"} | {key: f"{folder}/{name}" for key, name in paths.items()}


@dataclass(frozen=True)
class Replaced:
    """What an `up` did after the certificate had changed where it comes from."""

    update: Update
    served: list[x509.Certificate]
    pods: list[int]
    trust: tuple[list[tuple[str, str]], list[tuple[str, str]]]
    next_up: Update


def _replace(stack: Stack, lab: Node) -> Replaced:
    nodes, history = trust(lab), PodHistory.start(lab)
    update = stack.up()
    now_served = served(lab)
    return Replaced(
        update, now_served, history.numbers(), (nodes, trust(lab)), stack.up("--expect-no-changes", check=False)
    )


@pytest.fixture(scope="module")
def from_files(stack: Stack, lab: Node) -> list[x509.Certificate]:
    """The first `up`, with files of the project's folder; gives the chain that is served then."""
    _configure(stack, **_write(stack, FIRST))
    stack.up()
    return served(lab)


def test_a_given_certificate_is_served_with_its_wholechain(
    from_files: list[x509.Certificate], stack: Stack
) -> None:
    """Exactly as it is in the file, and its end is an output."""
    assert len(from_files) == 2
    assert from_files == chain(FIRST)
    assert stack.outputs()["certificateEnds"] == from_files[0].not_valid_after_utc.date().isoformat()


@pytest.mark.usefixtures("from_files")
@pytest.mark.parametrize("folder", ["/etc/containerd/certs.d", "/etc/docker/certs.d"])
def test_nodes_are_given_the_ca_of_a_given_certificate(stack: Stack, lab: Node, folder: str) -> None:
    """That of `tlsCa`, and an output for Docker Engines elsewhere; the proof is a pull that trusted it."""
    written = lab.run(["cat", f"{folder}/{ADDRESS}/private-registry.crt"]).stdout

    assert written.strip() == stack.outputs()["ca"].strip() == ROOT_PEM.strip()
    assert lab.get("pod", stack.outputs()["proofPods"][0])["status"]["phase"] == "Running"
    assert lab.registry("/v2/", address=ADDRESS).status == 200


@pytest.fixture(scope="module")
def changed_file(from_files: list[x509.Certificate], stack: Stack, lab: Node) -> Replaced:
    """Another certificate of the same CA in the same files."""
    assert from_files
    _write(stack, SECOND)
    return _replace(stack, lab)


@pytest.fixture(scope="module")
def changed_secret(changed_file: Replaced, stack: Stack, lab: Node) -> Iterator[Replaced]:
    """From an existing Secret in place of the files, and then another certificate in that Secret."""
    assert changed_file
    try:
        apply_secret(lab, THIRD, SECRET)
        _configure(stack, tls="provided", tlsSecret=SECRET, tlsCa=ROOT_PEM)
        stack.up()
        assert served(lab) == chain(THIRD)
        apply_secret(lab, FOURTH, SECRET)
        yield _replace(stack, lab)
    finally:
        lab.kubectl("delete", "secret", SECRET)


@pytest.mark.parametrize(
    ("change", "pair", "own"),
    [("changed_file", SECOND, {("updated", "registry-tls")}), ("changed_secret", FOURTH, set())],
)
def test_another_certificate_is_served_when_the_first_up_after_it_returns(
    request: pytest.FixtureRequest, change: str, pair: Pair, own: set[tuple[str, str]]
) -> None:
    """By one roll of the registry; nodes, which trust its CA already, are left alone, and that was all."""
    replaced: Replaced = request.getfixturevalue(change)

    assert replaced.served == chain(pair)
    assert replaced.pods == [1, 0, 1]
    assert replaced.trust[0] == replaced.trust[1]
    assert replaced.update.changed == {
        *own,
        ("replaced", "registry"),
        ("updated", "registry-proof-image"),
        ("replaced", "registry-proof-pod"),
    }
    assert replaced.next_up.code == 0, replaced.next_up.output


def test_c47_no_given_key_is_in_the_state_or_printed(changed_secret: Replaced, stack: Stack) -> None:
    """Neither those of files nor those of the Secret, whose annotation holds one once more."""
    hunt = Hunt(
        *(key for n, pair in enumerate((FIRST, SECOND, THIRD, FOURTH)) for key in key_canaries(f"{n}", pair.key))
    )
    places = files(stack.backend) | {
        "up": changed_secret.update.output.encode(),
        "preview": stack.preview("--diff", "--refresh").output.encode(),
    }

    assert hunt.names((stack.folder / "certificates" / "key.pem").read_bytes())
    assert any("history" in name for name in places)
    assert hunt.found(places) == set()


_KEY = ec.generate_private_key(ec.SECP256R1())
NAMES = {
    "common-name-only": (
        Pair(INTERMEDIATE.sign(HOST, _KEY, [], BEGIN, END), key_pem(_KEY)),
        f"the IP address {HOST} as a subject alternative name, got none",
    ),
    "another-host": (
        INTERMEDIATE.issue("registry.example.test", begin=BEGIN, end=END),
        f"the IP address {HOST} as a subject alternative name, got registry.example.test",
    ),
    "address-as-a-name": (
        INTERMEDIATE.issue(alternatives=[x509.DNSName(HOST)], begin=BEGIN, end=END),
        f"the IP address {HOST} (which is there as a DNS name, where no client looks for it)",
    ),
    "without-the-name-to-push-to": (
        FIRST,
        f"the DNS name {NODE_NAME} as a subject alternative name, got {HOST};",
    ),
}
"""Certificates that do not carry the names of the registry, and what is said to be missing."""

ENDED = Authority("ended", issuer=ROOT, begin=TODAY - 9 * DAY, end=TODAY - 2 * DAY)
FIRST_BY_ENDED = ENDED.issue(HOST, begin=BEGIN, end=END)
_CERTIFICATE_FIX = "fix: `pulumi config set tlsCertificate <file>`"
REFUSED = {
    "another-key": (
        Pair(FIRST.certificate, SECOND.key),
        "tlsKey must belong to",
        'the certificate of "CN=server", got the key of another',
        "fix: `pulumi config set --secret tlsKey < key.pem`, or `pulumi config set tlsKey key.pem`",
    ),
    "expired": (
        ROOT.issue(HOST, begin=TODAY - 9 * DAY, end=TODAY - 2 * DAY),
        "tlsCertificate must be valid now",
        f"but ended on {(TODAY - 2 * DAY).date()}",
        _CERTIFICATE_FIX,
    ),
    "another-ca": (
        Authority("stranger", end=TODAY + 50 * DAY).issue(HOST, begin=BEGIN, end=END),
        "tlsCertificate must lead to a certificate in tlsCa",
        'but "CN=stranger", which issued "CN=server", is neither there nor in the chain',
        _CERTIFICATE_FIX,
    ),
    "n05-ended-intermediate": (
        Pair(FIRST_BY_ENDED.certificate + ENDED.pem, FIRST_BY_ENDED.key),
        "tlsCertificate must lead to a certificate in tlsCa",
        f'but "CN=ended" ended on {(TODAY - 2 * DAY).date()}',
        _CERTIFICATE_FIX,
    ),
    "n06-curve": (
        ROOT.issue(HOST, key=ec_key(ec.SECP256K1()), begin=BEGIN, end=END),
        "tlsKey must be RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519",
        "got EC on secp256k1",
        "fix: `pulumi config set --secret tlsKey < key.pem`, or `pulumi config set tlsKey key.pem`",
    ),
}
"""Certificates that cannot work otherwise; what is said of each: setting and rule, problem, and fix."""


@pytest.fixture
def settings(changed_secret: Replaced, stack: Stack) -> Iterator[Stack]:
    """The stack, up, for a test that changes its settings; they are put back."""
    assert changed_secret
    file = stack.file
    before = file.read_text()
    yield stack
    file.write_text(before)


def _refusal(settings: Stack, pair: Pair, rule: str) -> str:
    """The line of a refused preview about a rule; the key, given as content here, is nowhere in its output."""
    _configure(settings, **_write(settings, pair, "refused"))
    settings.set("tlsKey", pair.key, secret=True)
    preview = settings.preview("--diff", check=False)
    assert preview.code != 0
    assert "Traceback" not in preview.output
    assert Hunt(*key_canaries("key", pair.key)).names(preview.output.encode()) == set()
    [line] = {line.strip() for line in preview.output.splitlines() if f"private-registry:{rule}" in line}
    return line


@pytest.mark.parametrize(("pair", "missing"), NAMES.values(), ids=NAMES)
def test_c16_a_certificate_without_a_needed_name_is_refused_in_preview(
    settings: Stack, pair: Pair, missing: str
) -> None:
    """Where no client of today would look for it, or not at all: the missing one is named."""
    settings.set("pushHost", NODE_NAME if NODE_NAME in missing else "localhost")
    line = _refusal(settings, pair, "tlsCertificate must carry")

    assert missing in line
    assert _CERTIFICATE_FIX in line


@pytest.mark.parametrize(("pair", "rule", "problem", "fix"), REFUSED.values(), ids=REFUSED)
def test_a_certificate_that_cannot_work_is_refused_in_preview(
    settings: Stack, pair: Pair, rule: str, problem: str, fix: str
) -> None:
    """Before anything changes, by a line with setting, rule, problem and fix."""
    line = _refusal(settings, pair, rule)

    assert problem in line
    assert fix in line


def test_n05_a_certificate_that_signed_itself_needs_tls_ca(settings: Stack) -> None:
    """Preview says so, before nodes are blamed."""
    itself = Authority("server")
    pair = itself.issue(HOST, begin=BEGIN, end=END, key=itself.key)
    given = _write(settings, pair, "refused")
    _configure(settings, **given | {"tlsCa": None})
    refused = settings.preview(check=False)
    _configure(settings, **given | {"tlsCa": given["tlsCertificate"]})
    accepted = settings.preview(check=False)

    assert refused.code != 0
    assert 'private-registry:tlsCa must be set, since "CN=server" signed itself, and no client' in refused.output
    assert accepted.code == 0, accepted.output


def test_n05_a_chain_without_its_intermediate_is_warned_of_in_preview(settings: Stack) -> None:
    """Where its root is one that nodes know by themselves."""
    pair = INTERMEDIATE.issue(HOST, begin=BEGIN, end=END)
    _configure(settings, **_write(settings, pair, "refused") | {"tlsCa": None})
    preview = settings.preview(check=False)

    assert preview.code == 0, preview.output
    assert 'private-registry:tlsCertificate holds no certificate of "CN=test-intermediate", which' in preview.output


def test_a_key_in_clear_text_is_refused_and_not_shown(settings: Stack) -> None:
    """A key that stands in the stack's file by mistake, which people may have committed."""
    _configure(settings, **_write(settings, FIRST, "refused") | {"tlsKey": FIRST.key})
    preview = settings.preview("--diff", check=False)

    assert preview.code != 0
    assert "private-registry:tlsKey must be encrypted, but stands in clear text" in preview.output
    assert Hunt(*key_canaries("key", FIRST.key)).names(preview.output.encode()) == set()


def test_a_secret_that_cannot_work_is_refused_and_the_registry_goes_on(settings: Stack, lab: Node) -> None:
    """It is read later than settings, when an `up` has begun; that changes nothing, and the old one is served."""
    before, objects = served(lab), versions(lab)
    apply_secret(lab, Pair(THIRD.certificate, FOURTH.key), "wrong-tls")
    settings.set("tlsSecret", "wrong-tls")
    try:
        preview, update = settings.preview("--diff", check=False), settings.up(check=False)
    finally:
        lab.kubectl("delete", "secret", "wrong-tls")

    for refused in (preview, update):
        assert refused.code != 0
        assert "private-registry:tlsSecret: tls.key of default/wrong-tls must belong to" in refused.output
        assert "fix: correct the Secret" in refused.output
        assert "Traceback" not in refused.output
        assert Hunt(*key_canaries("key", FOURTH.key)).names(refused.output.encode()) == set()
    assert update.changed == set()
    assert versions(lab) == objects
    assert served(lab) == before


def test_a_secret_that_is_not_there_is_named(settings: Stack) -> None:
    """By the setting and the Secret, in preview."""
    settings.set("tlsSecret", "no-such")
    preview = settings.preview(check=False)

    assert preview.code != 0
    assert "tlsSecret" in preview.output
    assert "resource 'default/no-such' does not exist" in preview.output
    assert "Traceback" not in preview.output


OTHER_ROOT = Authority("other-root", end=TODAY + 50 * DAY)
BUNDLE = OTHER_ROOT.pem + "".join(Authority(f"company-{number}", end=TODAY + 50 * DAY).pem for number in range(400))
"""As a company has it: 220 KB."""
CONTAINERD = f"/etc/containerd/certs.d/{ADDRESS}"
BEFORE = f"{CONTAINERD}/private-registry-before.crt"


@dataclass(frozen=True)
class Changed:
    """What an `up` with another CA did."""

    pair: Pair
    update: Update
    before: str
    rule: str


@pytest.fixture(scope="module")
def other_ca(changed_secret: Replaced, stack: Stack, lab: Node) -> Changed:
    """A certificate of another CA, in a company's bundle; and what containerd was told right after the `up`."""
    assert changed_secret
    pair = OTHER_ROOT.issue(HOST, begin=BEGIN, end=END)
    _configure(stack, **_write(stack, pair, "other") | {"tlsCa": "other/bundle.pem"})
    (stack.folder / "other" / "bundle.pem").write_text(BUNDLE)
    update = stack.up()
    before = lab.run(["cat", BEFORE], check=False).stdout
    return Changed(pair, update, before, lab.run(["cat", f"{CONTAINERD}/hosts.toml"]).stdout)


def test_n08_a_company_s_bundle_of_220_kb_reaches_the_nodes(other_ca: Changed, lab: Node) -> None:
    """As it is, and the proof was pulled with it."""
    assert len(BUNDLE) > 200_000
    assert lab.run(["cat", f"{CONTAINERD}/private-registry.crt"]).stdout == BUNDLE
    assert served(lab) == chain(other_ca.pair)


def test_f6_a_changed_tlsca_is_trusted_beside_the_one_before_until_it_is_served(
    other_ca: Changed, lab: Node
) -> None:
    """Containerd takes both while the registry goes from one to the other; the kubelet says soon that it has."""
    order = other_ca.update.output
    names = '["private-registry.crt", "private-registry-before.crt"]'

    assert order.index("registry-trust-daemon updated (") < order.index("registry-tls created (")
    assert (other_ca.before, f"ca = {names}" in other_ca.rule) == (ROOT_PEM, True)

    def forgotten() -> bool:
        # A changed Pod is looked at right away, and not within a minute or two.
        lab.kubectl("annotate", "--overwrite", "pods", f"--selector={NODE_TRUST}", f"test/asked={time.monotonic()}")
        return lab.run(["test", "-e", BEFORE], check=False).returncode == 1

    until(forgotten, "the end of the trust in the CA before")
    assert 'ca = "private-registry.crt"' in lab.run(["cat", f"{CONTAINERD}/hosts.toml"]).stdout
    assert lab.registry("/v2/", address=ADDRESS).status == 200

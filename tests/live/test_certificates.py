"""A certificate made here: kept while nothing asks for another, and served anew by one `up` once something does."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.topology import FIRST
from tests.live.harness import ADDRESS, PUSH_ADDRESS, Node, Stack, Update
from tests.live.observation import PodHistory, served, trust, versions

CLOCK = "PRIVATE_REGISTRY_NOW"


def alternatives(certificate: x509.Certificate) -> tuple[set[str], set[str]]:
    """The IP addresses and the DNS names that a certificate is for."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    return addresses, set(found.get_values_for_type(x509.DNSName))


@dataclass(frozen=True)
class Renewal:
    """A certificate near its end, the `up` after it, and what was seen around that."""

    update: Update
    old: x509.Certificate
    new: x509.Certificate
    authorities: tuple[str, str]
    """The output `ca` before and after."""
    trust: tuple[list[tuple[str, str]], list[tuple[str, str]]]
    pods: list[int]


@pytest.fixture(scope="module")
def renewal(stack: Stack, lab: Node) -> Renewal:
    """A first `up` 340 days ago, as far as it knows, and another today; the registry is asked when that returns."""
    stack.environment[CLOCK] = (datetime.now(UTC) - timedelta(days=340)).date().isoformat()
    stack.up()
    [old], authority, nodes, history = served(lab), stack.outputs()["ca"], trust(lab), PodHistory.start(lab)
    del stack.environment[CLOCK]
    update = stack.up()
    [new] = served(lab)
    authorities = (authority, stack.outputs()["ca"])
    return Renewal(update, old, new, authorities, (nodes, trust(lab)), history.numbers())


def test_a_certificate_near_its_end_is_replaced_by_the_next_up(renewal: Renewal) -> None:
    """The new one is served when `up` returns, and is good for a year from now."""
    now = datetime.now(UTC)

    assert renewal.old.not_valid_after_utc - now < timedelta(days=26)
    assert renewal.new.serial_number != renewal.old.serial_number
    assert renewal.new.public_key() != renewal.old.public_key()
    assert timedelta(days=364) < renewal.new.not_valid_after_utc - now < timedelta(days=365)


def test_a_renewal_leaves_the_ca_and_the_nodes_alone(renewal: Renewal) -> None:
    """The same CA signs the new certificate, so that nobody has to be told anything."""
    assert renewal.authorities[0] == renewal.authorities[1]
    renewal.new.verify_directly_issued_by(x509.load_pem_x509_certificate(renewal.authorities[0].encode()))
    assert renewal.trust[0] == renewal.trust[1]


def test_a_renewal_rolls_the_registry_once_and_nothing_it_does_not_need(renewal: Renewal) -> None:
    """The certificate, the Secret that holds it, the registry that reads it, and a new proof."""
    assert renewal.pods == [1, 0, 1]
    assert renewal.update.changed == {
        ("replaced", "registry-certificate"),
        ("updated", "registry-tls"),
        ("replaced", "registry"),
        ("updated", "registry-proof-image"),
        ("replaced", "registry-proof-pod"),
    }


@pytest.mark.usefixtures("renewal")
def test_a_certificate_is_kept_by_a_refresh_and_another_checkout_on_the_same_state(
    stack: Stack, lab: Node, tmp_path: Path
) -> None:
    """Each run makes keys, and none of them is used while there is one that serves; all of it is in the state."""
    before, objects = served(lab), versions(lab)
    clone = Stack.make(lab, tmp_path / "clone")
    clone.environment = dict(stack.environment)
    shutil.copy(stack.file, clone.folder)
    updates = [stack.refresh(), clone.up("--expect-no-changes")]

    assert [update.changed for update in updates] == [set(), set()]
    assert served(lab) == before
    assert versions(lab) == objects


@pytest.mark.usefixtures("renewal")
def test_the_output_tells_when_the_served_certificate_ends(stack: Stack, lab: Node) -> None:
    """So that a calendar or a monitor can be given the day."""
    assert stack.outputs()["certificateEnds"] == served(lab)[0].not_valid_after_utc.date().isoformat()


@pytest.mark.usefixtures("renewal")
def test_c16_addresses_are_served_as_addresses_and_names_as_names(lab: Node) -> None:
    """Where clients of today look for each; the common name, which they do not read, is none of them."""
    [certificate] = served(lab)
    addresses, names = alternatives(certificate)
    [common_name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)

    assert addresses == {"192.168.99.100", "127.0.0.1", "::1"}
    assert {"localhost", "registry.default.svc"} <= names
    assert not names & addresses
    assert common_name.value == "private-registry"
    for address in (ADDRESS, PUSH_ADDRESS, "127.0.0.1:5000"):
        assert lab.registry("/v2/", address=address).status == 200


@pytest.mark.usefixtures("renewal")
def test_a_further_name_is_in_a_new_certificate_of_the_same_ca(stack: Stack, lab: Node) -> None:
    """The Docker Engine pushes by that name in the same `up`, and the next one changes nothing."""
    [old], authority = served(lab), stack.outputs()["ca"]
    stack.set("pushHost", FIRST.name)
    stack.up()
    [new] = served(lab, f"{FIRST.name}:5000")
    (addresses, names), (old_addresses, old_names) = alternatives(new), alternatives(old)

    assert new.serial_number != old.serial_number
    assert (addresses - old_addresses, names - old_names) == (set(), {FIRST.name})
    assert old_addresses | old_names < addresses | names
    assert lab.registry("/v2/", address=f"{FIRST.name}:5000").status == 200
    assert stack.outputs()["ca"] == authority
    assert stack.outputs()["commands"]["push"].startswith(f"docker push {FIRST.name}:5000/")
    assert stack.up("--expect-no-changes").changed == set()


def test_a_time_that_is_none_is_refused_by_a_message(stack: Stack) -> None:
    """With the variable, the rule and what was given, and without the program's insides."""
    preview = replace(stack, environment=stack.environment | {CLOCK: "tomorrow"}).preview(check=False)

    assert preview.code != 0
    assert f"{CLOCK} must be a date or time in ISO 8601 from 1970 to 2999, as in 2026-01-31" in preview.output
    assert 'got "tomorrow"' in preview.output
    assert "Traceback" not in preview.output

"""The image that is pushed, and the Pod that pulls it back."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import pulumi
import pytest

from components.proof.lookup import NoAnswer
from components.proof.stored_image import StoredImage
from components.tls import issuing
from tests.authority import NOW
from tests.components.declaration import (
    CA,
    DAEMON_SET,
    DEPLOYMENT,
    IMAGE,
    KEPT,
    PASSWORD,
    POD,
    PROOF,
    SECRET,
    SERVER,
    declared,
    pinned_to,
)
from tests.components.recorder import DIGEST, Recorder, Secret


def bound_to(recorder: Recorder) -> str:
    """What the pushed image is bound to."""
    found = recorder.one(IMAGE).inputs["build"]["args"]["BOUND_TO"]
    assert isinstance(found, str), "neither secret nor unknown"
    return found


def trigger(recorder: Recorder) -> str:
    """What replaces the proof Pod."""
    return str(recorder.one(POD).request.replacement_trigger.string_value)


def test_image_is_pushed_through_the_push_address() -> None:
    """By the name that the Docker Engine reaches, with the port."""
    image = declared(push_host="127.0.0.1", port=5443, test_image="team/app:2").one(IMAGE).inputs

    assert image["imageName"] == "127.0.0.1:5443/team/app:2"
    assert image["registry"]["server"] == "127.0.0.1:5443"


def test_push_says_account_and_password_and_the_password_is_secret() -> None:
    """Were one missing, the provider would silently use the person's own login."""
    registry = declared(username="ci").one(IMAGE).inputs["registry"]

    assert (registry["username"], registry["password"]) == ("ci", Secret(PASSWORD))


def test_image_is_built_from_its_own_folder_for_the_set_platform() -> None:
    """Never the project's folder, in which every file would count as a change."""
    image = declared(platform="linux/arm64").one(IMAGE).inputs

    assert (image["build"]["context"], image["build"]["platform"]) == ("test-image", "linux/arm64")


def test_push_waits_until_the_registry_serves() -> None:
    """No value flows from one to the other, so that only this orders them."""
    recorder = declared()

    assert recorder.one(DEPLOYMENT).urn in recorder.one(IMAGE).request.dependencies


def test_c09_pod_pulls_by_digest_from_the_nodes_address_and_always_asks() -> None:
    """The node's cached copy would run without any password, and prove nothing."""
    [container] = declared(push_host="127.0.0.1", port=5443).one(POD).inputs["spec"]["containers"]

    assert container["image"] == f"10.0.0.5:5443/alpine_test@{DIGEST}"
    assert container["imagePullPolicy"] == "Always"


def test_pod_names_the_pull_secret_of_its_namespace() -> None:
    """The first of the namespaces that have one; it waits for that Secret."""
    recorder = declared(pull_namespaces=("team-a", "default"), pull_secret_name="pulls")
    pod = recorder.one(POD)

    assert pod.inputs["metadata"]["namespace"] == "team-a"
    assert pod.inputs["spec"]["imagePullSecrets"] == [{"name": "pulls"}]
    assert recorder.one(SECRET, "registry-pull-secret-team-a").urn in pod.request.dependencies


def test_pod_is_replaced_for_a_new_image_and_for_new_accounts() -> None:
    """A Pod's image could be changed in place, without a pull by the new password."""
    recorder = declared()
    request = recorder.one(POD).request

    assert list(request.replaceOnChanges) == ["spec"]
    assert request.replacement_trigger.string_value.startswith(f"{recorder.one(SERVER).outputs['revision']}-")
    assert list(request.replace_with) == [recorder.one(IMAGE).urn]


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("store", {"host_path": "/data/other"}),
        ("node", {"node": "node-2"}),
        ("address", {"host": "10.0.0.6"}),
        ("port", {"port": 5001}),
        ("push address", {"push_host": "10.0.0.5"}),
        ("way in", {"exposure": "loadBalancer"}),
        ("registry", {"image": "registry:3.1.1"}),
        ("namespace", {"namespace": "registry"}),
        ("node trust", {"node_trust": "k3s"}),
        ("folder of node trust", {"containerd_certs": "/etc/certs.d"}),
        ("TLS", {"tls": "off", "allow_plain_http": True}),
    ],
)
def test_f2_what_lies_between_push_and_pull_is_pushed_and_pulled_again(change: str, values: dict[str, Any]) -> None:
    """The plugin builds and pushes for any other input, and a Pod is replaced for another trigger."""
    before, after = declared(), declared(**values)

    assert bound_to(before) != bound_to(after), change
    assert trigger(before) != trigger(after)


def test_f2_a_new_certificate_is_pushed_to_and_pulled_from() -> None:
    """A renewed one of the same CA, and one of a new CA."""
    renewed = {**KEPT, "registry-certificate": asdict(issuing.make_leaf(CA, ["10.0.0.5"], 365, NOW))}
    authority = issuing.make_ca(NOW)
    signed = asdict(issuing.make_leaf(authority, ["10.0.0.5"], 365, NOW))
    other = {**KEPT, "registry-ca-1": asdict(authority), "registry-certificate": signed}
    recorders = [declared(), declared(stashed=renewed), declared(stashed=other)]

    assert len({bound_to(recorder) for recorder in recorders}) == 3


def test_f2_a_new_password_is_pulled_with_and_builds_nothing() -> None:
    """The image is in the store, and the new proof Pod shows that the account works."""
    before, after = declared(), declared(password="another-password")

    assert bound_to(before) == bound_to(after)
    assert trigger(before) != trigger(after)


@pytest.mark.parametrize(
    "values", [{"timeout_seconds": 77}, {"pull_secret_name": "pulls"}, {"host": "10.0.0.5:5000"}, {}]
)
def test_f2_what_changes_nothing_between_push_and_pull_makes_no_new_proof(values: dict[str, Any]) -> None:
    """Else each `up` would build, push and pull."""
    before, after = declared(), declared(**values)

    assert bound_to(before) == bound_to(after)
    assert trigger(before) == trigger(after)


def test_f2_a_preview_knows_what_the_proof_is_bound_to() -> None:
    """It shows the new proof before it is made, and says of none that it comes."""
    assert bound_to(declared(preview=True)) == bound_to(declared())


def test_f2_an_update_asks_the_registry_for_what_it_reports(asked: list[str]) -> None:
    """By its digest. By its tag the transforms ask, which only Pulumi itself runs."""
    declared()

    assert asked == [DIGEST]


def test_f2_a_preview_asks_nobody(asked: list[str]) -> None:
    """It works from anywhere, and leaves no trace in a registry."""
    declared(preview=True)

    assert asked == []


def test_f2_success_is_not_reported_while_the_image_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to type, and is shown without a traceback."""

    async def lost(_: StoredImage, reference: str) -> str:
        assert reference == DIGEST
        return ""

    monkeypatch.setattr(StoredImage, "_lookup", lost)
    with pytest.raises(pulumi.RunError) as raised:
        declared()

    urn = f"urn:pulumi:dev::private-registry::{PROOF}${IMAGE}::registry-proof-image"
    assert str(raised.value) == (
        f"10.0.0.5:5000/alpine_test@{DIGEST} was pushed and is not in the registry any more; "
        f"fix: `pulumi up --replace '{urn}'`"
    )


def test_f2_a_registry_out_of_reach_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The Docker Engine and the nodes reach it, and prove it; that it was not looked up is said."""

    async def no_answer(_: StoredImage, __: str) -> str:
        raise NoAnswer("10.0.0.5:5000: timed out")

    monkeypatch.setattr(StoredImage, "_lookup", no_answer)
    with caplog.at_level(logging.INFO, logger="pulumi"):
        recorder = declared()

    assert recorder.one(PROOF).outputs["image"] == f"10.0.0.5:5000/alpine_test@{DIGEST}"
    [line] = [record.message for record in caplog.records if "looked up" in record.message]
    assert line.endswith(
        f"10.0.0.5:5000/alpine_test@{DIGEST} was not looked up in the registry, which this machine cannot reach: "
        "10.0.0.5:5000: timed out"
    )


def test_waiting_for_the_pod_ends_at_the_set_time() -> None:
    """A pull that is refused never becomes ready."""
    assert declared(timeout_seconds=77).one(POD).request.customTimeouts.create == "77s"


def test_push_waits_until_the_nodes_trust_the_registry() -> None:
    """A Docker Engine on a node trusts it by the same files as the node."""
    recorder = declared()

    assert recorder.one(DAEMON_SET).urn in recorder.one(IMAGE).request.dependencies


def test_one_pod_runs_on_any_node() -> None:
    """Unless nodes are named: where it comes to run is the scheduler's choice."""
    recorder = declared()

    assert recorder.all(POD).keys() == {"registry-proof-pod"}
    spec = recorder.one(POD).inputs["spec"]
    assert (spec.get("nodeSelector"), spec.get("affinity")) == (None, None)


def test_each_proof_node_gets_a_pod_of_its_own() -> None:
    """Each proves that its node has the CA, the address and the accounts; each is told of."""
    recorder = declared(proof_nodes=("node-1", "node-2.example.test"))
    names = [f"registry-proof-pod-{node}" for node in ("node-1", "node-2.example.test")]

    assert {name: pinned_to(pod.inputs["spec"]) for name, pod in recorder.all(POD).items()} == {
        names[0]: "node-1",
        names[1]: "node-2.example.test",
    }
    assert recorder.one(PROOF).outputs["podNames"] == names


def test_pods_of_all_proof_nodes_are_alike() -> None:
    """But for name and node: none is a lesser proof."""
    recorder = declared(proof_nodes=("node-1", "node-2"))
    pods = [*recorder.all(POD).values(), declared().one(POD)]
    for pod in pods:
        pod.inputs["spec"].pop("affinity", None)

    assert pods[0].inputs["spec"] == pods[1].inputs["spec"] == pods[2].inputs["spec"]
    assert {frozenset(pod.request.dependencies) for pod in pods} == {frozenset(pods[2].request.dependencies)}


def test_proof_tells_digest_image_and_pods() -> None:
    """As the stack exports them."""
    assert declared().one(PROOF).outputs == {
        "digest": DIGEST,
        "image": f"10.0.0.5:5000/alpine_test@{DIGEST}",
        "podNames": ["registry-proof-pod"],
    }


def test_labels_stay_short_whatever_a_node_is_called() -> None:
    """Kubernetes refuses more than 63 characters, and clouds give their nodes long names."""
    recorder = declared(proof_nodes=("ip-192-168-100-100.ap-southeast-1.compute.internal",))

    assert max(map(len, recorder.one(POD).inputs["metadata"]["labels"].values())) <= 63

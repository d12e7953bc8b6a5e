"""The image that is pushed, and the Pod that pulls it back."""

from __future__ import annotations

from tests.components.declaration import (
    DAEMON_SET,
    DEPLOYMENT,
    IMAGE,
    PASSWORD,
    POD,
    PROOF,
    SECRET,
    SERVER,
    declared,
    pinned_to,
)
from tests.components.recorder import DIGEST, Secret


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

    assert image["build"] == {"context": "test-image", "platform": "linux/arm64"}


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
    assert request.replacement_trigger.string_value == recorder.one(SERVER).outputs["revision"]


def test_waiting_for_the_pod_ends_at_the_set_time() -> None:
    """A pull that is refused never becomes ready."""
    assert declared(timeout_seconds=77).one(POD).request.customTimeouts.create == "77s"


def test_push_waits_until_the_nodes_trust_the_registry() -> None:
    """An engine on a node trusts it by the same files as the node."""
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

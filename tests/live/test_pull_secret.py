"""The pull secret is what lets a Pod pull, and nothing else does: not the node's copy, not another spelling."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.live.harness import ADDRESS, PASSWORD, PUSH_ADDRESS, USER, Node, Stack

_REFUSED = ("ErrImagePull", "ImagePullBackOff")


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """The stack up, its host given as a person pastes it from a browser."""
    stack.set("host", f"https://{ADDRESS}/v2/")
    stack.up()
    return stack


def _pod(name: str, image: str, **spec: object) -> str:
    """The manifest of a Pod that pulls an image at each start."""
    container = {"name": "proof", "image": image, "imagePullPolicy": "Always"}
    body = {"terminationGracePeriodSeconds": 1, "containers": [container], **spec}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": body})


def _secret(name: str, password: str, server: str = ADDRESS) -> str:
    """The manifest of a pull secret that somebody made by hand."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": json.dumps({"auths": {server: {"auth": auth}}})},
        }
    )


def _outcome(lab: Node, manifest: str, seconds: int = 60) -> str:
    """Start a Pod; give `running`, or why its image could not be pulled. The Pod is removed."""
    name = json.loads(manifest)["metadata"]["name"]
    lab.kubectl("apply", "--filename=-", stdin=manifest)
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status: dict[str, Any] = lab.get("pod", name)["status"]
            state = (status.get("containerStatuses") or [{}])[0].get("state", {})
            if "running" in state:
                return "running"
            # A back-off's own message holds no reason, the pull's does.
            if state.get("waiting", {}).get("reason") == "ErrImagePull":
                return str(state["waiting"]["message"])
            time.sleep(0.2)
        raise AssertionError(f"the Pod neither ran nor failed to pull within {seconds} s: {status}")
    finally:
        lab.kubectl("delete", "pod", name, "--wait=true")


@pytest.fixture(scope="module")
def image(deployed: Stack, lab: Node) -> str:
    """The proof's image, of which the node has a copy by now."""
    pinned: str = deployed.outputs()["image"]
    held = lab.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"]).stdout.split()
    assert pinned in held, "without a copy on the node the tests below would say nothing"
    return pinned


def test_c08_the_servers_entry_equals_the_images_address(deployed: Stack, lab: Node) -> None:
    """Given with scheme and path, the address still becomes the host:port of the image reference."""
    content = _dockerconfig(lab)
    proof = lab.get("pod", deployed.outputs()["proofPods"][0])

    assert set(content["auths"]) == {ADDRESS, PUSH_ADDRESS}
    assert proof["spec"]["containers"][0]["image"].split("/")[0] == ADDRESS
    assert proof["status"]["phase"] == "Running"


@pytest.mark.parametrize("form", ["192.168.99.100", ADDRESS, f"http://{ADDRESS}", f"{ADDRESS}/", f"{ADDRESS}/v2/"])
def test_c08_every_form_of_the_address_is_the_same_address(deployed: Stack, form: str) -> None:
    """Another spelling in the config changes nothing that is deployed."""
    deployed.set("host", form)

    preview = deployed.preview("--expect-no-changes", check=False)

    assert preview.code == 0, preview.output


@pytest.mark.parametrize("run", ["first", "second"])
def test_c09_the_pod_with_the_pull_secret_pulls(image: str, lab: Node, run: str) -> None:
    """The proof's image runs with the pull secret, as often as one likes."""
    assert _outcome(lab, _pod(f"with-secret-{run}", image, imagePullSecrets=[{"name": "regcred"}])) == "running"


def test_c09_the_proof_itself_pulls_by_digest_at_each_start(deployed: Stack, lab: Node) -> None:
    """The Pod that the product makes never runs from the node's copy: policy Always, and a pull in its events."""
    name = deployed.outputs()["proofPods"][0]
    container = lab.get("pod", name)["spec"]["containers"][0]
    events = lab.get("events", f"--field-selector=involvedObject.name={name}")["items"]

    assert container["imagePullPolicy"] == "Always"
    assert "@sha256:" in container["image"]
    assert any("Successfully pulled image" in event["message"] for event in events)


def test_c09_a_pod_without_the_pull_secret_is_refused(image: str, lab: Node) -> None:
    """The image that lies on the node does not help: the registry is asked, and wants an account."""
    reason = _outcome(lab, _pod("no-secret", image))

    assert "no basic auth credentials" in reason or "401 Unauthorized" in reason, reason


def test_c09_a_pod_with_a_wrong_password_is_refused(image: str, lab: Node) -> None:
    """A pull secret with another password is no pull secret."""
    lab.kubectl("apply", "--filename=-", stdin=_secret("wrong-password", "not-" + PASSWORD))
    try:
        reason = _outcome(lab, _pod("wrong-password", image, imagePullSecrets=[{"name": "wrong-password"}]))
    finally:
        lab.kubectl("delete", "secret", "wrong-password")

    assert "401 Unauthorized" in reason, reason


def test_c09_a_pull_secret_for_another_address_is_refused(image: str, lab: Node) -> None:
    """The right account under an address without the port is not used: why C08 matters."""
    manifest = _secret("other-address", PASSWORD, server="192.168.99.100")
    lab.kubectl("apply", "--filename=-", stdin=manifest)
    try:
        reason = _outcome(lab, _pod("other-address", image, imagePullSecrets=[{"name": "other-address"}]))
    finally:
        lab.kubectl("delete", "secret", "other-address")

    assert "no basic auth credentials" in reason or "401 Unauthorized" in reason, reason


def test_c11_the_pull_secret_is_what_manifests_expect(deployed: Stack, lab: Node) -> None:
    """Its name has no suffix and is an output, its type is the current one, and it is encoded once."""
    secret = lab.get("secret", "regcred")

    assert deployed.outputs()["pullSecret"] == "regcred"
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert set(secret["data"]) == {".dockerconfigjson"}
    entry = _dockerconfig(lab)["auths"][ADDRESS]
    assert base64.b64decode(entry["auth"], validate=True).decode() == f"{USER}:{PASSWORD}"
    assert (entry["username"], entry["password"]) == (USER, PASSWORD)


def _dockerconfig(lab: Node) -> dict[str, Any]:
    """The pull secret's content after one layer of base64."""
    encoded = lab.get("secret", "regcred")["data"][".dockerconfigjson"]
    content: dict[str, Any] = json.loads(base64.b64decode(encoded, validate=True))
    return content


def test_c12_the_nodes_resolver_knows_nothing_of_the_cluster(deployed: Stack, lab: Node) -> None:
    """The proof passed on a node that cannot resolve the Service's name, by an address that needs no resolver."""
    # Where the machine's own name servers are out of reach, the resolver would wait long for each.
    once = {"RES_OPTIONS": "timeout:1 attempts:1"}
    service = lab.run(["getent", "hosts", "registry.default.svc.cluster.local"], env=once, check=False)
    itself = lab.run(["getent", "hosts", "minikube"], env=once)

    assert service.stdout == ""
    assert "192.168.99.100" in itself.stdout
    assert deployed.outputs()["address"] == ADDRESS
    assert lab.get("pod", deployed.outputs()["proofPods"][0])["status"]["phase"] == "Running"


def test_c12_a_name_of_cluster_dns_is_refused_in_preview(deployed: Stack) -> None:
    """The refusal says who resolves the name, and how to find an address that works."""
    deployed.set("host", "registry.registry.svc.cluster.local")

    preview = deployed.preview(check=False)

    assert preview.code != 0
    assert "private-registry:host" in preview.output
    assert "nodes and Docker Engines resolve the name, not Pods" in preview.output
    assert "kubectl get nodes -o wide" in preview.output
    assert "Traceback" not in preview.output

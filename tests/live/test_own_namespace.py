"""A namespace that the stack makes: labelled for what its Pods need, and left with all that is in it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.authority import DAY, Authority
from tests.live import creating_provider, volumes
from tests.live.harness import Node, Stack, Update
from tests.live.registry_client import Client, Image

NAMESPACE, THEIRS = "own", "of-others"
HOST = "192.168.99.100"
ADDRESS = f"{HOST}:30500"
CONTAINERD, DOCKER = f"/etc/containerd/certs.d/{ADDRESS}", f"/etc/docker/certs.d/{ADDRESS}"
HOSTS = f'[host."https://{ADDRESS}"]\n  ca = "{CONTAINERD}/ca.crt"\n'
ROOT = Authority("test-root", end=datetime.now(UTC) + 50 * DAY)
PAIR = ROOT.issue(HOST, begin=datetime.now(UTC) - DAY, end=datetime.now(UTC) + 30 * DAY)
SETTINGS = {
    "namespace": NAMESPACE,
    "createNamespace": "true",
    "exposure": "nodePort",
    "storage": "claim",
    "claimClass": volumes.CLASS,
    "claimSize": "1Gi",
    "tls": "provided",
    "tlsCertificate": "chain.pem",
    "tlsKey": "key.pem",
    "tlsCa": "ca.pem",
    # Nodes are told by hand, and no Pod has a folder of theirs.
    "nodeTrust": "off",
    "pullNamespaces[0]": NAMESPACE,
    "pullServiceAccounts[0]": "default",
}


@dataclass(frozen=True)
class Deployed:
    """The stack, up, with a provider that makes nothing that is there; and an image that it holds."""

    stack: Stack
    first: Update
    image: Image


@contextmanager
def _told(lab: Node) -> Iterator[None]:
    """Have node and Docker Engine trust the CA, as an administrator does it."""
    files = {f"{CONTAINERD}/hosts.toml": HOSTS, f"{CONTAINERD}/ca.crt": ROOT.pem, f"{DOCKER}/ca.crt": ROOT.pem}
    lab.run(["mkdir", "-p", CONTAINERD, DOCKER])
    for path, content in files.items():
        lab.run(["tee", path], stdin=content)
    try:
        yield
    finally:
        lab.run(["rm", "-rf", CONTAINERD, DOCKER])


@pytest.fixture(scope="module")
def deployed(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Up in a cluster that has no such namespace, and one of others."""
    stack = Stack.make(lab, tmp_path_factory.mktemp("own"))
    creating_provider.use(stack.folder)
    for name, content in (("chain", PAIR.certificate), ("key", PAIR.key), ("ca", ROOT.pem)):
        (stack.folder / f"{name}.pem").write_text(content)
    for key, value in SETTINGS.items():
        stack.set(key, value, path=True)
    with volumes.volume(lab, "lab-own", "/data/own"):
        try:
            lab.kubectl("create", "namespace", THEIRS)
            with _told(lab):
                first = stack.up()
                image = Image.random(1000)
                assert _client(lab, f"{DOCKER}/ca.crt").push("kept", "1", image).status == 201
                yield Deployed(stack, first, image)
        finally:
            stack.remove()
            lab.kubectl("delete", "namespace", NAMESPACE, THEIRS, "--ignore-not-found")


def _client(lab: Node, authority: str) -> Client:
    return Client(lab, address=ADDRESS, authority=authority)


def _levels(lab: Node) -> dict[str, str]:
    """The namespace's Pod Security labels, by what they do."""
    labels = lab.get("namespace", NAMESPACE)["metadata"]["labels"]
    prefix = "pod-security.kubernetes.io/"
    return {key.removeprefix(prefix): value for key, value in labels.items() if key.startswith(prefix)}


def _judged(lab: Node, pod: dict[str, Any]) -> str:
    """What the API server says to a Pod that is created once more."""
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    again = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again"}, "spec": spec}
    words = ["kubectl", "create", "--dry-run=server", "--filename=-", f"--namespace={NAMESPACE}"]
    return lab.run(words, stdin=json.dumps(again), check=False).stderr


def test_pods_that_need_nothing_of_a_node_get_the_strictest_level(deployed: Deployed, lab: Node) -> None:
    """They are admitted without a warning, and one that needs a folder of the node is not admitted."""
    assert deployed.first.code == 0
    pods = lab.get("pods", f"--namespace={NAMESPACE}")["items"]
    weaker = copy.deepcopy(pods[0])
    weaker["spec"]["volumes"].append({"name": "folder", "hostPath": {"path": "/"}})

    assert _levels(lab) == dict.fromkeys(("enforce", "audit", "warn"), "restricted")
    assert len(pods) == 2
    assert [_judged(lab, pod) for pod in pods] == ["", ""]
    assert 'violates PodSecurity "restricted:latest": ' in _judged(lab, weaker)


def test_the_first_up_serves_pods_of_that_namespace_too(deployed: Deployed, lab: Node) -> None:
    """The proof Pod ran there, and the `default` that Kubernetes has just made lists the pull secret."""
    assert deployed.first.code == 0
    account = lab.get("serviceaccount", "default", f"--namespace={NAMESPACE}")

    assert account["imagePullSecrets"] == [{"name": "regcred"}]
    assert lab.get("pod", "registry-proof-pod", f"--namespace={NAMESPACE}")["status"]["phase"] == "Running"


def test_destroy_leaves_the_namespace_and_the_next_up_takes_it(deployed: Deployed, lab: Node) -> None:
    """With the images, and what others have there; and labelled anew, here for node trust."""
    lab.kubectl("create", "configmap", "of-others", f"--namespace={NAMESPACE}")
    uid = lab.get("namespace", NAMESPACE)["metadata"]["uid"]
    deployed.stack.destroy()
    kinds = "persistentvolumeclaims,deployments,pods,secrets,configmaps"
    left = lab.kubectl("get", kinds, f"--namespace={NAMESPACE}", "--output=name").split()
    # What others have written there, node trust would leave alone.
    lab.run(["rm", "-r", CONTAINERD, DOCKER])
    deployed.stack.set("nodeTrust", "minikube")
    again = deployed.stack.up()

    assert left == ["persistentvolumeclaim/registry-data", "configmap/kube-root-ca.crt", "configmap/of-others"]
    assert again.code == 0
    assert _client(lab, f"{DOCKER}/private-registry.crt").has("kept", "1", deployed.image)
    assert lab.get("namespace", NAMESPACE)["metadata"]["uid"] == uid
    assert lab.get("configmap", "of-others", f"--namespace={NAMESPACE}")
    assert _levels(lab) == dict.fromkeys(("enforce", "audit", "warn"), "privileged")
    assert deployed.stack.up("--expect-no-changes").changed == set()


def test_a_namespace_of_others_is_refused_in_preview(deployed: Deployed) -> None:
    """With what uses it as it is."""
    with deployed.stack.settings_kept():
        deployed.stack.set("namespace", THEIRS)
        refused = deployed.stack.preview(check=False)

    assert refused.code != 0
    assert (
        f"Namespace {THEIRS} was made by kubectl-create: `pulumi config rm createNamespace` uses it as it is; "
        "`pulumi config set namespace <name>` names another\n" in refused.output
    )

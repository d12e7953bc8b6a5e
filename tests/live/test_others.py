"""What belongs to others in the cluster: named in the preview, each thing at once, and never touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.harness import Node, Stack, Update

TUTORIAL = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry, labels: {app: registry}}
spec:
  selector: {matchLabels: {app: registry}}
  template:
    metadata: {labels: {app: registry}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: registry
        image: registry:3.1.2
        command: [sleep, "600"]
        ports: [{containerPort: 5000, hostPort: 5000}]
---
apiVersion: v1
kind: Service
metadata: {name: registry}
spec:
  selector: {app: registry}
  ports: [{port: 5000}]
"""
"""The tutorial's own registry, whose Pod has the port of the node."""


@contextmanager
def of_others(lab: Node, manifest: str, *objects: str) -> Iterator[None]:
    """Make objects and a regcred by kubectl; see that they are the same afterwards, and remove them."""
    objects = (*objects, "secret/regcred")
    try:
        lab.kubectl("create", "secret", "docker-registry", "regcred", "--docker-username=a", "--docker-password=b")
        if manifest:
            lab.kubectl("apply", "--filename=-", stdin=manifest)
            lab.kubectl("rollout", "status", "deployment/registry", "--timeout=60s")
        before = versions(lab, *objects)
        yield
        assert versions(lab, *objects) == before
    finally:
        lab.kubectl("delete", "--wait=true", "--cascade=foreground", *objects)


def versions(lab: Node, *objects: str) -> dict[str, str]:
    """Give uid and version of objects; a Deployment's status changes by itself."""
    found = lab.get(*objects)
    items = found.get("items", [found])
    return {
        f"{item['kind']}/{item['metadata']['name']}": "{uid} {version}".format(
            uid=item["metadata"]["uid"],
            version=item["metadata"].get("generation") or item["metadata"]["resourceVersion"],
        )
        for item in items
    }


def all_objects(lab: Node) -> list[str]:
    """Give the objects in all namespaces but for those of the cluster itself."""
    kinds = "secrets,services,deployments,daemonsets,jobs,pods"
    return lab.kubectl("get", kinds, "--all-namespaces", "--output=name").split()


def refusal(update: Update) -> str:
    """Give the one error that names what is in the way."""
    assert update.code != 0
    errors = re.findall(
        r"registry cannot come up here; (.*?)\n\n", update.output.partition("Diagnostics:")[2], re.DOTALL
    )
    assert len(errors) == 1, update.output
    assert "Traceback" not in update.output
    # Pulumi blanks out the password of the dev stack, which is a part of that word.
    return str(errors[0]).replace("ht[secret]wd", "htpasswd")


def refused_twice(stack: Stack, lab: Node) -> str:
    """Run preview and `up`: both are refused in the same words, and nothing was made."""
    before = all_objects(lab)
    preview = refusal(stack.preview(check=False))
    assert refusal(stack.up(check=False)) == preview
    assert all_objects(lab) == before
    return preview


def test_n23_a_regcred_made_by_kubectl_is_refused_in_preview(fresh_stack: Stack, lab: Node) -> None:
    """It is named with whoever made it, the setting and the command; another name for ours is enough."""
    with of_others(lab, ""):
        text = refused_twice(fresh_stack, lab)

        assert "Secret default/regcred was made by kubectl-create: " in text
        assert "`pulumi config set pullSecretName <name>` names ours otherwise" in text
        assert "`kubectl delete secret/regcred --namespace default` removes theirs" in text
        fresh_stack.set("pullSecretName", "private-regcred")
        assert fresh_stack.up().code == 0


def test_f12_all_of_the_tutorials_registry_is_named_at_once(fresh_stack: Stack, lab: Node) -> None:
    """Its Deployment, Service, pull secret and host port, in one error; what it says to type makes room."""
    with of_others(lab, TUTORIAL, "deployment/registry", "service/registry"):
        text = refused_twice(fresh_stack, lab)

        for named in (
            "Deployment default/registry was made by kubectl-client-side-apply: ",
            "Service default/registry ",
            "Secret default/regcred ",
            "port 5000 of node minikube is taken by Pod default/registry-",
        ):
            assert text.count(named) == 1, text
    commands = set(re.findall(r"`(kubectl delete [^`]+)`", text))
    assert commands == {
        f"kubectl delete {name} --namespace default"
        for name in ("deployment/registry", "service/registry", "secret/regcred")
    }
    assert fresh_stack.preview().code == 0


def test_f12_a_host_port_of_a_pod_elsewhere_is_refused(fresh_stack: Stack, lab: Node) -> None:
    """As minikube's own registry addon has it; another port is enough."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "addon", "namespace": "kube-system"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "addon",
                    "image": "registry:3.1.2",
                    "command": ["sleep", "600"],
                    "ports": [{"containerPort": 80, "hostPort": 5000}],
                }
            ],
        },
    }
    lab.kubectl("apply", "--filename=-", stdin=json.dumps(pod))
    lab.kubectl("wait", "--namespace=kube-system", "--for=condition=Ready", "pod/addon", "--timeout=60s")
    try:
        text = refusal(fresh_stack.preview(check=False))

        assert "port 5000 of node minikube is taken by Pod kube-system/addon, which was made by kubectl" in text
        assert "`pulumi config set port <number>` gives ours another port" in text
        fresh_stack.set("port", "5001")
        assert fresh_stack.preview().code == 0
    finally:
        lab.kubectl("delete", "pod/addon", "--namespace=kube-system", "--wait=true")


def test_f12_a_namespace_that_does_not_exist_is_refused(fresh_stack: Stack, lab: Node) -> None:
    """Named in the preview, with the setting, and once where two settings name it."""
    fresh_stack.set("pullNamespaces[0]", "team-nowhere", path=True)

    text = refused_twice(fresh_stack, lab)

    assert "namespace team-nowhere does not exist: `kubectl create namespace team-nowhere` makes it" in text


@pytest.fixture(scope="module")
def first(stack: Stack) -> Stack:
    """A stack that is up."""
    stack.up()
    return stack


def test_f10_a_second_stack_of_the_same_names_is_refused(first: Stack, lab: Node, tmp_path: Path) -> None:
    """Even if project and stack are called the same: their states lie in different places."""
    second = Stack.make(lab, tmp_path / "second")
    second.set("port", "5001")

    text = refused_twice(second, lab)

    for place in (
        "Service default/registry",
        "Deployment default/registry",
        "DaemonSet default/registry-trust",
        "Secret default/registry-config",
        "Secret default/registry-tls",
        "Secret default/registry-htpasswd",
        "Secret default/regcred",
        "Pod default/registry-proof-pod",
    ):
        assert text.count(f"{place} belongs to the registry organization/private-registry/dev/registry: ") == 1
    assert "theirs is a stack of the same name with its state elsewhere" in text
    assert first.up("--expect-no-changes").code == 0


def test_n24_a_second_stack_with_the_same_pull_namespaces_leaves_the_firsts_secret(
    first: Stack, lab: Node, tmp_path: Path
) -> None:
    """In a namespace of its own all but the pull secret is free; with another name for it, both are up."""
    lab.kubectl("create", "namespace", "second")
    second = Stack.make(lab, tmp_path / "second")
    try:
        for key, value in (("namespace", "second"), ("port", "5001"), ("hostPath", "/data/second")):
            second.set(key, value)
        before = versions(lab, "secret/regcred")
        text = refused_twice(second, lab)

        assert "Secret default/regcred belongs to the registry organization/private-registry/dev/registry: " in text
        assert "Deployment" not in text
        assert "port" not in text
        assert versions(lab, "secret/regcred") == before
        assert first.up("--expect-no-changes").code == 0
    finally:
        lab.kubectl("delete", "namespace", "second")


def test_n23_one_more_pull_namespace_that_has_a_regcred(first: Stack, lab: Node) -> None:
    """A stack that is up is refused likewise, in preview and `up`; then its own objects are not in the way."""
    lab.kubectl("create", "namespace", "team-b")
    lab.kubectl("create", "secret", "generic", "regcred", "--from-literal=a=b", "--namespace=team-b")
    try:
        with first.settings_kept():
            first.set("pullNamespaces[0]", "default", path=True)
            first.set("pullNamespaces[1]", "team-b", path=True)
            text = refused_twice(first, lab)
            lab.kubectl("delete", "secret/regcred", "--namespace=team-b")
            mended = first.up()

        assert "Secret team-b/regcred was made by kubectl-create: " in text
        assert "default/" not in text
        assert mended.changed == {("created", "registry-pull-secret-team-b")}
        first.up()
    finally:
        lab.kubectl("delete", "namespace", "team-b")

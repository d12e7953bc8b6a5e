"""Which cluster: the same one elsewhere changes nothing, another one at the same place gets everything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.live.harness import Node, Stack
from tests.live.observation import is_proven

KINDS = "deployments,daemonsets,services,secrets,pods"
ADMIN = "/etc/kubernetes/admin.conf"
SOMEONE = "system:serviceaccount:default:someone"
OURS = "app.kubernetes.io/part-of=private-registry"


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """A stack that is up."""
    stack.up()
    return stack


def uids(node: Node) -> dict[str, str]:
    """What the stack has in the cluster: kind and name to uid."""
    items = node.get(KINDS, "--selector", OURS)["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["uid"] for item in items}


def other_kubeconfig(stack: Stack, *, server: str, token: str, name: str = "elsewhere") -> Path:
    """Write a kubeconfig for the same cluster: another URL, another context, another account."""
    config = json.loads(stack.node.run(["cat", ADMIN]).stdout)
    config["clusters"][0] |= {"name": name}
    config["clusters"][0]["cluster"]["server"] = server
    config["users"][0]["name"] = name
    config["users"][0]["user"] = {"token": token}
    config["contexts"] = [{"name": name, "context": {"cluster": name, "user": name}}]
    config["current-context"] = name
    file = stack.folder / f"{name}.conf"
    file.write_text(json.dumps(config))
    return file


@pytest.fixture
def token(deployed: Stack) -> Iterator[str]:
    """A token of another account that may do everything."""
    node = deployed.node
    node.kubectl("create", "serviceaccount", "someone")
    node.kubectl("create", "clusterrolebinding", "someone", "--clusterrole=cluster-admin", "--user=" + SOMEONE)
    yield node.kubectl("create", "token", "someone").strip()
    node.kubectl("delete", "serviceaccount/someone", "clusterrolebinding/someone")


@pytest.fixture
def away(deployed: Stack) -> Iterator[Stack]:
    """That stack, for a test that leads it elsewhere by KUBECONFIG, which is put back."""
    yield deployed
    deployed.environment.pop("KUBECONFIG", None)
    deployed.up()


def test_f1_the_same_cluster_by_another_url_changes_nothing(away: Stack, token: str) -> None:
    """Neither URL nor context nor account is the cluster: every object stays the one it was."""
    before = uids(away.node)
    file = other_kubeconfig(away, server="https://127.0.0.1:6443", token=token)
    away.environment["KUBECONFIG"] = str(file)

    update = away.up()

    # The provider alone takes the new kubeconfig.
    assert update.changed <= {("updated", "cluster")}
    assert uids(away.node) == before
    assert away.preview("--expect-no-changes").code == 0


RUNNER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "runner"},
    "spec": {
        "serviceAccountName": "runner",
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "sleep", "image": "registry:3.1.2", "command": ["sleep", "3600"]}],
    },
}
IN_POD = """
mkdir -p /run/secrets/kubernetes.io/serviceaccount
mount --bind /var/lib/kubelet/pods/$1/volumes/kubernetes.io~projected/kube-api-access-* \\
  /run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"""
"""Runs a command where a Pod's service account is mounted, as in the Pod itself."""


@pytest.fixture
def runner(deployed: Stack) -> Iterator[Mapping[str, str]]:
    """A Pod whose account may do everything: its uid, and the variables that Kubernetes gives it."""
    node = deployed.node
    node.kubectl("create", "serviceaccount", "runner")
    bind = ["create", "clusterrolebinding", "runner", "--clusterrole=cluster-admin"]
    node.kubectl(*bind, "--serviceaccount=default:runner")
    node.kubectl("apply", "-f", "-", stdin=json.dumps(RUNNER))
    node.wait_for("jsonpath={.status.phase}=Running", "pod/runner")
    lines = node.kubectl("exec", "runner", "--", "env").splitlines()
    given = dict(line.split("=", 1) for line in lines if line.startswith("KUBERNETES_SERVICE_"))
    yield given | {"uid": node.get("pod/runner")["metadata"]["uid"]}
    node.kubectl("delete", "pod/runner", "serviceaccount/runner", "clusterrolebinding/runner")


def test_n17_in_a_pod_its_service_account_is_used(deployed: Stack, runner: Mapping[str, str]) -> None:
    """With the files and variables that the kubelet gives a Pod, and no kubeconfig: the same cluster."""
    before = uids(deployed.node)
    account = dict(runner)
    words = ["unshare", "--mount", "sh", "-ec", IN_POD, "pod", account.pop("uid")]
    words += ["pulumi", "up", "--yes", "--skip-preview", "--stack", deployed.name]
    variables = deployed.environment | account | {"KUBECONFIG": "", "HOME": str(deployed.folder / "nobody")}
    update = deployed.node.run(words, cwd=deployed.folder, env=variables, check=False)

    assert update.returncode == 0, update.stdout + update.stderr
    assert uids(deployed.node) == before
    exported = deployed.pulumi("stack", "export", "--stack", deployed.name).output
    assert '"kubernetes-admin"' not in exported
    # The kubeconfig of the node's administrator is put back.
    assert deployed.up().changed <= {("updated", "cluster")}


def test_f1b_a_cluster_made_anew_at_the_same_place_gets_everything(deployed: Stack) -> None:
    """Same URL, same CA, the old credentials still work: preview shows it, and one `up` brings all of it up."""
    before = uids(deployed.node)
    deployed.node.lab_command("restart", "--anew")
    assert uids(deployed.node) == {}

    preview = deployed.preview()
    update = deployed.up()

    replaced = {name for operation, name in update.changed if operation == "replaced"}
    assert re.search(r"\+-\d+ to replace\n", preview.output), preview.output
    assert {"registry", "registry-service", "registry-trust-daemon", "registry-pull-secret-default"} <= replaced
    after = uids(deployed.node)
    assert {name.partition("/")[0] for name in after} == {name.partition("/")[0] for name in before}
    assert set(after.values()).isdisjoint(before.values())
    assert is_proven(deployed)
    assert deployed.preview("--expect-no-changes").code == 0

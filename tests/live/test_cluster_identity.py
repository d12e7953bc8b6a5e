"""Which cluster: the same one elsewhere changes nothing, another one at the same place gets everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import ADDRESS, Node, Stack, Update

KINDS = "deployments,daemonsets,services,secrets,pods"
ADMIN = "/etc/kubernetes/admin.conf"
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


def other_kubeconfig(stack: Stack, *, server: str, token: str = "", name: str = "elsewhere") -> Path:
    """Write a kubeconfig for the same cluster: another URL, another context and, with a token, another account."""
    config = json.loads(stack.node.run(["cat", ADMIN]).stdout)
    config["clusters"][0] |= {"name": name}
    config["clusters"][0]["cluster"]["server"] = server
    config["users"][0]["name"] = name
    if token:
        config["users"][0]["user"] = {"token": token}
    config["contexts"] = [{"name": name, "context": {"cluster": name, "user": name}}]
    config["current-context"] = name
    file = stack.folder / f"{name}.conf"
    file.write_text(json.dumps(config))
    return file


def token_of_an_administrator(node: Node) -> str:
    """Make an account that may do everything, and give a token of it."""
    node.kubectl("create", "serviceaccount", "someone", "--namespace=kube-system")
    bind = ["create", "clusterrolebinding", "someone", "--clusterrole=cluster-admin"]
    node.kubectl(*bind, "--serviceaccount=kube-system:someone")
    return node.kubectl("create", "token", "someone", "--namespace=kube-system").strip()


@pytest.fixture
def away(deployed: Stack) -> Iterator[Stack]:
    """That stack, for a test that leads it elsewhere by KUBECONFIG, which is put back."""
    yield deployed
    deployed.environment.pop("KUBECONFIG", None)


@pytest.mark.parametrize("account", ["same", "another"])
def test_f1_the_same_cluster_by_another_url_changes_nothing(away: Stack, account: str) -> None:
    """Neither URL nor context nor account is the cluster: every object stays the one it was."""
    before = uids(away.node)
    token = token_of_an_administrator(away.node) if account == "another" else ""
    file = other_kubeconfig(away, server="https://127.0.0.1:6443", token=token)
    away.environment["KUBECONFIG"] = str(file)

    update = away.up()

    # The provider alone takes the new kubeconfig.
    assert update.changed <= {("updated", "cluster")}
    assert uids(away.node) == before
    assert away.preview("--expect-no-changes").code == 0


def test_f1b_a_cluster_made_anew_at_the_same_place_gets_everything(deployed: Stack) -> None:
    """Same URL, same CA, the old credentials still work: preview shows it, and one `up` brings all of it up."""
    before = uids(deployed.node)
    deployed.node.lab_command("restart", "--anew")
    assert uids(deployed.node) == {}

    preview = deployed.preview()
    update = deployed.up()

    replaced = {name for operation, name in update.changed if operation == "replaced"}
    assert "9 to replace" in preview.output, preview.output
    assert {"registry", "registry-service", "registry-trust-daemon", "registry-pull-secret-default"} <= replaced
    after = uids(deployed.node)
    assert {name.partition("/")[0] for name in after} == {name.partition("/")[0] for name in before}
    assert set(after.values()).isdisjoint(before.values())
    image = deployed.outputs()["image"]
    digest = image.rpartition("@")[2]
    assert image.startswith(ADDRESS)
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    stored = deployed.node.registry(
        f"/v2/alpine_test/manifests/{digest}", headers=[f"{key}: {value}" for key, value in accept.items()]
    )
    assert stored.status == 200
    assert deployed.preview("--expect-no-changes").code == 0


def diagnostics(update: Update) -> str:
    """What a command says below its list of resources."""
    return update.output.partition("Diagnostics:")[2]

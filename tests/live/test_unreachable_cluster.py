"""A cluster that gives no answer: what preview, `up` and `destroy` say of it, and do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.harness import FAILS_WITHIN, Stack, Update

ADMIN = "/etc/kubernetes/admin.conf"
NOT_CHECKED = "nothing was checked against the cluster"
CANARY = "canary-Lw4x8Tn1"
CI = ("CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID")


@pytest.fixture(scope="module")
def first_try(stack: Stack) -> Update:
    """The first `up` of a stack, by a kubeconfig that leads to a port where nothing listens."""
    # These tests may themselves be run by a CI system, where a preview without a cluster fails.
    stack.environment |= dict.fromkeys(CI, "")
    kubeconfig = stack.environment.get("KUBECONFIG", ADMIN)
    lead(stack, cluster={"server": "https://192.168.99.100:6999"})
    failed = stack.up(check=False)
    stack.environment["KUBECONFIG"] = kubeconfig
    return failed


@pytest.fixture(scope="module")
def deployed(stack: Stack, first_try: Update) -> Stack:
    """That stack, brought up by a second one."""
    assert first_try.code != 0
    stack.up()
    return stack


@pytest.fixture
def away(deployed: Stack) -> Iterator[Stack]:
    """That stack, for a test that changes its environment, which is put back."""
    before = dict(deployed.environment)
    yield deployed
    deployed.environment.clear()
    deployed.environment.update(before)


@pytest.fixture
def stopped(deployed: Stack) -> Iterator[Stack]:
    """That stack, while its API server is down."""
    deployed.node.lab_command("service", "apiserver", "stop")
    yield deployed
    start_api_server(deployed)


def start_api_server(stack: Stack) -> None:
    """Let it run again, and wait until it and the node are ready."""
    stack.node.lab_command("service", "apiserver", "start")
    stack.node.run(["sh", "-c", "until kubectl get --raw /readyz; do sleep 0.2; done"])
    # The kubelet tries again in growing intervals.
    stack.node.wait_for("condition=Ready", "node/minikube", seconds=240)


def lead(stack: Stack, **changes: Any) -> None:  # noqa: ANN401 - parts of a kubeconfig
    """Lead the stack by a kubeconfig of the node's administrator, of which the cluster or user is changed."""
    config = json.loads(stack.node.run(["cat", ADMIN]).stdout)
    config["clusters"][0]["cluster"] |= changes.get("cluster", {})
    config["users"][0]["user"] = changes.get("user", config["users"][0]["user"])
    file = stack.folder / "other.conf"
    file.write_text(json.dumps(config))
    stack.environment["KUBECONFIG"] = str(file)


def said(update: Update) -> str:
    """All that a command printed, on one line."""
    return " ".join(update.output.split())


def is_local_and_says_so(preview: Update, reason: str) -> bool:
    """Whether a preview ended well, shows no change, and says once that it is the state's alone, and why."""
    assert preview.code == 0, preview.output
    assert preview.output.partition("Diagnostics:")[2].count("warning:") == 1, preview.output
    return NOT_CHECKED in preview.output and reason in said(preview) and "to replace" not in preview.output


def test_n02_a_stopped_api_server(stopped: Stack) -> None:
    """Preview says what it did not check; `up` and `destroy` fail and forget nothing, and a later `up` goes on."""
    refused = "The connection to the server 192.168.99.100:6443 was refused"
    where = f'the cluster https://192.168.99.100:6443 (context "minikube" of KUBECONFIG ({ADMIN})) gives no answer'

    assert is_local_and_says_so(stopped.preview(), f"{where}: {refused}")
    stopped.set("users.second", "canary-Pa55", secret=True, path=True)
    up, destroyed = stopped.up(check=False), stopped.destroy(check=False)
    start_api_server(stopped)
    resumed = stopped.up()

    assert up.code != 0
    assert up.seconds < FAILS_WITHIN
    assert f"{where}: {refused}" in said(up)
    assert "Traceback" not in up.output
    assert destroyed.code != 0
    assert "unreachable" in destroyed.output
    assert {name for operation, name in resumed.changed if operation == "created"} == set()
    assert ("updated", "registry-htpasswd") in resumed.changed
    assert stopped.node.registry("/v2/", account=("second", "canary-Pa55")).status == 200


def test_n02_a_preview_in_ci_fails(away: Stack) -> None:
    """A green check for a preview of nothing would be believed."""
    lead(away, cluster={"server": "https://192.168.99.100:6999"})
    away.environment["CI"] = "true"
    preview = away.preview(check=False)

    assert preview.code != 0
    assert "a preview in CI must reach the cluster" in said(preview)


def test_n02_a_port_where_nothing_listens(first_try: Update, away: Stack) -> None:
    """As the port of a minikube that was restarted. A first `up` fails at once, and leaves nothing behind."""
    refused = "The connection to the server 192.168.99.100:6999 was refused"
    lead(away, cluster={"server": "https://192.168.99.100:6999"})

    assert is_local_and_says_so(away.preview(), refused)
    assert refused in said(first_try)
    assert first_try.seconds < FAILS_WITHIN
    assert "kubernetes:" not in first_try.output


def test_n02_a_name_that_leads_nowhere(away: Stack) -> None:
    """As that of a cluster that was deleted."""
    lead(away, cluster={"server": "https://cluster.invalid:6443"})

    preview = away.preview()

    # What kubectl says depends on whether the node's resolver answers at all.
    words = ("lookup cluster.invalid", "The connection to the server cluster.invalid:6443 was refused")
    assert any(is_local_and_says_so(preview, reason) for reason in words), preview.output


def test_n02_another_servers_certificate(away: Stack) -> None:
    """As after kind has made the cluster anew, with another CA."""
    config = json.loads(away.node.run(["cat", ADMIN]).stdout)
    lead(away, cluster={"certificate-authority-data": config["users"][0]["user"]["client-certificate-data"]})

    assert is_local_and_says_so(away.preview(), "x509: certificate signed by unknown authority")


def test_n02_refused_credentials(away: Stack) -> None:
    """They are named as what is wrong, and not shown."""
    lead(away, user={"token": CANARY})
    preview, up = away.preview(), away.up(check=False)

    assert is_local_and_says_so(preview, "refuses the credentials")
    assert up.code != 0
    assert "refuses the credentials" in said(up)
    assert CANARY not in preview.output + up.output


def test_n02_an_account_without_rights(away: Stack) -> None:
    """`up` prints the commands that give it the one it needs to know the cluster; they end, and do."""
    node = away.node
    node.kubectl("create", "serviceaccount", "without-rights")
    token = node.kubectl("create", "token", "without-rights").strip()
    lead(away, user={"token": token})
    up = away.up(check=False)

    assert up.code != 0
    words = said(up)
    assert 'User "system:serviceaccount:default:without-rights" cannot get resource "namespaces"' in words
    assert token not in up.output
    commands = words.partition("as an administrator, ")[2].split("`")[1::2][:2]
    for command in commands:
        node.run(["sh", "-c", command])
    name = ["kubectl", f"--token={token}", "get", "namespace", "kube-system", "--output=name"]
    config = ["--kubeconfig=/dev/null", "--server=https://127.0.0.1:6443", "--insecure-skip-tls-verify"]
    assert node.run([*name, *config]).stdout == "namespace/kube-system\n"
    node.kubectl("delete", "clusterrole,clusterrolebinding", "private-registry-cluster-identity")
    node.kubectl("delete", "serviceaccount", "without-rights")


def test_f16_a_proxy_on_the_way_is_named(away: Stack) -> None:
    """It is the proxy that refuses, and kubectl names the server."""
    away.environment |= {"HTTPS_PROXY": f"http://me:{CANARY}@127.0.0.1:3128", "NO_PROXY": "", "no_proxy": ""}
    preview = away.preview()

    assert is_local_and_says_so(preview, "gives no answer (through the proxy of HTTPS_PROXY)")
    assert CANARY not in preview.output

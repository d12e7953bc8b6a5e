"""What a cluster is known by, and what is said when it does not tell."""

from __future__ import annotations

import pytest

from components.cluster.identity import explained, identifier, is_ci
from components.cluster.kubeconfig import Kubeconfig
from components.cluster.kubectl import NO_CREDENTIALS, KubectlError, KubectlMissingError

URL = "https://10.0.0.5:6443"
CANARY = "canary-of-the-proxy"


def kubeconfig(server: str = URL, *, has_proxy: bool = False) -> Kubeconfig:
    """Make one as it is resolved."""
    return Kubeconfig("{}", server, "dev", "KUBECONFIG (/home/me/config)", has_proxy)


def test_f1_the_first_cluster_keeps_its_name_wherever_it_moves() -> None:
    """Stacks of earlier versions are known by their URL; nothing of theirs is replaced for another kind of name."""
    first = {"uid": "one", "server": URL}

    assert identifier(first, "one") == URL


def test_f1b_any_other_cluster_is_known_by_its_uid() -> None:
    """Also when it stands where the first one stood."""
    first = {"uid": "one", "server": URL}

    assert {identifier(first, uid) for uid in ("two", "three")} == {"two", "three"}


@pytest.mark.parametrize(
    ("environment", "result"),
    [
        ({"CI": "true"}, True),
        ({"CI": "1"}, True),
        ({"CI": "woodpecker"}, True),
        ({"TF_BUILD": "True"}, True),
        ({"JENKINS_URL": "https://ci.test"}, True),
        ({"CI": "false", "CODEBUILD_BUILD_ID": "x:1"}, True),
        ({"CI": "false"}, False),
        ({"CI": "0"}, False),
        ({"CI": ""}, False),
        ({}, False),
    ],
)
def test_n02_ci_is_known_by_its_variables(environment: dict[str, str], *, result: bool) -> None:
    """Each system sets one of its own, most of them CI."""
    assert is_ci(environment) is result


def test_n02_no_answer_names_server_context_and_source() -> None:
    """And kubectl's own reason."""
    assert explained(kubeconfig(), KubectlError("dial tcp: lookup x: no such host"), {}) == (
        'the cluster https://10.0.0.5:6443 (context "dev" of KUBECONFIG (/home/me/config)) gives no answer: '
        "dial tcp: lookup x: no such host; fix: start the cluster, or name the right one by "
        "private-registry:kubeconfig and kubeContext"
    )


def test_f16_a_proxy_on_the_way_is_named_and_not_shown() -> None:
    """Then kubectl blames the server when the proxy refuses. The proxy's URL may hold a password."""
    environment = {"HTTPS_PROXY": f"http://me:{CANARY}@proxy.test:3128"}
    text = explained(kubeconfig(), KubectlError("The connection to the server was refused"), environment)

    assert "gives no answer (through the proxy of HTTPS_PROXY): The connection" in text
    assert text.endswith(", or correct that proxy, or except the server in NO_PROXY")
    assert CANARY not in text


def test_f16_the_kubeconfigs_own_proxy_counts_first() -> None:
    """Clients read no variable then."""
    text = explained(kubeconfig(has_proxy=True), KubectlError("refused"), {"HTTPS_PROXY": "http://proxy.test:3128"})

    assert "(through the kubeconfig's proxy-url)" in text
    assert "HTTPS_PROXY" not in text


def test_a_proxy_that_is_not_on_the_way_is_not_blamed() -> None:
    """Loopback goes straight."""
    text = explained(
        kubeconfig("https://127.0.0.1:6443"), KubectlError("refused"), {"HTTPS_PROXY": "http://p.test"}
    )

    assert "roxy" not in text


def test_a_password_in_the_servers_url_is_not_shown() -> None:
    """Some put one there."""
    text = explained(kubeconfig(f"https://me:{CANARY}@10.0.0.5:6443"), KubectlError("refused"), {})

    assert "the cluster https://10.0.0.5:6443 (" in text
    assert CANARY not in text


@pytest.mark.parametrize(
    "words",
    [
        "You must be logged in to the server (Unauthorized)",
        'Error from server (Forbidden): namespaces "kube-system" is forbidden: User "system:anonymous" cannot get',
        NO_CREDENTIALS,
    ],
)
def test_n02_refused_credentials_are_named_as_such(words: str) -> None:
    """The cluster is there: nobody should look for it, and nobody may give everyone a right."""
    text = explained(kubeconfig(), KubectlError(words), {})

    assert f"refuses the credentials: {words}; fix: renew them" in text
    assert "start the cluster" not in text
    assert "clusterrole" not in text


@pytest.mark.parametrize("user", ["jane", "system:serviceaccount:ci:pulumi", "o'neill"])
def test_n02_an_account_without_the_right_gets_the_commands_that_grant_it(user: str) -> None:
    """The smallest right that will do, for the account that asked."""
    words = (
        f'Error from server (Forbidden): namespaces "kube-system" is forbidden: User "{user}" cannot get resource '
        '"namespaces" in API group "" in the namespace "kube-system"'
    )
    quoted = {"o'neill": "'o'\"'\"'neill'"}.get(user, user)

    assert explained(kubeconfig(), KubectlError(words), {}).endswith(
        "fix: as an administrator, `kubectl create clusterrole private-registry-cluster-identity --verb=get "
        "--resource=namespaces --resource-name=kube-system` and `kubectl create clusterrolebinding "
        f"private-registry-cluster-identity --clusterrole=private-registry-cluster-identity --user={quoted}`"
    )


def test_a_missing_kubectl_is_named() -> None:
    """It is no fault of the cluster's."""
    text = explained(kubeconfig(), KubectlMissingError(), {})

    assert text.startswith("kubectl must be on PATH")
    assert URL not in text

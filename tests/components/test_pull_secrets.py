"""The pull secret of each namespace."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from components.access.pull_secrets import UntilKnown
from components.cluster.kubectl import KubectlError
from components.problems import SettingsError
from tests.components.declaration import DEPLOYMENT, PASSWORD, SECRET, declared
from tests.components.recorder import Secret

PREFIX = "registry-pull-secret-"


def made(**values: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - any setting
    """Give the inputs of all pull secrets by namespace."""
    return {
        name.removeprefix(PREFIX): item.inputs
        for name, item in declared(**values).all(SECRET).items()
        if name.startswith(PREFIX)
    }


def entries(inputs: dict[str, Any]) -> dict[str, Any]:
    """Read the addresses' entries, which have to be secret to Pulumi."""
    data = inputs["stringData"]
    assert isinstance(data, Secret)
    assert list(data.value) == [".dockerconfigjson"]
    document = json.loads(data.value[".dockerconfigjson"])
    assert list(document) == ["auths"]
    auths: dict[str, Any] = document["auths"]
    return auths


def test_each_namespace_gets_one_of_the_exact_name_and_type() -> None:
    """C11: people's manifests say the name, and the old `dockercfg` type has another form."""
    secrets = made(pull_namespaces=("default", "team-a"), pull_secret_name="pulls")

    metadata = {namespace: inputs["metadata"] for namespace, inputs in secrets.items()}
    assert {namespace: (item["namespace"], item["name"]) for namespace, item in metadata.items()} == {
        "default": ("default", "pulls"),
        "team-a": ("team-a", "pulls"),
    }
    assert {inputs["type"] for inputs in secrets.values()} == {"kubernetes.io/dockerconfigjson"}


def test_each_address_has_an_entry() -> None:
    """C08: as images spell it, with the port, for nodes and for the Docker Engine."""
    [inputs] = made(host="10.0.0.5", push_host="push.example.test", port=5443).values()

    assert entries(inputs).keys() == {"10.0.0.5:5443", "push.example.test:5443"}


def test_c11_content_has_one_layer_of_base64() -> None:
    """Kubernetes adds its own: what we say in clear is JSON, and only `auth` in it is encoded."""
    [inputs] = made().values()

    assert "data" not in inputs
    for entry in entries(inputs).values():
        assert (entry["username"], entry["password"]) == ("registry", PASSWORD)
        assert base64.b64decode(entry["auth"]).decode() == f"registry:{PASSWORD}"


def test_none_has_an_account_before_the_registry_knows_it() -> None:
    """Nodes read it at each pull, also while the registry's Pods are being replaced."""
    recorder = declared(pull_namespaces=("default", "team-a"))

    for namespace in ("default", "team-a"):
        secret = recorder.one(SECRET, f"{PREFIX}{namespace}")
        assert recorder.one(DEPLOYMENT).urn in secret.request.dependencies


SEVERAL: dict[str, Any] = {"storage": "s3", "s3_bucket": "images", "exposure": "loadBalancer", "replicas": 2}


def test_where_pods_overlap_another_account_is_waited_with() -> None:
    """A Pod that does not know it yet serves on beside those that do."""
    alone, beside = (
        declared(**values).one(SECRET, f"{PREFIX}default").request.hooks.before_update for values in ({}, SEVERAL)
    )

    assert list(alone) == []
    assert list(beside) == ["registry-pull-account"]


def updated(before: dict[str, str], account: str) -> str:
    """What is said before three pull secrets with these annotations are updated, and then have that account."""
    said: list[str] = []
    new = {"metadata": {"annotations": {"private-registry/account": account}}}
    args = pulumi.ResourceHookArgs("", "", "", "", new, {"metadata": {"annotations": before}})

    async def of_all(namespaces: int) -> None:
        known = UntilKnown(0)
        await asyncio.gather(*(known.wait(args) for _ in range(namespaces)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi.log, "info", said.append)
        asyncio.run(of_all(3))
    return "".join(said)


def test_another_account_is_told_of() -> None:
    """As what takes so long, and once for all of them, since it is one wait."""
    assert updated({"private-registry/account": "old"}, "new") == (
        "the pull secret gets account new in place of old: waiting 0 s, until each Pod of the registry that may be "
        "asked knows it"
    )


@pytest.mark.parametrize("before", [{"private-registry/account": "same"}, {}])
def test_the_same_account_is_not_waited_for(before: dict[str, str]) -> None:
    """Another password of it would only be refused for longer; nor one of a version that did not say which."""
    assert updated(before, "same") == ""


def test_further_accounts_stay_out() -> None:
    """Pods pull as the one account of `username`."""
    [inputs] = made(users={"alice": "alice's password"}).values()

    assert "alice" not in json.dumps(entries(inputs))


class Cluster:
    """Answers for namespaces that a selector finds, and for their ServiceAccounts."""

    def __init__(self, namespaces: list[dict[str, Any]], accounts: list[dict[str, Any]] | None = None) -> None:
        self.answers = {"namespaces": namespaces, "serviceaccounts": accounts or []}

    def __call__(self, words: Sequence[str]) -> str:
        """Answer as kubectl does."""
        if words[1] == "--raw":
            return json.dumps({"spec": {}})
        return json.dumps({"items": self.answers.get(words[1], [])})


class Silent:
    """A cluster that does not allow such questions."""

    def __call__(self, words: Sequence[str]) -> str:
        """Answer as kubectl does."""
        if words[1] in {"namespaces", "serviceaccounts"}:
            raise KubectlError("(Forbidden): namespaces is forbidden")
        return Cluster([])(words)


def named(name: str, **metadata: str) -> dict[str, Any]:
    """Give a namespace as the cluster tells of it."""
    return {"metadata": {"name": name, **metadata}}


def account(namespace: str, *listed: str) -> dict[str, Any]:
    """Give a namespace's ServiceAccount `default`, with pull secrets."""
    secrets = [{"name": name} for name in listed]
    return {"metadata": {"name": "default", "namespace": namespace}, "imagePullSecrets": secrets}


def test_namespaces_that_a_selector_finds_get_one_too() -> None:
    """Each once, after those that are named, and none that is being deleted."""
    cluster = Cluster([named("team-b"), named("default"), named("gone", deletionTimestamp="now"), named("team-a")])

    assert list(made(pull_namespace_selector="a=b", ask=cluster)) == ["default", "team-a", "team-b"]


@pytest.mark.parametrize(
    ("ask", "rule"),
    [
        (None, "must not be set where the cluster is not asked, or does not answer"),
        (Silent(), "must be a label selector that the cluster answers: (Forbidden): namespaces is forbidden"),
    ],
)
def test_without_an_answer_no_namespace_loses_its_secret(ask: Any, rule: str) -> None:  # noqa: ANN401 - kinds of Ask
    """Those of before would."""
    with pytest.raises(SettingsError) as refused:
        made(pull_namespace_selector="a=b", ask=ask)

    assert refused.value.problems == (
        (
            f"private-registry:pullNamespaceSelector {rule}; fix: let this account list namespaces, "
            "`pulumi config set pullNamespaceSelector <selector>`, or `pulumi config rm pullNamespaceSelector`"
        ),
    )


def test_service_accounts_get_it_into_their_list_once_it_is_there() -> None:
    """In each namespace; they stay those of others, without a mark of ours."""
    recorder = declared(pull_namespaces=("default", "team-a"), pull_service_accounts=("default", "builder"))
    patches = recorder.all("kubernetes:core/v1:ServiceAccountPatch")
    [first, *_] = patches.values()

    assert list(patches) == [
        f"registry-pull-{namespace}-{name}"
        for namespace in ("default", "team-a")
        for name in ("default", "builder")
    ]
    assert first.inputs["metadata"] == {"name": "default", "namespace": "default"}
    assert first.inputs["imagePullSecrets"] == [{"name": "regcred"}]
    assert recorder.one(SECRET, "registry-pull-secret-default").urn in recorder.awaited(first)


@pytest.mark.parametrize(
    ("accounts", "problem"),
    [
        (
            [],
            (
                'must be in each namespace, got "default", which default lack; fix: `kubectl create serviceaccount '
                "default` in each of them, or `pulumi config rm --path 'pullServiceAccounts[0]'`"
            ),
        ),
        (
            [account("default", "theirs")],
            (
                "must have no pull secrets of others, and default/default has theirs; fix: have its owner add "
                "regcred, and `pulumi config rm --path 'pullServiceAccounts[0]'`"
            ),
        ),
    ],
)
def test_a_service_account_that_cannot_be_changed_is_refused(accounts: list[dict[str, Any]], problem: str) -> None:
    """Before anything is made."""
    with pytest.raises(SettingsError) as refused:
        declared(pull_service_accounts=("default",), ask=Cluster([], accounts))

    assert refused.value.problems == (f"private-registry:pullServiceAccounts[0] {problem}",)


@pytest.mark.parametrize(
    "ask", [Cluster([], [account("default")]), Cluster([], [account("default", "regcred", "theirs")]), Silent()]
)
def test_a_service_account_that_has_it_is_no_problem(ask: Any) -> None:  # noqa: ANN401 - kinds of Ask
    """Nor is one that cannot be looked at: the API server then decides."""
    assert declared(pull_service_accounts=("default",), ask=ask).all("kubernetes:core/v1:ServiceAccountPatch")


def test_the_default_account_of_a_namespace_that_the_stack_makes_need_not_be_there() -> None:
    """Kubernetes makes it in each new namespace; no other one."""
    values: dict[str, Any] = {"namespace": "own", "create_namespace": True, "pull_namespaces": ("own",)}

    declared(**values, pull_service_accounts=("default",), ask=Cluster([], []))
    with pytest.raises(SettingsError, match='must be in each namespace, got "builder", which own lack; fix: '):
        declared(**values, pull_service_accounts=("builder",), ask=Cluster([], []))

"""Any way of naming a cluster gives the same bytes, and each fault has a name."""

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cluster import kubeconfig, service_account
from components.cluster.kubeconfig import KubeconfigError

CANARY = "canary-token"


def config(name: str = "one", *, cluster: dict[str, Any] | None = None, user: Any = None) -> dict[str, Any]:  # noqa: ANN401
    """Make a kubeconfig with one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": f"{name}-c", "user": f"{name}-u"}}],
        "clusters": [
            {"name": f"{name}-c", "cluster": {"server": f"https://{name}.test:6443"} | (cluster or {})},
        ],
        "users": [{"name": f"{name}-u", "user": {"token": CANARY} if user is None else user}],
    }


def write(file: Path, document: dict[str, Any]) -> str:
    """Write a kubeconfig in the usual block form."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


def resolved(text: str, context: str = "", **environment: str) -> dict[str, Any]:
    """Resolve and read back."""
    document = json.loads(kubeconfig.resolve(text, context, environment).content)
    assert isinstance(document, dict)
    return document


def body(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """Take the one cluster or user that a reduced kubeconfig holds."""
    [item] = document[kind]
    found = item[kind.removesuffix("s")]
    assert isinstance(found, dict)
    return found


def test_c30_path_home_content_and_environment_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way of naming one cluster, so that moving between them is no change."""
    file = tmp_path / ".kube" / "config"
    path = write(file, config())
    monkeypatch.chdir(tmp_path)
    home = {"HOME": str(tmp_path)}
    ways = [
        (path, "", {}),
        ("~/.kube/config", "", home),
        (".kube/config", "", {}),
        (file.read_text(), "", {}),
        (json.dumps(config()), "one", {}),
        ("", "", {"KUBECONFIG": path}),
        ("", "one", {"KUBECONFIG": f"{tmp_path}/missing{os.pathsep}{os.pathsep}{path}"}),
        ("", "", home),
        ("", "", home | {"KUBECONFIG": ""}),
    ]

    results = [kubeconfig.resolve(text, context, environment) for text, context, environment in ways]

    assert [result.content for result in results] == [results[0].content] * len(ways)
    assert results[0].server == "https://one.test:6443"


def test_order_of_fields_makes_no_difference() -> None:
    """Tools write the same credentials in their own order."""
    user = {"username": "me", "password": CANARY}
    first, second = (
        kubeconfig.resolve(json.dumps(config(user=fields)), "", {}).content
        for fields in (user, dict(reversed(user.items())))
    )

    assert first == second


def test_c30_setting_wins_over_the_environment(tmp_path: Path) -> None:
    """As `--kubeconfig` does with kubectl."""
    one, two = write(tmp_path / "1", config("one")), write(tmp_path / "2", config("two"))

    assert resolved(one, KUBECONFIG=two)["current-context"] == "one"


def test_credentials_stay_out_of_the_repr() -> None:
    """A dataclass in a traceback or a log shows all that it does not hide."""
    assert CANARY not in repr(kubeconfig.resolve(json.dumps(config()), "", {}))


def test_reduces_to_the_chosen_context(tmp_path: Path) -> None:
    """Credentials of other clusters do not travel into this stack's state."""
    paths = [write(tmp_path / name, config(name)) for name in ("one", "two")]
    document = resolved("", "two", KUBECONFIG=os.pathsep.join(paths))

    assert document == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "two",
        "contexts": [{"name": "two", "context": {"cluster": "two-c", "user": "two-u"}}],
        "clusters": [{"name": "two-c", "cluster": {"server": "https://two.test:6443"}}],
        "users": [{"name": "two-u", "user": {"token": CANARY}}],
    }


def test_first_file_wins_for_entries_and_current_context(tmp_path: Path) -> None:
    """As kubectl merges the files of KUBECONFIG."""
    first = config("one") | {"current-context": ""}
    second = config("one", cluster={"server": "https://other.test"})
    third = config("three")
    paths = [write(tmp_path / str(n), document) for n, document in enumerate((first, second, third))]
    result = kubeconfig.resolve("", "", {"KUBECONFIG": os.pathsep.join(paths)})

    assert json.loads(result.content)["current-context"] == "one"
    assert result.server == "https://one.test:6443"


def test_first_of_two_entries_in_one_file_wins() -> None:
    """A name given twice must not depend on the reader."""
    document = config()
    document["clusters"].append({"name": "one-c", "cluster": {"server": "https://second.test"}})

    assert kubeconfig.resolve(json.dumps(document), "", {}).server == "https://one.test:6443"


def test_certificate_files_are_inlined_from_the_folder_of_their_kubeconfig(tmp_path: Path) -> None:
    """The result works wherever it is read, and changes when the certificate does."""
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_bytes(name.encode() + b"\xff")
    user = {"client-certificate": "crt", "client-key": str(tmp_path / "key")}
    document = resolved(write(tmp_path / "config", config(cluster={"certificate-authority": "./ca"}, user=user)))

    cluster, user = body(document, "clusters"), body(document, "users")
    assert set(cluster) == {"server", "certificate-authority-data"}
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"ca\xff"
    assert {name: base64.b64decode(data) for name, data in user.items()} == {
        "client-certificate-data": b"crt\xff",
        "client-key-data": b"key\xff",
    }


def test_inline_data_wins_over_a_file(tmp_path: Path) -> None:
    """As in every client; the file need not even exist."""
    cluster = {"certificate-authority": "missing", "certificate-authority-data": "ZGF0YQ=="}
    document = resolved(write(tmp_path / "config", config(cluster=cluster)))

    assert body(document, "clusters") == {
        "server": "https://one.test:6443",
        "certificate-authority-data": "ZGF0YQ==",
    }


def test_other_paths_become_absolute(tmp_path: Path) -> None:
    """The provider runs in another folder; a token file is re-read and so cannot be inlined."""
    user = {"tokenFile": "token", "exec": {"command": "../bin/login", "args": ["-x"]}}
    document = resolved(write(tmp_path / "kube" / "config", config(user=user)))

    assert body(document, "users") == {
        "tokenFile": str(tmp_path / "kube" / "token"),
        "exec": {"command": str(tmp_path / "bin" / "login"), "args": ["-x"]},
    }


def test_commands_on_the_path_stay() -> None:
    """`aws` is looked up where the program runs."""
    user = {"exec": {"command": "aws", "args": ["eks"]}}

    assert body(resolved(json.dumps(config(user=user))), "users") == user


def test_notes_of_tools_are_dropped_and_exec_settings_kept() -> None:
    """Minikube writes a new time at each start, which must not look like another cluster."""
    kept = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    document = config(cluster={"extensions": [{"name": "cluster_info", "extension": {"last-update": "now"}}, kept]})
    document["contexts"][0]["context"]["extensions"] = [{"name": "context_info"}]
    reduced = resolved(json.dumps(document))

    assert body(reduced, "clusters")["extensions"] == [kept]
    assert "extensions" not in reduced["contexts"][0]["context"]


def test_a_context_may_have_no_user() -> None:
    """A proxied cluster asks for none."""
    document = config()
    del document["contexts"][0]["context"]["user"]

    assert resolved(json.dumps(document)).get("users", []) == []


def test_dates_do_not_stop_the_reader() -> None:
    """YAML makes a date of what a kubeconfig means as text."""
    text = yaml.safe_dump(config()).replace(CANARY, "2026-01-02")

    assert body(resolved(text), "users") == {"token": "2026-01-02"}


@pytest.mark.parametrize(
    ("text", "content"),
    [("a: b\n", True), ('{"a": 1}', True), (" {}", True), ("~/.kube/config", False), ("", False)],
)
def test_tells_content_from_a_path(text: str, *, content: bool) -> None:
    """Settings demand encryption for content only."""
    assert kubeconfig.is_content(text) is content


def refusal(text: str, context: str = "", **environment: str) -> str:
    """Resolve what cannot be resolved; the message never holds what a file held."""
    with pytest.raises(KubeconfigError) as refused:
        kubeconfig.resolve(text, context, environment)

    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return str(refused.value)


def test_c30_names_a_missing_file(tmp_path: Path) -> None:
    """Not just an unreachable cluster, minutes later."""
    file = tmp_path / "missing"

    assert refusal(str(file)) == (
        f"private-registry:kubeconfig ({file}): the file cannot be read: No such file or directory"
    )


def test_names_a_folder_given_as_file(tmp_path: Path) -> None:
    """`~/.kube` is soon typed for `~/.kube/config`."""
    assert refusal(str(tmp_path)).endswith(f"({tmp_path}): the file cannot be read: Is a directory")


def test_names_a_file_that_is_not_text(tmp_path: Path) -> None:
    """A certificate given in place of a kubeconfig."""
    (tmp_path / "der").write_bytes(b"\xff\xfe")

    assert refusal(str(tmp_path / "der")).endswith("/der): the file is not text in UTF-8")


def test_c30_names_kubeconfig_variable_without_a_file() -> None:
    """The variable is at fault, not the setting."""
    assert refusal("", KUBECONFIG="/missing/a:/missing/b") == (
        'KUBECONFIG names no file that exists, got "/missing/a:/missing/b"; '
        "correct it or set private-registry:kubeconfig"
    )


def test_c30_asks_for_a_setting_where_nothing_names_a_cluster(tmp_path: Path) -> None:
    """All three places are named."""
    assert refusal("", HOME=str(tmp_path)) == (
        "private-registry:kubeconfig must be set: KUBECONFIG is not set either and "
        f"{tmp_path}/.kube/config does not exist; fix: `pulumi config set private-registry:kubeconfig <path>`"
    )


def test_c30_names_a_missing_context_and_those_that_exist(tmp_path: Path) -> None:
    """The right name is most often among them."""
    paths = [write(tmp_path / name, config(name)) for name in ("two", "one")]

    assert refusal("", "three", KUBECONFIG=os.pathsep.join(paths)) == (
        f"private-registry:kubeContext must name a context of KUBECONFIG ({paths[0]}), "
        f"KUBECONFIG ({paths[1]}); contexts there: one, two"
    )


@pytest.mark.parametrize(
    ("document", "known"), [(config() | {"current-context": ""}, "one"), ({"kind": "Config"}, "none")]
)
def test_c30_asks_for_a_context_where_none_is_current(document: dict[str, Any], known: str) -> None:
    """Kubectl would talk to localhost:8080 here."""
    assert refusal(json.dumps(document)) == (
        "private-registry:kubeContext must be set: no current-context in private-registry:kubeconfig; "
        f"contexts there: {known}"
    )


def test_an_empty_file_has_no_contexts(tmp_path: Path) -> None:
    """An empty file is an empty kubeconfig."""
    (tmp_path / "empty").touch()

    assert refusal(str(tmp_path / "empty")).endswith("contexts there: none")


@pytest.mark.parametrize("kind", ["clusters", "users"])
def test_names_what_a_context_refers_to_in_vain(kind: str) -> None:
    """A half-deleted entry is a common leftover."""
    singular = kind.removesuffix("s")

    assert refusal(json.dumps(config() | {kind: []})) == (
        f'private-registry:kubeconfig: context "one" needs {singular} "one-{singular[0]}", which is missing'
    )


def test_names_a_context_without_a_cluster() -> None:
    """Its cluster is the empty name."""
    document = config()
    document["contexts"][0]["context"] = None

    assert refusal(json.dumps(document)).endswith('context "one" needs cluster "", which is missing')


def test_names_a_cluster_without_a_server() -> None:
    """A client would try localhost."""
    assert refusal(json.dumps(config(cluster={"server": ""}))) == (
        'private-registry:kubeconfig: the cluster of context "one" has no server'
    )


@pytest.mark.parametrize("text", [f"token: {CANARY}\n\tx: [", f"{{{CANARY}", f"a: b\n- {CANARY}\n"])
def test_names_the_line_that_is_not_yaml_but_not_what_it_says(text: str) -> None:
    """The parser's own message quotes the line, which may be a key."""
    assert re.fullmatch(r"private-registry:kubeconfig: not YAML or JSON at line \d", refusal(text))


@pytest.mark.parametrize(
    "text",
    [
        f"- {CANARY}\n",
        '{"contexts": [1]}',
        '{"contexts": [{"name": 1}]}',
        '{"clusters": [{"name": "a", "cluster": "canary-token"}]}',
    ],
)
def test_names_yaml_that_is_no_kubeconfig(text: str) -> None:
    """Right syntax, wrong file."""
    assert refusal(text).startswith("private-registry:kubeconfig: not a kubeconfig")


def test_content_cannot_refer_to_relative_files() -> None:
    """There is no folder to start from; the command that makes it whole is named."""
    assert refusal(json.dumps(config(cluster={"certificate-authority": "ca.crt"}))) == (
        'private-registry:kubeconfig: certificate-authority is the relative path "ca.crt", and content has no '
        "folder to start from; fix: give the output of `kubectl config view --raw --flatten`"
    )


def test_names_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    """With the field and the whole path."""
    path = write(tmp_path / "config", config(cluster={"certificate-authority": "ca.crt"}))

    assert refusal(path) == (
        f'private-registry:kubeconfig ({path}): certificate-authority "{tmp_path}/ca.crt" cannot be read: '
        "No such file or directory"
    )


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mount a Pod's service account, as the kubelet does."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text(CANARY)
    (folder / "ca.crt").write_text("the CA")
    monkeypatch.setattr(service_account, "FOLDER", folder)
    return folder


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.96.0.1", "https://10.96.0.1:443"),
        ("fd00::1", "https://[fd00::1]:443"),
        ("api.test", "https://api.test:443"),
    ],
)
def test_n17_a_pod_without_a_kubeconfig_uses_its_service_account(
    mounted: Path, tmp_path: Path, host: str, server: str
) -> None:
    """The CA is inside; the token stays in its file, since the kubelet writes a new one every hour."""
    environment = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    found = kubeconfig.resolve("", "", environment)
    document = json.loads(found.content)

    assert found.server == server
    assert body(document, "clusters") == {
        "server": server,
        "certificate-authority-data": base64.b64encode(b"the CA").decode(),
    }
    assert body(document, "users") == {"tokenFile": str(mounted / "token")}
    assert CANARY not in found.content


def test_n17_a_kubeconfig_counts_before_the_service_account(mounted: Path, tmp_path: Path) -> None:
    """As with kubectl: who gives one means it."""
    assert mounted.exists()
    environment = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    file = write(tmp_path / "mine", config())
    at_home = environment | {"HOME": str(tmp_path / "home")}
    write(tmp_path / "home/.kube/config", config())

    assert kubeconfig.resolve(file, "", environment).server == "https://one.test:6443"
    assert kubeconfig.resolve("", "", environment | {"KUBECONFIG": file}).server == "https://one.test:6443"
    assert kubeconfig.resolve("", "", at_home).server == "https://one.test:6443"


def test_n17_a_pod_without_a_mounted_account_is_told_so(mounted: Path, tmp_path: Path) -> None:
    """`automountServiceAccountToken: false` leaves it out."""
    (mounted / "token").unlink()
    environment = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    with pytest.raises(KubeconfigError) as refused:
        kubeconfig.resolve("", "", environment)

    assert str(refused.value) == (
        f"private-registry:kubeconfig must be set: KUBECONFIG is not set either and {tmp_path}/.kube/config "
        f"does not exist, nor does {mounted}/token (this Pod has no service account mounted); "
        "fix: `pulumi config set private-registry:kubeconfig <path>`"
    )


def test_n17_another_context_than_the_accounts_is_refused(mounted: Path, tmp_path: Path) -> None:
    """A service account has no other."""
    environment = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    with pytest.raises(KubeconfigError) as refused:
        kubeconfig.resolve("", "prod", environment)

    assert str(refused.value) == (
        f"private-registry:kubeContext must name a context of the Pod's service account ({mounted}); "
        "contexts there: in-cluster"
    )


def test_n17_elsewhere_a_service_account_is_not_looked_for(mounted: Path, tmp_path: Path) -> None:
    """Outside a Pod the message says nothing of it."""
    assert mounted.exists()
    with pytest.raises(KubeconfigError) as refused:
        kubeconfig.resolve("", "", {"HOME": str(tmp_path)})

    assert "service account" not in str(refused.value)

"""A stack's configuration: how each kind of value is read, and what only a stack's file can get wrong."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.config import CONFIG

from components import stack_configuration
from components.problems import SettingsError
from components.settings import Access, HostFolder, HostPort, Provided, Settings
from tests.authority import Authority

PASSWORD = "canary-canary"
NEEDED = {"host": "10.0.0.5", "node": "minikube", "password": PASSWORD}
Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Read settings from a stack's configuration: keys as Pulumi passes them, all values text."""
    monkeypatch.delenv("PULUMI_CONFIG", raising=False)

    def read(
        values: dict[str, str] | None = None,
        *,
        secret: tuple[str, ...] = ("password", "users"),
        **needed: str,
    ) -> Settings:
        config = {key: value for key, value in {**NEEDED, **(values or {}), **needed}.items() if value != "unset"}
        pulumi.runtime.set_all_config(
            {key if ":" in key else f"private-registry:{key}": value for key, value in config.items()},
            [f"private-registry:{key}" for key in secret],
        )
        settings, _ = stack_configuration.load(pulumi.Config("private-registry"))
        return settings

    yield read
    pulumi.runtime.set_all_config({}, [])


def test_a_stack_needs_host_node_and_password_only(load: Load) -> None:
    """All else has a default, and both ways of making settings agree on it."""
    assert load() == Settings(
        exposure=HostPort(host="10.0.0.5"), storage=HostFolder(node="minikube"), access=Access(password=PASSWORD)
    )


def test_the_word_for_a_generated_password_is_no_secret(load: Load) -> None:
    """Other settings have it too, and their messages stay whole."""
    with pytest.raises(SettingsError, match='tls must be generated, provided, issued or off, got "x"'):
        load({"tls": "x"}, password="generated")


def test_every_kind_of_value_is_read(load: Load) -> None:
    """Pulumi passes numbers, booleans, lists and objects as JSON text."""
    settings = load(
        {
            "port": "5443",
            "deleteEnabled": "true",
            "pullNamespaces": '["a", "b"]',
            "proofNodes": '["node-1"]',
            "users": json.dumps({"alice": PASSWORD}),
            "pushHost": "127.0.0.1",
        }
    )

    assert settings.exposure == HostPort(host="10.0.0.5", port=5443, push_host="127.0.0.1")
    assert settings.server.delete_enabled is True
    assert settings.access.pull_namespaces == ("a", "b")
    assert settings.proof.proof_nodes == ("node-1",)
    assert settings.access.users == {"alice": PASSWORD}


def test_c48_false_is_off(load: Load) -> None:
    """To Python, the text `false` is true."""
    assert load({"deleteEnabled": "false"}).server.delete_enabled is False


@pytest.mark.parametrize("password", ["0123456", "1e5", "true", "null", '{"a": 1}', " x "])
def test_c48_passwords_stay_as_typed(load: Load, password: str) -> None:
    """What looks like a number or JSON is text all the same."""
    assert load(password=password, development="true").access.password == password


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("port", "abc", 'must be an integer, got "abc"'),
        ("port", "5000.5", "must be an integer, got 5000.5"),
        ("port", "true", "must be an integer, got true"),
        ("deleteEnabled", "True", 'must be true or false, got "True"'),
        ("deleteEnabled", "1", "must be true or false, got 1"),
        ("pullNamespaces", "default", 'must be a list of strings, got "default"'),
        ("pullNamespaces", '["a", 1]', 'must be a list of strings, got ["a", 1]'),
        ("users", "canary", "must be an object of names and passwords, got str"),
        ("users", '["canary"]', "must be an object of names and passwords, got list"),
    ],
)
def test_c48_wrong_types_are_refused_by_name(load: Load, key: str, value: str, message: str) -> None:
    """Where no Pulumi checks them first; a secret's value is not shown."""
    with pytest.raises(SettingsError) as refused:
        load({key: value})

    assert refused.value.problems == (f"private-registry:{key} {message}; fix: see {key} in docs/settings.md",)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("pasword", "password"),
        ("push_host", "pushHost"),
        ("pushhost", "pushHost"),
        ("namespaces", "namespace"),
    ],
)
def test_misspelt_keys_are_refused_with_the_nearest_right_one(load: Load, wrong: str, right: str) -> None:
    """Pulumi ignores unknown keys, and a default would be used in silence."""
    with pytest.raises(SettingsError) as refused:
        load({wrong: PASSWORD})

    [problem] = refused.value.problems
    assert problem == (
        f"private-registry:{wrong} is not a setting; did you mean {right}? "
        f"fix: `pulumi config rm {wrong}`, then set the right one"
    )
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        (
            "users.alice",
            "`pulumi config rm users.alice`, then `pulumi config set --secret --path 'users[\"alice\"]'`",
        ),
        (
            "users.j.doe",
            "`pulumi config rm users.j.doe`, then `pulumi config set --secret --path 'users[\"j.doe\"]'`",
        ),
        (
            'users["j.doe"]',
            "`pulumi config rm 'users[\"j.doe\"]'`, then `pulumi config set --secret --path 'users[\"j.doe\"]'`",
        ),
        ("rights.ci", "`pulumi config rm rights.ci`, then `pulumi config set --path 'rights[\"ci\"]' <value>`"),
        (
            "exposureAnnotations.x",
            (
                "`pulumi config rm exposureAnnotations.x`, then `pulumi config set --path "
                "'exposureAnnotations[\"x\"]' <value>`"
            ),
        ),
        (
            "pullNamespaces[1]",
            "`pulumi config rm 'pullNamespaces[1]'`, then `pulumi config set --path 'pullNamespaces[1]' <value>`",
        ),
    ],
)
def test_n19_an_item_that_was_set_without_path_is_named_with_the_right_command(
    load: Load, key: str, fix: str
) -> None:
    """Pulumi takes the whole text as one key."""
    with pytest.raises(SettingsError) as refused:
        load({key: PASSWORD})

    owner = key.partition(".")[0].partition("[")[0]
    assert refused.value.problems == (
        f"private-registry:{key} is not a setting: an item of {owner} is set with --path; fix: {fix}",
    )


@pytest.mark.parametrize(
    ("users", "name", "meant"),
    [
        ({"j": {"doe": PASSWORD}}, "j", "j.doe"),
        ({"a": {"b": {"c": PASSWORD}}}, "a", "a.b.c"),
        ({"alice": {"password": PASSWORD}}, "alice", "alice"),
    ],
)
def test_n19_an_account_below_another_is_advised_under_its_whole_name(
    load: Load, users: dict[str, object], name: str, meant: str
) -> None:
    """In a path, a dot that is not quoted begins another level; and an object is no password."""
    with pytest.raises(SettingsError) as refused:
        load({"users": json.dumps(users)})

    [problem] = refused.value.problems
    assert problem.startswith(f'private-registry:users["{name}"] must be a string, got dict; fix: ')
    assert problem.endswith(f"`pulumi config set --secret --path 'users[\"{meant}\"]'`")


def test_unknown_keys_without_a_likeness_are_refused(load: Load) -> None:
    """There the list of all settings helps."""
    with pytest.raises(SettingsError, match=r"xyzzy is not a setting; docs/settings\.md lists all"):
        load({"xyzzy": "1"})


def test_misspelt_keys_are_found_in_the_environment_of_the_language_host(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host passes the stack's keys there too."""
    config = {f"private-registry:{key}": value for key, value in NEEDED.items()} | {"private-registry:nod": "x"}
    load()
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(config))
    CONFIG.set({})

    with pytest.raises(SettingsError, match=r"did you mean node\?"):
        stack_configuration.load(pulumi.Config("private-registry"))


def test_keys_of_other_namespaces_are_left_alone(load: Load) -> None:
    """Providers and Pulumi have settings of their own."""
    assert load({"aws:region": "x", "pulumi:tags": "{}", "private-registry2:x": "y"}).exposure.host == "10.0.0.5"


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("password", PASSWORD, "`pulumi config set --secret password`"),
        (
            "users",
            '{"al": "canary-canary"}',
            "`pulumi config rm users`, then `pulumi config set --secret --path 'users[\"<name>\"]'` for each",
        ),
        (
            "kubeconfig",
            '{"a": "canary"}',
            "`pulumi config set --secret kubeconfig`, or give the path of the file",
        ),
        (
            "tlsKey",
            "-----BEGIN PRIVATE KEY-----\ncanary",
            "`pulumi config set --secret tlsKey < key.pem`, or give the path of the file",
        ),
    ],
)
def test_c47_secrets_in_clear_text_are_refused(load: Load, key: str, value: str, fix: str) -> None:
    """They would stand in the stack's file, in state and in previews."""
    with pytest.raises(SettingsError) as refused:
        load(
            {"tls": "provided" if key == "tlsKey" else "generated", key: value},
            secret=tuple({"password", "users", "kubeconfig"} - {key}),
        )

    [problem] = [line for line in refused.value.problems if "encrypted" in line]
    assert problem == (
        f"private-registry:{key} must be encrypted, but stands in clear text in the stack's file; fix: {fix}"
    )
    assert "canary" not in str(refused.value)


def test_no_users_and_a_path_of_a_kubeconfig_need_no_encryption(load: Load, tmp_path: Path) -> None:
    """Pulumi's own default for users is not secret."""
    assert load({"users": "{}", "kubeconfig": str(tmp_path)}, secret=("password",)).access.users == {}


def test_a_missing_password_is_refused(load: Load) -> None:
    """Where no Pulumi asks for it first."""
    with pytest.raises(SettingsError) as refused:
        load(password="unset")

    assert refused.value.problems == (
        "private-registry:password must not be empty; fix: `pulumi config set --secret password`",
    )


def test_all_problems_are_reported_at_once(load: Load) -> None:
    """One run, one list: misspelt keys, secrets in clear and broken rules."""
    with pytest.raises(SettingsError) as refused:
        load({"prt": "1", "port": "0", "replicas": "2"}, secret=(), host="unset")

    assert [line.split()[0].removeprefix("private-registry:") for line in refused.value.problems] == [
        "prt",
        "password",
        "port",
        "host",
        "replicas",
    ]
    assert str(refused.value).count("\n") == len(refused.value.problems)


def test_key_as_a_path_needs_no_encryption(load: Load, tmp_path: Path) -> None:
    """The file is not in the stack's file."""
    pair = Authority().issue("10.0.0.5")
    (tmp_path / "tls.key").write_text(pair.key)
    values = {"tls": "provided", "tlsCertificate": pair.certificate, "tlsKey": str(tmp_path / "tls.key")}

    assert load(values).tls == Provided(tls_certificate=pair.certificate, tls_key=str(tmp_path / "tls.key"))


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("kubernetes:context", "`pulumi config set private-registry:kubeContext <context>`"),
        ("kubernetes:kubeconfig", "`pulumi config set --secret private-registry:kubeconfig <kubeconfig>`"),
        ("kubernetes:namespace", "`pulumi config set private-registry:namespace <namespace>`"),
        ("docker:host", "`pulumi config set private-registry:dockerHost <host>`"),
    ],
)
def test_n18_keys_of_default_providers_are_refused_with_ours(load: Load, key: str, fix: str) -> None:
    """Pulumi would leave them unread: the program's providers are its own. A value may be a kubeconfig."""
    with pytest.raises(SettingsError) as refused:
        load({key: PASSWORD})

    [problem] = refused.value.problems
    assert problem.startswith(f"{key} must not be set: it has no effect")
    assert problem.endswith(f"fix: `pulumi config rm {key}`, then {fix}")
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("kubernetes:enableServerSideApply", "kubeconfig and kubeContext"),
        ("kubernetes:deleteUnreachable", "kubeconfig and kubeContext"),
        ("docker:registryAuth", "dockerHost"),
        ("docker:certPath", "dockerHost"),
    ],
)
def test_n18_keys_without_one_of_ours_are_refused_too(load: Load, key: str, ours: str) -> None:
    """They have no more effect than the others, and there is nothing to set in their place."""
    with pytest.raises(SettingsError) as refused:
        load({key: PASSWORD})

    [problem] = refused.value.problems
    assert problem == (
        f"{key} must not be set: it has no effect, since private-registry makes a provider of its own from {ours}; "
        f"fix: `pulumi config rm {key}`"
    )

"""Settings: defaults, what each key refuses, and how a stack is read."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime.config import CONFIG

from components.references import Address, ImageName
from components.settings import Settings, SettingsError, key_of

PASSWORD = "canary-canary"
NEEDED = {"host": "10.0.0.5", "node": "minikube", "password": PASSWORD}
Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Read settings from a stack's configuration: keys as the engine passes them, all values text."""
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
        return Settings.load(pulumi.Config("private-registry"))

    yield read
    pulumi.runtime.set_all_config({}, [])


def made(**values: Any) -> Settings:  # noqa: ANN401 - wrong types are among the cases
    """Make settings as another program does."""
    return Settings(**{**NEEDED, **values})


def problems(**values: Any) -> tuple[str, ...]:  # noqa: ANN401 - wrong types are among the cases
    """Give the lines of what is refused."""
    with pytest.raises(SettingsError) as refused:
        made(**values)

    assert "canary" not in str(refused.value)
    return refused.value.problems


def test_a_stack_needs_host_node_and_password_only(load: Load) -> None:
    """All else has a default, and both ways of making settings agree on it."""
    assert load() == Settings(host="10.0.0.5", node="minikube", password=PASSWORD)


def test_every_kind_of_value_is_read(load: Load) -> None:
    """The engine passes numbers, booleans, lists and objects as JSON text."""
    settings = load(
        {
            "port": "5443",
            "deleteEnabled": "true",
            "pullNamespaces": '["a", "b"]',
            "users": json.dumps({"alice": PASSWORD}),
            "pushHost": "127.0.0.1",
        }
    )

    assert settings.port == 5443
    assert settings.delete_enabled is True
    assert settings.pull_namespaces == ("a", "b")
    assert settings.accounts == {"registry": PASSWORD, "alice": PASSWORD}
    assert settings.push_host == "127.0.0.1"


def test_c48_false_is_off(load: Load) -> None:
    """To Python, the text `false` is true."""
    assert load({"deleteEnabled": "false"}).delete_enabled is False


@pytest.mark.parametrize("password", ["0123456", "1e5", "true", "null", '{"a": 1}', " x "])
def test_c48_passwords_stay_as_typed(load: Load, password: str) -> None:
    """What looks like a number or JSON is text all the same."""
    assert load(password=password, development="true").password == password


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
    """Where no engine checks them first; a secret's value is not shown."""
    with pytest.raises(SettingsError) as refused:
        load({key: value})

    assert refused.value.problems == (f"private-registry:{key} {message}; fix: see {key} in docs/settings.md",)


def test_an_output_is_no_string() -> None:
    """`config.require_secret` gives an Output, whose value cannot be checked here."""
    assert problems(password=pulumi.Output) == (
        "private-registry:password must be a string, got type; fix: see password in docs/settings.md",
    )


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
    """The engine ignores unknown keys, and a default would be used in silence."""
    with pytest.raises(SettingsError) as refused:
        load({wrong: PASSWORD})

    [problem] = refused.value.problems
    assert problem == (
        f"private-registry:{wrong} is not a setting; did you mean {right}? "
        f"fix: `pulumi config rm {wrong}`, then set the right one"
    )
    assert PASSWORD not in str(refused.value)


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
        Settings.load(pulumi.Config("private-registry"))


def test_keys_of_other_namespaces_are_left_alone(load: Load) -> None:
    """Providers and Pulumi have settings of their own."""
    assert load({"kubernetes:context": "x", "pulumi:tags": "{}", "private-registry2:x": "y"}).host == "10.0.0.5"


@pytest.mark.parametrize(
    ("key", "value"),
    [("password", PASSWORD), ("users", '{"al": "canary-canary"}'), ("kubeconfig", '{"a": "canary"}')],
)
def test_c47_secrets_in_clear_text_are_refused(load: Load, key: str, value: str) -> None:
    """They would stand in the stack's file, in state and in previews."""
    with pytest.raises(SettingsError) as refused:
        load({key: value}, secret=tuple({"password", "users", "kubeconfig"} - {key}))

    [problem] = refused.value.problems
    assert problem.startswith(
        f"private-registry:{key} must be encrypted, but stands in clear text in the stack's file"
    )
    assert "--secret" in problem
    assert "canary" not in problem


def test_no_users_and_a_path_of_a_kubeconfig_need_no_encryption(load: Load) -> None:
    """The engine's own default for users is not secret."""
    assert load({"users": "{}", "kubeconfig": "~/.kube/config"}, secret=("password",)).users == {}


def test_a_missing_password_is_refused(load: Load) -> None:
    """Where no engine asks for it first."""
    with pytest.raises(
        SettingsError, match="private-registry:password must not be empty; fix: `pulumi config set --s"
    ):
        load(password="unset")


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


def test_the_engine_shows_the_message_without_a_traceback() -> None:
    """The Python host does that for a RunError."""
    assert issubclass(SettingsError, pulumi.RunError)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"port": 65536}, "port must be from 1 to 65535, got 65536; fix: `pulumi config set port 5000`"),
        (
            {"host": ""},
            "host must be set to a host name or IP address; fix: `pulumi config set host <address>` (",
        ),
        (
            {"host": "a.svc"},
            'host must be known outside the cluster, got "a.svc"; nodes and Docker Engines resolve',
        ),
        ({"push_host": "a/b"}, "pushHost must be a host name or IP address without a path"),
        (
            {"namespace": "A"},
            "namespace must be a namespace name (up to 63 lower-case letters, digits, inner hyphens)",
        ),
        ({"image": "registry:2"}, 'image must be registry 3.1.1 or newer, got "registry:2"'),
        ({"node": ""}, "node must be set: images lie on one node's disk"),
        (
            {"host_path": "data"},
            'hostPath must be an absolute path on the node, got "data"; fix: `pulumi config set h',
        ),
        ({"replicas": 2}, "replicas must be 1, got 2: images lie in a folder of one node"),
        (
            {"timeout_seconds": 4},
            "timeoutSeconds must be from 5 to 3600 seconds, got 4; fix: `pulumi config set t",
        ),
        ({"timeout_seconds": 3601}, "timeoutSeconds must be from 5 to 3600 seconds, got 3601"),
        ({"username": "a:b"}, "username must not contain a colon"),
        (
            {"password": "canary"},
            "password must be at least 12 bytes outside development, got 6; fix: `pulumi config s",
        ),
        ({"users": {"a:b": PASSWORD}}, 'users["a:b"] must not contain a colon'),
        (
            {"users": {"registry": PASSWORD}},
            'users["registry"] must not repeat the account of username; fix: `pulumi',
        ),
        (
            {"users": {"al": "canary"}},
            'users["al"] must be at least 12 bytes outside development, got 6; fix: `pulumi',
        ),
        (
            {"users": {"al": 123456}},
            'users["al"] must be a string, got int; fix: `pulumi config set --secret --path',
        ),
        ({"users": {"al": True}}, 'users["al"] must be a string, got bool'),
        ({"pull_secret_name": "A"}, "pullSecretName must be a Kubernetes name"),
        (
            {"pull_namespaces": ()},
            "pullNamespaces must name a namespace, in which the proof Pod runs; fix: `pulumi c",
        ),
        ({"pull_namespaces": ("a", "B")}, "pullNamespaces[1] must be a namespace name"),
        (
            {"pull_namespaces": ("a", "b", "a")},
            'pullNamespaces[2] must name each namespace once, got "a" again',
        ),
        ({"test_image": "MyApp"}, "testImage must have a repository in lower case"),
        ({"test_image": "docker.io/a/b:1"}, "testImage must be repository:tag without a host"),
        (
            {"platform": "amd64"},
            'platform must be os/architecture or os/architecture/variant, got "amd64"; fix: `pulumi',
        ),
        ({"docker_host": "x"}, "dockerHost must begin with unix://"),
    ],
)
def test_a_broken_rule_is_one_line_with_key_rule_and_fix(values: dict[str, Any], line: str) -> None:
    """Each key is checked, and by its own rule."""
    [problem] = problems(**values)

    assert problem.startswith(f"private-registry:{line}")
    assert re.search(r"; fix: .*`pulumi config (set|rm) ", problem)


@pytest.mark.parametrize("seconds", [5, 3600])
def test_accepts_both_ends_of_the_timeout(seconds: int) -> None:
    """The limits themselves are allowed."""
    assert made(timeout_seconds=seconds).timeout_seconds == seconds


def test_overrides_allow_what_they_name() -> None:
    """An old image, and short passwords, each by its own switch."""
    settings = made(
        image="registry:2.8.3", allow_outdated_image=True, password="p", users={"a": "q"}, development=True
    )

    assert settings.accounts == {"registry": "p", "a": "q"}


def test_values_are_kept_in_one_spelling() -> None:
    """Another way to write the same is no change to the cluster."""
    settings = made(
        host="https://Registry.Test:5000/v2/",
        push_host="[::1]",
        host_path="/data/registry/",
        test_image="registry.test:5000/team/app",
    )

    assert settings.address == Address("registry.test", 5000)
    assert settings.push_address == Address("::1", 5000)
    assert settings.host_path == "/data/registry"
    assert settings.proof_image == ImageName("team/app", "latest")


def test_later_changes_to_the_callers_objects_have_no_effect() -> None:
    """What was checked is what is used."""
    users, namespaces = {"al": PASSWORD}, ["a"]
    settings = made(users=users, pull_namespaces=namespaces)
    users["b"] = ""
    namespaces.append("B")

    assert settings.users == {"al": PASSWORD}
    assert settings.pull_namespaces == ("a",)


def test_secrets_stay_out_of_the_repr() -> None:
    """A dataclass in a traceback or a log shows all that it does not hide."""
    shown = repr(made(users={"al": "canary-2-canary"}, kubeconfig='{"token": "canary"}'))

    assert "canary" not in shown
    assert "host='10.0.0.5'" in shown


def test_c14_plain_http_at_other_machines_comes_with_the_settings_it_needs() -> None:
    """The exact lines for containerd, Docker and minikube, with the address filled in."""
    [pull] = made(host="10.0.0.5").warnings

    assert 'server = "http://10.0.0.5:5000"\n  [host."http://10.0.0.5:5000"]\n    capabilities = ["pull", ' in pull
    assert "/etc/containerd/certs.d/10.0.0.5:5000/hosts.toml" in pull
    assert '{"insecure-registries": ["10.0.0.5:5000"]}' in pull
    assert "--insecure-registry=10.0.0.5:5000" in pull


def test_c14_pushing_to_another_machine_needs_the_engines_consent() -> None:
    """Only the engine's own loopback is exempt."""
    [push] = made(host="127.0.0.1", push_host="10.0.0.6").warnings

    assert push.startswith("private-registry:pushHost")
    assert '{"insecure-registries": ["10.0.0.6:5000"]}' in push


def test_c14_loopback_needs_no_warning() -> None:
    """Engines and nodes accept plain HTTP there."""
    assert made(host="localhost", push_host="127.0.0.1").warnings == ()


@pytest.mark.parametrize(
    ("field", "key"),
    [("host", "host"), ("push_host", "pushHost"), ("allow_outdated_image", "allowOutdatedImage")],
)
def test_keys_are_camel_case(field: str, key: str) -> None:
    """As Pulumi's own are."""
    assert key_of(field) == key

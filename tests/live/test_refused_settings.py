"""Settings that cannot work are refused by `pulumi preview`, all at once, before anything is contacted."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.live.harness import Stack, Update

LONG_PASSWORD = "canary" + "\u20ac" * 23  # 75 bytes, 29 characters
TOKEN = "canaryTok7enCanaryTok7enCanaryTok7en"
IN_CLEAR: dict[str, Any] = {
    "host": "http://10.0.0.5/registry",
    "port": 70000,
    "pushHost": "registry.default.svc.cluster.local",
    "namespace": "Not_One",
    "image": "registry:2.8.3",
    "hostPath": "data/registry",
    "replicas": 2,
    "username": "a:b",
    "pullSecretName": "Reg Cred",
    "pullNamespaces": ["default", "Kube_System"],
    "testImage": "MyApp:v1",
    "platform": "amd64",
    "dockerHost": "http://127.0.0.1:2375",
    "timeoutSeconds": 1,
    "pushHots": "canary-Misspelt",
}
"""And no node; the password is too long, and a further account's name a comment."""

REFUSED = [
    ("host must be a host name or IP address without a path", "http://10.0.0.5/registry", "set host <address>"),
    ("port must be from 1 to 65535", "70000", "set port 5000"),
    ("pushHost must be known outside the cluster", "registry.default.svc.cluster.local", "set pushHost localhost"),
    ("namespace must be a namespace name", "Not_One", "set namespace default"),
    ("image must be registry 3.1.1 or newer", "registry:2.8.3", "set image registry:3.1.2"),
    ("node must be set: images lie on one node's disk", "", "set node <name>"),
    ("hostPath must be an absolute path on the node", "data/registry", "set hostPath /data/registry"),
    ("replicas must be 1", "2", "set replicas 1"),
    ("username must not contain a colon", '"a:…"', "set username registry"),
    ("password must be at most 72 bytes of UTF-8", "75", "set --secret password"),
    ('users["#one"] must not begin with #', '"#one"', "delete the account in the stack's file"),
    ("pullSecretName must be a Kubernetes name", "Reg Cred", "set pullSecretName regcred"),
    ("pullNamespaces[1] must be a namespace name", "Kube_System", "set --path 'pullNamespaces[1]' <name>"),
    ("testImage must have a repository in lower case", '"myapp" would do', "set testImage alpine_test:test_1.0"),
    ("platform must be os/architecture", "amd64", "set platform linux/amd64"),
    ("dockerHost must begin with unix://, tcp://", "http://127.0.0.1:2375", "set dockerHost unix:///var/run"),
    ("timeoutSeconds must be from 5 to 3600 seconds", "got 1", "set timeoutSeconds 120"),
    ("pushHots is not a setting", "did you mean pushHost?", "config rm pushHots"),
]
"""What each line begins with after the project's name, the value or what it shows, and its fix."""


@pytest.fixture
def settings(stack: Stack) -> Iterator[Stack]:
    """The dev stack, not up, for a test that changes its settings; they are put back."""
    with stack.settings_kept():
        yield stack


@pytest.fixture(scope="module")
def refused(stack: Stack) -> Update:
    """One preview of a stack in which nearly everything is wrong."""
    with stack.settings_kept():
        configure(stack, {**IN_CLEAR, "node": None})
        stack.set("password", LONG_PASSWORD, secret=True)
        stack.set('users["#one"]', "canary-Second-1", secret=True, path=True)
        return stack.preview(check=False)


def configure(stack: Stack, values: dict[str, Any]) -> None:
    """Write values into the stack's file, as people do too; None removes one."""
    file = stack.file
    document = yaml.safe_load(file.read_text())
    for key, value in values.items():
        document["config"][f"private-registry:{key}"] = value
        if value is None:
            del document["config"][f"private-registry:{key}"]
    file.write_text(yaml.safe_dump(document))


def created(stack: Stack) -> list[Any]:
    """The resources in the stack's state."""
    state = json.loads(stack.pulumi("stack", "export", "--stack", stack.name).output)
    return list(state["deployment"].get("resources", []))


@pytest.mark.parametrize(("rule", "value", "fix"), REFUSED, ids=[rule.split(" ")[0] for rule, _, _ in REFUSED])
def test_each_bad_setting_is_named_with_value_rule_and_fix(
    refused: Update, rule: str, value: str, fix: str
) -> None:
    """A line for each, in one preview; C12 is pushHost, C25 testImage, C38 node and replicas."""
    [line] = {line.strip() for line in refused.output.splitlines() if f"private-registry:{rule}" in line}

    assert value in line
    assert "fix: " in line
    assert fix in line.partition("fix: ")[2]


def test_a_refusal_is_a_message_and_changes_nothing(refused: Update, stack: Stack) -> None:
    """No traceback, no secret, nothing in the state, and no line but those that are tested here."""
    lines = {line.strip() for line in refused.output.splitlines() if line.strip().startswith("private-registry:")}

    assert refused.code != 0
    assert "The settings cannot work:" in refused.output
    assert "Traceback" not in refused.output
    assert "canary" not in refused.output
    assert len({line for line in lines if "fix: " in line}) == len(REFUSED)
    assert created(stack) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": "five"}, "configuration key 'port' must be of type 'integer'"),
        ({"deleteEnabled": "perhaps"}, "configuration key 'deleteEnabled' must be of type 'boolean'"),
        ({"pullNamespaces": "default"}, "configuration key 'pullNamespaces' must be of type 'array<string>'"),
        ({"users": ["canary"]}, "configuration key 'users' must be of type 'object'"),
        ({"password": None}, "is missing configuration value 'password'"),
        ({"password": "canary-Clear-1"}, "configuration key 'password' must be encrypted as it's secret"),
    ],
    ids=["integer", "boolean", "array", "object", "missing", "in-clear"],
)
def test_what_the_engine_checks_is_refused_by_key_and_rule(
    settings: Stack, values: dict[str, Any], message: str
) -> None:
    """Types, a missing password and one in clear text: by `Pulumi.yaml`, before the program starts."""
    configure(settings, values)
    preview = settings.preview(check=False)

    assert preview.code != 0
    assert message in preview.output
    assert "canary" not in preview.output


def test_an_account_in_clear_text_is_refused_and_not_repeated(settings: Stack) -> None:
    """Pulumi does not look into objects; the program does."""
    configure(settings, {"users": {"second": "canary-Second-1"}})
    preview = settings.preview(check=False)

    assert preview.code != 0
    assert "private-registry:users must be encrypted, but stands in clear text" in preview.output
    assert "`pulumi config set --secret --path 'users[\"<name>\"]'`" in preview.output
    assert "canary" not in preview.output


@pytest.mark.parametrize(
    ("password", "rule"),
    [("", "must not be empty"), ("short-one", "must be at least 12 bytes outside development")],
)
def test_an_empty_and_a_short_password_are_refused(settings: Stack, password: str, rule: str) -> None:
    """Outside development a password has to be strong, as its hash is cheap."""
    configure(settings, {"development": None})
    settings.set("password", password, secret=True)
    preview = settings.preview(check=False)

    assert preview.code != 0
    assert f"private-registry:password {rule}" in preview.output
    assert "fix: `pulumi config set --secret password`" in preview.output


PEM = f"-----BEGIN PRIVATE KEY-----\n{TOKEN}\n"
FORMS = {
    "kubeconfig on one line": ("kubeconfig", f"apiVersion: v1 users: - user: token: {TOKEN}"),
    "kubeconfig in base64": ("kubeconfig", base64.b64encode(f"apiVersion: v1 # {TOKEN}".encode() * 9).decode()),
    "key in base64": ("tlsKey", base64.b64encode(PEM.encode() * 9).decode()),
    "account and password": ("username", f"ci:{TOKEN}"),
    "key as the name of a Secret": ("tlsSecret", PEM),
    "password as an address": ("host", f"{TOKEN}!"),
}
"""Key and value by what went wrong; all are set with `--secret`."""


@pytest.mark.parametrize("form", FORMS)
def test_n01_f20_no_piece_of_a_secret_is_in_what_pulumi_prints(settings: Stack, form: str) -> None:
    """Pulumi masks a whole value; a message with a piece of it would get through."""
    key, value = FORMS[form]
    if key in {"tlsKey", "tlsSecret"}:
        configure(settings, {"tls": "provided"})
    settings.set(key, value, secret=True)
    preview = settings.preview(check=False)

    assert preview.code != 0
    assert f"private-registry:{key} must " in preview.output
    assert [start for start in range(0, len(value) - 12, 5) if value[start : start + 12] in preview.output] == []
    assert "Traceback" not in preview.output


@pytest.mark.parametrize(
    ("name", "typed"),
    [("alice", ["users.alice"]), ("j.doe", ["--path", "users.j.doe"])],
    ids=["no --path", "a dot in the name"],
)
def test_n19_the_advice_makes_the_account_that_was_meant(settings: Stack, name: str, typed: list[str]) -> None:
    """The two printed commands, typed as they are, leave that account and no other."""
    password = "canary-Account-1"
    words = ["config", "set", "--secret", *typed, "--stack", settings.name]
    settings.pulumi(*words, stdin=password)
    output = settings.preview(check=False).output
    remove, create = re.findall(r"`(pulumi config [^`]+)`", output.partition("private-registry:users")[2])[:2]
    for command, text in ((remove, ""), (create, password)):
        settings.pulumi(*shlex.split(command)[1:], "--stack", settings.name, stdin=text)
    shown = settings.pulumi("config", "get", "users", "--stack", settings.name).output

    assert settings.preview().code == 0
    assert json.loads(shown) == {name: password}


def test_c25_a_repository_meets_the_registrys_address_and_nothing_else(settings: Stack) -> None:
    """A name without a tag gets one, and the registry's own address in front is recognised."""
    configure(settings, {"host": "10.0.0.5", "port": 5000, "testImage": "10.0.0.5:5000/test"})
    preview = settings.preview()

    assert 'push   : "docker push localhost:5000/test:latest"' in preview.output
    assert 'address        : "10.0.0.5:5000"' in preview.output


def test_c25_another_registrys_image_name_is_refused(settings: Stack) -> None:
    """It would be pushed to somebody else."""
    configure(settings, {"testImage": "docker.io/library/test:1"})
    preview = settings.preview(check=False)

    assert preview.code != 0
    assert 'private-registry:testImage must be repository:tag without a host, got "docker.io/' in preview.output

"""Where secrets may not be: canaries are looked for, in every form, wherever the product leaves a trace."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest

from lab.images import NGINX
from tests.authority import Authority, key_pem
from tests.live.canaries import Canary, Hunt, files, key_canaries
from tests.live.harness import Node, Stack
from tests.live.sampler import PLANTED, sampled


def _password(name: str) -> Canary:
    core = secrets.token_hex(10)
    return Canary(name, f'é"\\<&%+ /{core}', core)


@dataclass
class Story:
    """What a stack's life left behind: two passwords, two private keys, two `up`s and the previews before them."""

    hunt: Hunt
    prints: dict[str, bytes] = field(default_factory=dict)
    """Both streams of each command."""
    processes: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Arguments and variables of each process seen on the node."""


@pytest.fixture(scope="module")
def samples(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file that gets a line for each process seen."""
    with sampled(lab, tmp_path_factory.mktemp("sampler")) as file:
        yield file


@pytest.fixture(scope="module")
def story(lab: Node, stack: Stack, samples: Path) -> Story:
    """Deploy with one password, then with another, with all logs on and all processes watched."""
    old, new, alice = _password("old password"), _password("new password"), _password("password of alice")
    canaries = [old, new, alice]
    prints = {}
    # Not --logflow: with it the Kubernetes provider itself logs the values that it is given.
    loud = ("--logtostderr", "-v=9")
    stack.set("users.alice", alice.text, secret=True, path=True)
    # With all that reads accounts or shows what happens.
    stack.set("doorImage", NGINX)
    stack.set("rights.alice", "pull *", path=True)
    stack.set("metrics", "true")
    stack.set("proofMinutes", "1")
    for time, password in (("first", old), ("second", new)):
        stack.set("password", password.text, secret=True)
        prints[f"{time} preview"] = stack.preview("--diff", *loud).output.encode()
        prints[f"{time} up"] = stack.up("--diff", *loud).output.encode()
        canaries += _secrets_of(lab, stack, time)
    lab.run(["sh", "-c", "sleep 1; :", PLANTED])
    for words in (
        ("stack", "output", "--json"),
        ("stack", "export"),
        ("stack", "--show-urns"),
        ("config",),
        ("stack", "history"),
        ("refresh", "--yes", "--diff", *loud),
    ):
        prints[" ".join(words)] = stack.pulumi(*words, "--stack", stack.name).output.encode()
    (samples.parent / "stop").touch()  # looking at processes all the time takes a core
    decoded = (map(base64.b64decode, json.loads(line)) for line in samples.read_text().splitlines())
    processes = [(arguments, variables) for arguments, variables in decoded]
    return Story(Hunt(*canaries), prints, processes)


def _secrets_of(lab: Node, stack: Stack, time: str) -> list[Canary]:
    """What the program made out of the passwords and its seed, read from where it belongs."""
    found = []
    for secret in _product_secrets(lab):
        for key, encoded in secret["data"].items():
            text = base64.b64decode(encoded).decode()
            if key == "htpasswd":
                lines = [line.rpartition("$") for line in text.splitlines()]
                found += [Canary(f"bcrypt of {line.split(':')[0]}, {time}", digest) for line, _, digest in lines]
            elif key == "config.yml":
                found.append(Canary("HTTP secret", json.loads(text)["http"]["secret"]))
            elif key == ".dockerconfigjson":
                found.append(Canary(f"dockerconfigjson, {time}", text))
                found.append(Canary(f"auth, {time}", next(iter(json.loads(text)["auths"].values()))["auth"]))
    export = json.loads(stack.pulumi("stack", "export", "--show-secrets", "--stack", stack.name).output)
    kept = {
        resource["urn"].rpartition("::")[2]: _opened(resource["outputs"]["output"])
        for resource in export["deployment"]["resources"]
        if resource["type"] == "pulumi:index:Stash"
    }
    public = {"registry-renewals-since", "registry-owner", "first-cluster"}
    stashed = {"registry-seed", "registry-ca-1", "registry-certificate", "registry-pull-password"}
    assert kept.keys() - public == stashed
    found.append(Canary("password of pull", kept["registry-pull-password"]))
    found.append(Canary("seed", kept["registry-seed"]))
    found += key_canaries("the CA's key", kept["registry-ca-1"]["key"])
    found += key_canaries("the server's key", kept["registry-certificate"]["key"])
    return found


def _opened(value: Any) -> Any:  # noqa: ANN401 - any value
    """A value of the state out of the wrapping that says it is secret."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value


def _product_secrets(lab: Node) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = lab.get("secrets", "--namespace=default", "--show-managed-fields")["items"]
    return items


def _objects(lab: Node) -> list[dict[str, Any]]:
    """Every object of the cluster of every kind, managed fields included."""
    kinds = lab.kubectl("api-resources", "--verbs=list", "--output=name").split()
    items: list[dict[str, Any]] = lab.get(",".join(kinds), "--all-namespaces", "--show-managed-fields")["items"]
    return items


def _name(item: dict[str, Any]) -> str:
    return f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def test_the_searcher_finds_what_is_planted(lab: Node, tmp_path: Path) -> None:
    """The same search finds a canary in a file, a compressed layer, an object, and a process, in each form."""
    planted = _password("planted")
    hunt = Hunt(planted, _password("elsewhere"))
    raw = planted.text.encode()
    script = 'printf %s "$0" | gzip >layer.gz; tar cf image.tar layer.gz'
    lab.run(["sh", "-c", script, planted.text], cwd=tmp_path)
    for form, data in {
        "json": json.dumps({"password": planted.text}).encode(),
        "json in json": json.dumps(json.dumps(planted.text)).encode(),
        **{f"base64 after {n}": base64.b64encode(b"x" * n + raw + b"yy") for n in range(4)},
        "hexadecimal": b"00" + raw.hex().encode(),
    }.items():
        (tmp_path / form).write_bytes(data)

    found = hunt.found(files(tmp_path))

    assert found == {(name, "planted") for name in files(tmp_path)}
    assert len(found) == 9


def test_the_searcher_finds_a_private_key_and_not_its_certificate() -> None:
    """As it is, in JSON, in a Secret, and one line of it; the certificate, which has the public key, is no leak."""
    authority = Authority()
    key = key_pem(authority.key)
    hunt = Hunt(*key_canaries("key", key), *key_canaries("another", key_pem(Authority().key)))
    found = {
        form: hunt.names(data)
        for form, data in {
            "pem": key.encode(),
            "json": json.dumps(json.dumps({"key": key})).encode(),
            "secret": base64.b64encode(b"x" + key.encode() + b"yy"),
            "line": f"+ {key.splitlines()[2]}".encode(),
            "certificate": authority.pem.encode(),
        }.items()
    }

    assert "key" in found["pem"] & found["json"] & found["secret"]
    assert found["line"] == {"key, line 2"}
    assert found["certificate"] == set()
    assert all(name.startswith("key") for names in found.values() for name in names)


def test_c47_state_backups_and_history_hold_no_secret(story: Story, stack: Stack) -> None:
    """The project's folder with its stack file and the whole backend has none in clear."""
    left = files(stack.folder)

    assert any("backups" in name for name in left) and any("history" in name for name in left)
    assert story.hunt.found(left) == set()


def test_c47_no_command_prints_a_secret(story: Story) -> None:
    """`up`, `preview --diff` and `refresh` in their most talkative form, and what tells of the stack."""
    assert all(b"langhost" in story.prints[name] for name in ("first up", "second up", "second preview"))
    assert story.hunt.found(story.prints) == set()


def test_logs_hold_no_secret(story: Story, lab: Node) -> None:
    """Those of Pulumi, the Docker Engine, the node's services, the registry and every Pod, and the metrics."""
    log = lab.kubectl("logs", "deployment/registry", "--all-containers").encode()
    address = lab.get("service", "registry-metrics")["spec"]["clusterIP"]
    metrics = lab.run(["curl", "--silent", "--fail", f"http://{address}:5002/metrics"]).stdout.encode()
    places = (
        {"registry": log, "metrics": metrics}
        | files(lab.lab.folder / "pulumi" / "logs")
        | files(lab.lab.folder / "log")
    )
    places |= files(lab.lab.folder / "root" / "var" / "log")

    assert b"/v2/" in log
    assert b"registry_http_requests_total" in metrics
    assert places["docker.log"]
    assert story.hunt.found(places) == set()


def test_c47_objects_hold_no_secret_but_the_secrets(story: Story, lab: Node) -> None:
    """Annotations, managed fields, Events, ReplicaSets and all the rest; and each Secret only what it is for."""
    objects = {_name(item): item for item in _objects(lab)}
    held = {}
    for item in _product_secrets(lab):
        content = b"\n".join(base64.b64decode(encoded) for encoded in item.pop("data").values())
        held[_without_suffix(item["metadata"]["name"])] = story.hunt.names(content)
        objects[_name(item)] = item

    kinds = {item["kind"] for item in objects.values()}
    assert {"Deployment", "ReplicaSet", "Pod", "Service", "Event", "Secret", "Node"} <= kinds
    assert story.hunt.found({name: json.dumps(item).encode() for name, item in objects.items()}) == set()
    # The search sees what is there: what it finds in them is what each of them is for.
    assert held == {
        "registry-config": {"HTTP secret"},
        "registry-door": set(),
        "registry-htpasswd": {
            "bcrypt of test, second",
            *(f"bcrypt of {account}, {time}" for account in ("alice", "pull") for time in ("first", "second")),
        },
        "registry-tls": {"the server's key", "the server's key, line 1", "the server's key, line 2"},
        "regcred": {
            "password of pull",
            *(f"{form}, {time}" for form in ("dockerconfigjson", "auth") for time in ("first", "second")),
        },
    }


def _without_suffix(name: str) -> str:
    """A Secret's name without the eight random digits that Pulumi adds."""
    return re.sub(r"-[0-9a-f]{8}$", "", name)


def test_c47_process_arguments_hold_no_secret(story: Story) -> None:
    """No argument of any process on the node while all this ran: those are open to every user."""
    arguments = {
        process[0].replace(b"\0", b" ").decode(errors="replace"): process[0] for process in story.processes
    }

    assert any("pulumi up" in words for words in arguments)
    assert any("registry serve" in words for words in arguments)
    assert any(PLANTED in words for words in arguments), "the sampler missed a process that was surely there"
    assert story.hunt.found(arguments) == set()


def test_c47_process_variables_hold_no_secret_but_for_the_program(story: Story) -> None:
    """Pulumi hands settings to the program by a variable, which only its own user can read; nobody else has any."""
    holders = {arguments for arguments, variables in story.processes if story.hunt.names(variables)}

    assert holders, "the sampler missed the program, whose variables surely have them"
    assert all(b"pulumi-language-python-exec" in arguments for arguments in holders), holders


def test_the_image_holds_no_secret(story: Story, stack: Stack, lab: Node, tmp_path: Path) -> None:
    """Neither its history, nor its layers, nor anything that the registry stores."""
    name = stack.outputs()["commands"]["push"].split()[-1]
    history = lab.run(["docker", "history", "--no-trunc", "--format", "{{json .}}", name]).stdout.encode()
    inspected = lab.run(["docker", "inspect", name]).stdout.encode()
    lab.run(["docker", "save", "--output", str(tmp_path / "image.tar"), name])
    stored = files(lab.lab.folder / "root" / "data" / "registry")

    assert b"sleep 3600" in history
    assert any("/blobs/sha256/" in path for path in stored)
    places = {"history": history, "inspect": inspected} | files(tmp_path) | stored
    assert story.hunt.found(places) == set()


def test_c47_outputs_hold_no_secret_even_unmasked(story: Story, stack: Stack) -> None:
    """No output is a secret, so that all can be pasted; and `--show-secrets` tells no more."""
    shown = stack.pulumi("stack", "output", "--json", "--show-secrets", "--stack", stack.name).output

    assert "[secret]" not in story.prints["stack output --json"].decode()
    assert story.hunt.names(shown.encode()) == set()


def test_c49_no_text_of_an_output_object_anywhere(story: Story, stack: Stack, lab: Node) -> None:
    """No object, no content of a Secret, and no output holds what Python writes for an Output."""
    assert story.prints
    objects = {_name(item): item for item in _objects(lab)}
    for item in _product_secrets(lab):
        data = {key: base64.b64decode(value).decode() for key, value in item["data"].items()}
        objects[_name(item)] = item | {"data": data}
    objects["outputs"] = stack.outputs()
    marks = ("Calling __str__ on an Output", "pulumi.output.Output", "Output<", "[Output", "[unknown]")

    # The first words of the text that Pulumi's own Python writes.
    assert marks[0] in str(pulumi.Output.from_input(1))
    assert {(name, mark) for name, item in objects.items() for mark in marks if mark in json.dumps(item)} == set()


@pytest.mark.parametrize("key", ["password", "users.alice"])
def test_c47_a_password_in_clear_is_refused_and_not_shown(story: Story, stack: Stack, key: str) -> None:
    """A preview with a password that is not encrypted names the key, the fix, and never the value."""
    assert story.prints
    file = stack.file
    before = file.read_text()
    clear = _password("in clear")
    try:
        stack.pulumi("config", "rm", key.partition(".")[0], "--stack", stack.name)
        stack.set(key, clear.text, path="." in key)
        preview = stack.preview("--diff", check=False)
    finally:
        file.write_text(before)

    assert preview.code != 0
    assert key.partition(".")[0] in preview.output
    assert "must be encrypted" in preview.output
    assert Hunt(clear).names(preview.output.encode()) == set()

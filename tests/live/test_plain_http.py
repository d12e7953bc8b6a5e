"""Plain HTTP: loopback works untouched; for any other address the preview refuses, or prints what makes it work."""

from __future__ import annotations

import itertools
import json
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.live.harness import ADDRESS, PASSWORD, USER, Node, Stack, Update

_ENGINE = "/etc/docker/daemon.json"
_UNTOLD = '{"insecure-registries": []}'
"""As a Docker Engine starts without its file; on a reload it would leave alone what the file does not name."""


def _write(lab: Node, path: str, text: str) -> None:
    lab.run(["sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path], stdin=text)


def _reload_engine(lab: Node, expected: Callable[[list[str]], bool]) -> None:
    """Let the Docker Engine read its file again; it answers with its new settings a moment later."""
    lab.run(["sh", "-c", 'kill -HUP "$(cat "$0")"', str(lab.lab.folder / "services" / "docker")])
    deadline = time.monotonic() + 60
    while True:
        info = json.loads(lab.run(["docker", "info", "--format", "{{json .RegistryConfig.IndexConfigs}}"]).stdout)
        if expected([name for name, index in info.items() if not index["Secure"]]):
            return
        assert time.monotonic() < deadline, f"the Docker Engine did not take its new settings: {info}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def loopback(stack: Stack) -> Update:
    """The stack up with `localhost` for the nodes and `127.0.0.1` to push to, of which nobody was told."""
    stack.set("tls", "off")
    stack.set("host", "localhost")
    stack.set("pushHost", "127.0.0.1")
    stack.preview()
    return stack.up()


def _pulled(lab: Node, image: str) -> str:
    """Run a Pod with the image; give `running`, or why it could not be pulled. The Pod is removed."""
    container = {"name": "pulled", "image": image, "imagePullPolicy": "Always"}
    spec = {
        "terminationGracePeriodSeconds": 1,
        "imagePullSecrets": [{"name": "by-hand"}],
        "containers": [container],
    }
    account = ["--docker-username", USER, "--docker-password", PASSWORD, "--docker-server", image.partition("/")[0]]
    lab.kubectl("create", "secret", "docker-registry", "by-hand", *account)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pulled"}, "spec": spec}
    lab.kubectl("create", "--filename=-", stdin=json.dumps(pod))
    try:
        deadline = time.monotonic() + 60
        while True:
            status: dict[str, Any] = lab.get("pod", "pulled")["status"]
            state = (status.get("containerStatuses") or [{}])[0].get("state", {})
            if "running" in state:
                return "running"
            if state.get("waiting", {}).get("reason") == "ErrImagePull":
                return str(state["waiting"]["message"])
            assert time.monotonic() < deadline, status
            time.sleep(0.2)
    finally:
        lab.kubectl("delete", "pod/pulled", "secret/by-hand")


@contextmanager
def _allowed(stack: Stack, **settings: str) -> Iterator[None]:
    """Change settings, with plain HTTP allowed for every address; the stack's file is put back."""
    with stack.settings_kept():
        for key, value in {"allowPlainHttp": "true", **settings}.items():
            stack.set(key, value)
        yield


def _digest(stack: Stack) -> str:
    return str(stack.outputs()["image"].partition("@")[2])


def test_c14_loopback_works_without_any_setting(loopback: Update, stack: Stack, lab: Node) -> None:
    """With `localhost` and `127.0.0.1` the Docker Engine pushes and the node pulls, and nothing is warned of."""
    outputs = stack.outputs()
    proof = lab.get("pod", outputs["proofPods"][0])

    assert (outputs["address"], outputs["pushAddress"]) == ("localhost:5000", "127.0.0.1:5000")
    assert "tls is off" not in loopback.output
    assert proof["spec"]["containers"][0]["image"].startswith("localhost:5000/alpine_test@sha256:")
    assert proof["status"]["phase"] == "Running"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_c14_either_name_of_loopback_pushes_and_pulls(loopback: Update, stack: Stack, lab: Node, host: str) -> None:
    """By hand too, for the Docker Engine and for the node alike."""
    assert loopback.code == 0
    address = f"{host}:5000"
    login = ["docker", "login", address, "--username", USER, "--password-stdin"]
    image = f"{address}/alpine_test:by-{host}"
    try:
        lab.run(login, stdin=PASSWORD)
        lab.run(["docker", "tag", stack.outputs()["commands"]["push"].split()[-1], image])
        push = lab.run(["docker", "push", image])
    finally:
        lab.run(["docker", "logout", address])

    assert "digest: sha256:" in push.stdout
    assert _pulled(lab, f"{address}/alpine_test@{_digest(stack)}") == "running"


def test_c14_any_other_address_is_refused_until_it_is_allowed(loopback: Update, stack: Stack) -> None:
    """In preview, with the consequence and both ways out."""
    assert loopback.code == 0
    with _allowed(stack, allowPlainHttp="false", host="192.168.99.100"):
        refused = stack.preview(check=False)

    assert refused.code != 0
    assert f"private-registry:tls must not be off for {ADDRESS}: accounts and images would travel in clear" in (
        refused.output
    )
    assert "`pulumi config set tls generated`, or `pulumi config set allowPlainHttp true`" in refused.output


def test_c14_a_node_address_needs_what_the_preview_prints_for_the_nodes(
    loopback: Update, stack: Stack, lab: Node
) -> None:
    """Untold, the node's pull fails and says HTTP and HTTPS; with the printed file, and no restart, it passes."""
    assert loopback.code == 0
    image = f"{ADDRESS}/alpine_test@{_digest(stack)}"
    with _allowed(stack, host="192.168.99.100", nodeTrust="off"):
        warning = stack.preview().output
    untold = _pulled(lab, image)
    path, text = _printed_file(warning)
    _write(lab, path, text)
    try:
        told = _pulled(lab, image)
    finally:
        lab.run(["sh", "-c", 'rm "$0" && rmdir "$(dirname "$0")"', path])

    assert "server gave HTTP response to HTTPS client" in untold
    assert path == f"/etc/containerd/certs.d/{ADDRESS}/hosts.toml"
    assert told == "running"


def _printed_file(warning: str) -> tuple[str, str]:
    """The path and the text of containerd's file: the lines after its own that are indented more than it is."""
    lines = iter(warning.splitlines())
    first = next(line for line in lines if line.lstrip().startswith("With containerd, write "))
    margin = len(first) - len(first.lstrip())
    text = "\n".join(itertools.takewhile(lambda line: line[margin : margin + 2].isspace(), lines))
    return first.split()[3], textwrap.dedent(text)


def test_c14_a_node_address_needs_what_the_preview_prints_for_the_engine(
    loopback: Update, stack: Stack, lab: Node
) -> None:
    """Untold, the Docker Engine's login fails and says HTTPS; with the printed line in its file it logs in."""
    assert loopback.code == 0
    with _allowed(stack, pushHost="192.168.99.100"):
        warning = stack.preview().output
    login = ["docker", "login", ADDRESS, "--username", USER, "--password-stdin"]
    untold = lab.run(login, stdin=PASSWORD, check=False)
    printed = next(line.strip() for line in warning.splitlines() if '"insecure-registries"' in line)
    _write(lab, _ENGINE, printed)
    try:
        _reload_engine(lab, lambda insecure: ADDRESS in insecure)
        told = lab.run(login, stdin=PASSWORD)
    finally:
        lab.run(["docker", "logout", ADDRESS])
        _write(lab, _ENGINE, _UNTOLD)
        _reload_engine(lab, lambda insecure: ADDRESS not in insecure)
        lab.run(["rm", _ENGINE])

    assert f"tls is off: the Docker Engine refuses to push to {ADDRESS}" in warning
    assert untold.returncode != 0
    assert "HTTP response to HTTPS client" in untold.stderr
    assert "Login Succeeded" in told.stdout

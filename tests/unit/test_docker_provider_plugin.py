"""The lab's Docker provider plugin: differences, secrets, the Docker Engine's address, digests, plugin folder."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.provider.experimental.property_value import PropertyValue

from lab.docker_provider.address import Address, UnreachableError
from lab.docker_provider.engine import Job, pushed_digest
from lab.docker_provider.inputs import ImageInputs, Plain
from lab.docker_provider.install import make_plugin
from lab.docker_provider.provider import Log, diff_inputs, is_secret, plain, secret_texts

REGISTRY: dict[str, Plain] = {"server": "a", "username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("new", "changed"),
    [
        ({**REGISTRY, "password": "q"}, False),
        ({**REGISTRY, "username": "v", "password": "q"}, False),
        ({**REGISTRY, "server": "b"}, True),
    ],
)
def test_only_the_registrys_address_counts_as_a_change(new: dict[str, Plain], *, changed: bool) -> None:
    """New credentials alone rebuild nothing."""
    assert diff_inputs({"registry": REGISTRY}, {"registry": new}).changes is changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"imageName": "a"}, {"imageName": "b"}),
        ({"build": {"contextDigest": "1"}}, {"build": {"contextDigest": "2"}}),
        ({"build": {"platform": "linux/amd64"}}, {"build": {"platform": "linux/arm64"}}),
        ({"registry": REGISTRY}, {}),
        ({}, {"registry": REGISTRY}),
    ],
)
def test_any_other_difference_is_an_update_and_never_a_replacement(
    old: dict[str, Plain], new: dict[str, Plain]
) -> None:
    """Whatever changes, the resource stays the same one."""
    diff = diff_inputs(old, new)
    assert diff.changes
    assert not diff.replaces
    assert set(diff.detailed_diff or {}) == {*old, *new}


def test_secrets_are_found_wherever_they_are() -> None:
    """A secret object makes secrets of all its texts."""
    args = PropertyValue({"A": PropertyValue("one"), "B": PropertyValue([PropertyValue("two")])}, is_secret=True)
    inputs = PropertyValue(
        {"args": args, "name": PropertyValue("open"), "p": PropertyValue("three", is_secret=True)}
    )
    assert set(secret_texts(inputs)) == {"one", "two", "three"}


def test_an_output_is_secret_when_its_input_is() -> None:
    """The secrecy of an input, or of what holds it, is found by its path."""
    secret = PropertyValue("x", is_secret=True)
    properties = {
        "build": PropertyValue({"context": secret, "platform": PropertyValue("y")}),
        "imageName": secret,
    }
    assert is_secret(properties, ("imageName",))
    assert is_secret(properties, ("build", "context"))
    assert not is_secret(properties, ("build", "platform"))
    assert not is_secret(properties, ("registry", "server"))


def test_log_lines_hide_secrets_the_longest_first() -> None:
    """A secret that holds another one must not be shown in part."""
    log = Log("127.0.0.1:1", "urn", frozenset({"pass", "pass-word"}))
    assert log.hide("the pass-word and the pass") == "the [secret] and the [secret]"


def test_nulls_are_left_out() -> None:
    """An option that a program sets to None is not set."""
    given = {"a": PropertyValue(None), "b": PropertyValue([PropertyValue("x")])}
    assert plain(PropertyValue(given)) == {"b": ["x"]}


@pytest.mark.parametrize(
    ("configured", "environment", "host", "source"),
    [
        ("tcp://a", {"DOCKER_HOST": "tcp://b"}, "tcp://a", "the provider's `host`"),
        ("tcp://a", {}, "tcp://a", "the provider's `host`"),
        ("tcp://b", {"DOCKER_HOST": "tcp://b"}, "tcp://b", "DOCKER_HOST"),
        (None, {"DOCKER_HOST": "tcp://b"}, "tcp://b", "DOCKER_HOST"),
        ("", {"DOCKER_HOST": ""}, "unix:///var/run/docker.sock", "the default"),
    ],
)
def test_the_address_comes_from_the_provider_then_the_environment(
    configured: str | None, environment: dict[str, str], host: str, source: str
) -> None:
    """The provider's host wins over DOCKER_HOST, which wins over the standard socket."""
    assert Address.choose(configured, environment) == Address(host, source)


def failed_run(host: str) -> str:
    """Try a build where no Docker Engine is, and give the error."""
    image = ImageInputs("localhost:1/app", Path(), "linux/amd64", "localhost:1", "ci", "secret")
    with pytest.raises(UnreachableError) as caught:
        Job(Address(host, "DOCKER_HOST"), log=lambda _: None).run(image)
    return str(caught.value)


def failed_ping(host: str) -> str:
    """Ask whether a Docker Engine is there, and give the error."""
    with pytest.raises(UnreachableError) as caught:
        Address(host, "DOCKER_HOST").ping()
    return str(caught.value)


@pytest.mark.parametrize("tried", [failed_run, failed_ping])
def test_a_missing_docker_engine_is_named_with_what_to_do(tried: Callable[[str], str], tmp_path: Path) -> None:
    """The error says which address was tried, where it comes from, why it failed and what helps."""
    message = tried(f"unix://{tmp_path}/none.sock")
    for part in (f"{tmp_path}/none.sock", "taken from DOCKER_HOST", "No such file", "config set dockerHost"):
        assert part in message


def test_f15_without_a_docker_engine_the_words_are_those_of_the_official_plugin(tmp_path: Path) -> None:
    """Whoever looks them up finds what others wrote about them."""
    assert failed_ping(f"unix://{tmp_path}/none.sock").startswith("failed to connect to any docker daemon: ")


@pytest.mark.parametrize("tried", [failed_run, failed_ping])
def test_a_docker_engine_that_does_not_answer_is_no_hang(tried: Callable[[str], str], tmp_path: Path) -> None:
    """A socket that accepts and stays silent ends in an error within seconds."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        started = time.monotonic()
        message = tried(f"unix://{path}")
    assert "no answer within" in message
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "it answers with status 502"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0"),
    ],
)
def test_something_else_at_the_address_is_no_docker_engine(answer: bytes, reason: str) -> None:
    """A proxy or another server that listens there is told apart."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        other = threading.Thread(target=serve)
        other.start()
        message = failed_ping(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        other.join()
    assert reason in message


@pytest.mark.parametrize(
    "host", ["tcp://127.0.0.1:1", "http://127.0.0.1:1", "ssh://a", "/run/docker.sock", "tcp://"]
)
def test_each_kind_of_address_fails_with_the_same_words(host: str) -> None:
    """Also one that is none."""
    assert f"there is no Docker Engine at {host} (taken from DOCKER_HOST): " in failed_ping(host)


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("known", "digest"),
    [
        ([f"localhost:5000/app@{DIGEST}"], f"localhost:5000/app@{DIGEST}"),
        ([f"other:5000/app@sha256:{'1' * 64}", f"localhost:5000/app@{DIGEST}"], f"localhost:5000/app@{DIGEST}"),
        ([f"localhost:5000/app/more@{DIGEST}", f"localhost:5000/ap@{DIGEST}"], None),
        ([f"localhost:5001/app@{DIGEST}"], None),
        ([], None),
    ],
)
def test_f14_the_digest_is_that_of_the_repository_that_was_pushed_to(known: list[str], digest: str | None) -> None:
    """One image may have been pushed to several repositories, each with a digest of its own."""
    assert pushed_digest("localhost:5000/app", known) == digest


def test_the_plugin_folder_runs_on_its_own(tmp_path: Path) -> None:
    """The launcher finds its Python and its sources from anywhere, and prints the port it listens on."""
    folder = make_plugin(tmp_path / "a folder", Path(sys.executable))
    with subprocess.Popen(
        [folder / "pulumi-resource-docker", "127.0.0.1:1"], cwd="/", env={}, stdout=subprocess.PIPE, text=True
    ) as plugin:
        try:
            assert plugin.stdout is not None
            port = int(plugin.stdout.readline())
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        finally:
            plugin.kill()


def test_the_plugin_needs_a_python_with_its_packages(tmp_path: Path) -> None:
    """A Python without pulumi or docker is refused when the plugin is made, not when it is first used."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    with pytest.raises(ModuleNotFoundError, match="pulumi docker"):
        make_plugin(tmp_path / "plugin", bare / "bin" / "python")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """The plugin never mixes with other files."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="not empty"):
        make_plugin(tmp_path, Path(sys.executable))

"""The lab's Docker provider plugin: differences, secrets, engine addresses, plugin folder."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pulumi.provider.experimental.property_value import PropertyValue

from lab.docker_provider.engine import Address, EngineError, Job
from lab.docker_provider.inputs import Plain, read_image
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
        ({"skipPush": False}, {"skipPush": True}),
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
    ("configured", "environment", "host"),
    [
        ("tcp://a", {"DOCKER_HOST": "tcp://b"}, "tcp://a"),
        (None, {"DOCKER_HOST": "tcp://b"}, "tcp://b"),
        ("", {"DOCKER_HOST": ""}, "unix:///var/run/docker.sock"),
    ],
)
def test_the_address_comes_from_the_provider_then_the_environment(
    configured: str | None, environment: dict[str, str], host: str
) -> None:
    """The provider's host wins over DOCKER_HOST, which wins over the standard socket."""
    assert Address.choose(configured, environment).host == host


def failed_run(host: str) -> str:
    """Try a build on an engine that is not there and give the error."""
    job = Job(Address(host, "DOCKER_HOST"), log=lambda _: None, warn=lambda _: None)
    with pytest.raises(EngineError) as caught:
        job.run(read_image({"imageName": "localhost:1/app"}), push=False)
    return str(caught.value)


def test_a_missing_engine_is_named_with_what_to_do(tmp_path: Path) -> None:
    """The error says which address was tried, where it comes from, why it failed and what helps."""
    message = failed_run(f"unix://{tmp_path}/none.sock")
    for part in (f"{tmp_path}/none.sock", "DOCKER_HOST", "No such file", "dockerHost"):
        assert part in message


def test_an_engine_that_does_not_answer_is_no_hang(tmp_path: Path) -> None:
    """A socket that accepts and stays silent ends in an error within seconds."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        started = time.monotonic()
        message = failed_run(f"unix://{path}")
    assert "no answer within" in message
    assert time.monotonic() - started < 15


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

"""What the lab's Docker provider accepts, refuses and fills in."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.docker_provider import inputs, references
from lab.docker_provider.inputs import UNKNOWN, Plain


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a project folder with a context `app`, as the plugin does."""
    (tmp_path / "app").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)


REGISTRY: dict[str, Plain] = {"server": "localhost:5000", "username": "ci", "password": "secret"}


def image(build: Mapping[str, Plain] | None = None, **changes: Plain) -> dict[str, Plain]:
    """Make good inputs with changes."""
    return {
        "imageName": "localhost:5000/team/app:1",
        "build": {"context": "app", "platform": "linux/amd64", **(build or {})},
        "registry": REGISTRY,
        **changes,
    }


@pytest.mark.parametrize(
    ("name", "host", "path", "tag"),
    [
        ("10.0.0.5:5000/test", "10.0.0.5:5000", "test", "latest"),
        ("localhost/test:1", "localhost", "test", "1"),
        ("registry.example/a/b_c/d--e:T.1-x", "registry.example", "a/b_c/d--e", "T.1-x"),
        ("[::1]:5000/app", "[::1]:5000", "app", "latest"),
    ],
)
def test_a_name_is_taken_apart_as_docker_does(name: str, host: str, path: str, tag: str) -> None:
    """A port is not a tag, and a first part without dot, colon or `localhost` is no host."""
    assert references.parse(name) == references.Reference(host, path, tag)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("localhost:5000/MyApp", "lower case"),
        ("localhost:5000/app:-x", "not a tag"),
        ("localhost:5000/app:", "not a tag"),
        ("localhost:5000//app", "not an image path"),
        ("http://localhost:5000/app", "not a registry host"),
        ("localhost:5000/app@sha256:00", "digest"),
        ("app:1", "fully qualified"),
        ("team/app:1", "fully qualified"),
    ],
)
def test_a_bad_image_name_is_refused_with_its_rule(name: str, rule: str) -> None:
    """C25: a name that would be pushed to a guessed place, or not at all, is refused in preview."""
    (reason,) = inputs.check_image(image(imageName=name))
    assert "`imageName`" in reason
    assert rule in reason


@pytest.mark.parametrize("build", [{}, {"args": {"A": "b"}}, {"args": UNKNOWN}, {"args": {"A": UNKNOWN}}])
def test_good_inputs_pass(build: dict[str, Plain]) -> None:
    """The inputs that the other tests break are good, also with build arguments, known or not."""
    assert inputs.check_image(image(build)) == []


def test_build_arguments_are_read() -> None:
    """As the Docker Engine takes them."""
    assert inputs.read_image(image({"args": {"A": "b"}})).args == {"A": "b"}


@pytest.mark.parametrize(
    "key",
    [
        "skipPush",
        "buildOnPreview",
        *(f"build.{key}" for key in ("addHosts", "builderVersion", "cacheFrom")),
        *(f"build.{key}" for key in ("dockerfile", "network", "target")),
    ],
)
def test_what_only_the_official_plugin_has_is_refused_by_name(key: str) -> None:
    """The message names the input, says who lacks it and where it works; whatever the value."""
    part, _, leaf = key.rpartition(".")
    values: tuple[Plain, ...] = (True, "x", {"a": "b"}, ["a"], 1.0, UNKNOWN)
    for value in values:
        given = image({leaf: value}) if part else image() | {leaf: value}
        (reason,) = inputs.check_image(given)
        assert reason == (
            f"`{key}`: the lab's stand-in for the Docker provider does not have it; "
            "remove it, or run where the official plugin can be downloaded"
        )


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (image(imageNam="x"), "imageNam"),
        (image({"contxt": "x"}), "build.contxt"),
        (image(registry={**REGISTRY, "user": "x"}), "registry.user"),
        (image({"context": "nowhere"}), "build.context"),
        (image({"context": "empty"}), "Dockerfile"),
        (image({"platform": "linux/amd64,linux/arm64"}), "build.platform"),
        (image({"platform": ""}), "build.platform"),
        (image({"platform": {"os": "linux"}}), "build.platform"),
        (image({"args": "A=b"}), "build.args"),
        (image({"args": {"A": 1.0}}), "build.args.A"),
        (image(imageName=""), "imageName"),
        (image(imageName=1.0), "imageName"),
        (image(registry={"server": "localhost:5000", "username": "ci"}), "registry.password"),
        (image(registry={**REGISTRY, "username": ""}), "registry.username"),
        ({"imageName": "localhost:5000/a", "registry": REGISTRY}, "build"),
        ({"imageName": "localhost:5000/a", "build": image()["build"]}, "registry"),
        (image(build_="x"), "build_"),
    ],
)
def test_what_cannot_work_is_refused_by_name(broken: dict[str, Plain], named: str) -> None:
    """Nothing is ignored in silence."""
    (reason,) = inputs.check_image(broken)
    assert named in reason


def test_what_the_sdk_sends_unasked_passes() -> None:
    """It says `false` to both where the program says nothing."""
    assert inputs.check_image(image(skipPush=False, buildOnPreview=False)) == []
    (reason,) = inputs.check_image(image({"skipPush": False}))
    assert "build.skipPush" in reason


def test_the_digest_that_a_check_added_is_no_input_of_the_program() -> None:
    """Pulumi hands back what the check before answered."""
    assert inputs.check_image(image({"contextDigest": "0" * 64})) == []


def test_a_wrong_type_does_not_show_the_value() -> None:
    """The value may be a password."""
    (reason,) = inputs.check_image(image(registry={**REGISTRY, "password": 987654321.0}))
    assert "registry.password" in reason
    assert "98765" not in reason


@pytest.mark.parametrize(
    "unknown",
    [
        image(imageName=UNKNOWN),
        image(registry=UNKNOWN),
        {"imageName": "localhost:5000/app", "build": UNKNOWN, "registry": UNKNOWN},
        image({"context": UNKNOWN}),
        image({"platform": UNKNOWN}),
        image(registry={**REGISTRY, "password": UNKNOWN}),
    ],
)
def test_what_preview_does_not_know_is_not_judged(unknown: dict[str, Plain]) -> None:
    """A value that comes from another resource passes until it is known."""
    assert inputs.check_image(unknown) == []


def test_all_inputs_are_read() -> None:
    """As the program gave them."""
    assert inputs.read_image(image()) == inputs.ImageInputs(
        image_name="localhost:5000/team/app:1",
        context=Path("app"),
        platform="linux/amd64",
        server="localhost:5000",
        username="ci",
        password="secret",
    )


@pytest.mark.parametrize("key", ["registryAuth", "caMaterial", "context", "sshOpts"])
def test_a_provider_setting_that_is_not_supported_is_refused(key: str) -> None:
    """A registry login given to the provider must not be dropped in silence."""
    (reason,) = inputs.check_provider({"version": "5.2.0", key: "x"})
    assert key in reason


@pytest.mark.parametrize(
    ("host", "failures"),
    [("unix:///run/docker.sock", 0), ("tcp://10.0.0.1:2375", 0), ("ssh://a", 1), ("/run/x", 1)],
)
def test_the_docker_engines_address_has_a_known_scheme(host: str, failures: int) -> None:
    """An address that no connection can be made to is refused before the update."""
    assert len(inputs.check_provider({"host": host})) == failures


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ("localhost:5000", "localhost:5000"),
        ("https://registry.example/v2/", "registry.example"),
        ("http://10.0.0.5:5000", "10.0.0.5:5000"),
    ],
)
def test_credentials_are_filed_under_the_registrys_host(server: str, key: str) -> None:
    """A URL and a host mean the same registry."""
    assert references.credentials_key(server) == key

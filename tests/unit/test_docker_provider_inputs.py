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
    (tmp_path / "app" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)


def image(build: Mapping[str, Plain] | None = None, **changes: Plain) -> dict[str, Plain]:
    """Make good inputs with changes."""
    return {"imageName": "localhost:5000/team/app:1", "build": {"context": "app", **(build or {})}, **changes}


@pytest.mark.parametrize(
    ("name", "host", "path", "tag"),
    [
        ("10.0.0.5:5000/test", "10.0.0.5:5000", "test", "latest"),
        ("localhost/test:1", "localhost", "test", "1"),
        ("registry.example/a/b_c/d--e:T.1-x", "registry.example", "a/b_c/d--e", "T.1-x"),
        ("team/app:2", "", "team/app", "2"),
        ("app", "", "app", "latest"),
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
        ("docker.io/app:1", "docker.io/library/app:1"),
    ],
)
def test_a_bad_image_name_is_refused_with_its_rule(name: str, rule: str) -> None:
    """C25: a name that would be pushed to a guessed place, or not at all, is refused in preview."""
    (reason,) = inputs.check_image(image(imageName=name))
    assert "`imageName`" in reason
    assert rule in reason


def test_an_image_that_is_not_pushed_needs_no_host() -> None:
    """`skipPush` lifts the rule that the name carries its host."""
    assert inputs.check_image(image(imageName="app", skipPush=True)) == []


def test_good_inputs_pass() -> None:
    """The inputs that the other tests break are good."""
    assert inputs.check_image(image()) == []


def test_a_dockerfile_given_from_the_context_is_answered_with_the_better_path() -> None:
    """The path is relative to the project; the message names the one that works."""
    (reason,) = inputs.check_image(image({"dockerfile": "./Dockerfile"}))
    assert '"app/Dockerfile"' in reason


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (image(imageNam="x"), "imageNam"),
        (image({"contxt": "x"}), "build.contxt"),
        (image(registry={"user": "x"}), "registry.user"),
        (image(skipPush="true"), "skipPush"),
        (image({"args": {"A": 1.0}}), "build.args.A"),
        (image({"context": "nowhere"}), "build.context"),
        (image({"dockerfile": "nowhere"}), "build.dockerfile"),
        (image({"builderVersion": "BuilderBuildKit"}), "build.builderVersion"),
        (image({"builderVersion": "V3"}), "build.builderVersion"),
        (image({"platform": "linux/amd64,linux/arm64"}), "build.platform"),
        (image({"cacheFrom": {}}), "build.cacheFrom"),
        (image({"cacheFrom": {"images": ["app"]}}), "build.cacheFrom.images"),
        ({"build": {"context": "app"}}, "imageName"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(broken: dict[str, Plain], named: str) -> None:
    """Nothing is ignored in silence."""
    (reason,) = inputs.check_image(broken)
    assert named in reason


def test_a_wrong_type_does_not_show_the_value() -> None:
    """The value may be a password."""
    (reason,) = inputs.check_image(image(registry={"password": 987654321.0}))
    assert "registry.password" in reason
    assert "98765" not in reason


@pytest.mark.parametrize(
    "unknown",
    [
        image(imageName=UNKNOWN),
        image(registry=UNKNOWN),
        {"imageName": "localhost:5000/app", "build": UNKNOWN},
        image({"context": UNKNOWN}),
        image({"dockerfile": UNKNOWN, "args": UNKNOWN, "platform": UNKNOWN}),
    ],
)
def test_what_preview_does_not_know_is_not_judged(unknown: dict[str, Plain]) -> None:
    """A value that comes from another resource passes until it is known."""
    assert inputs.check_image(unknown) == []


@pytest.mark.parametrize(
    ("changed", "buildable"),
    [
        (image(), True),
        (image({"args": {"A": UNKNOWN}}), False),
        (image(imageName=UNKNOWN), False),
        (image({"context": UNKNOWN}), False),
        ({"imageName": "localhost:5000/app", "build": UNKNOWN}, False),
        (image(registry={"password": UNKNOWN}), True),
    ],
)
def test_preview_builds_only_what_is_known(changed: dict[str, Plain], *, buildable: bool) -> None:
    """Each input of the build must be known; those of the push need not."""
    assert inputs.is_buildable(changed) is buildable


def test_defaults_are_filled_in() -> None:
    """Context `.`, its Dockerfile, this machine's platform, no push skipped."""
    read = inputs.read_image({"imageName": "localhost/app"})
    assert (read.context, read.dockerfile) == (Path(), Path("Dockerfile"))
    assert read.platform.startswith("linux/")
    assert not read.skip_push


@pytest.mark.parametrize("key", ["registryAuth", "caMaterial", "context", "sshOpts"])
def test_a_provider_setting_that_is_not_supported_is_refused(key: str) -> None:
    """A registry login given to the provider must not be dropped in silence."""
    (reason,) = inputs.check_provider({"version": "5.2.0", key: "x"})
    assert key in reason


@pytest.mark.parametrize(
    ("host", "failures"),
    [("unix:///run/docker.sock", 0), ("tcp://10.0.0.1:2375", 0), ("ssh://a", 1), ("/run/x", 1)],
)
def test_the_engines_address_has_a_known_scheme(host: str, failures: int) -> None:
    """An address that no connection can be made to is refused before the update."""
    assert len(inputs.check_provider({"host": host})) == failures


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ("localhost:5000", "localhost:5000"),
        ("https://registry.example/v2/", "registry.example"),
        ("docker.io", "https://index.docker.io/v1/"),
        ("https://index.docker.io/v1/", "https://index.docker.io/v1/"),
    ],
)
def test_credentials_are_filed_under_the_registrys_host(server: str, key: str) -> None:
    """A URL and a host mean the same registry."""
    assert references.credentials_key(server) == key

"""Which programs a lab is made of: a Pulumi of the person's own where it will do, and a usable Go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab import parts, plugins, tools
from lab.ui import LabError


def _program(folder: Path, name: str, prints: str) -> None:
    """An executable that answers its `version` as the real one would; nothing else is asked of it here."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f'#!/bin/sh\n[ "$1" = version ] && echo "{prints}"\n')
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, empty, beside the shell's own."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    if Path("/bin/pulumi").exists():
        pytest.skip("this machine has a Pulumi in /bin, which cannot be taken off PATH here")
    return folder


@pytest.mark.parametrize("version", ["v3.226.0", "v3.274.1", "v4.0.0", "3.300.0-dev.0"])
def test_a_recent_pulumi_on_path_is_used(version: str, path: Path) -> None:
    """No Pulumi is built then."""
    _program(path, "pulumi", version)
    _program(path, "pulumi-language-python", version)

    assert tools.pulumi_on_path() == path / "pulumi"
    assert tools.PULUMI not in tools.needed()


@pytest.mark.parametrize("version", ["v3.225.9", "v2.300.0", "", "something else"])
def test_an_old_pulumi_on_path_is_not_used(version: str, path: Path) -> None:
    """Nor is one that does not tell its version."""
    _program(path, "pulumi", version)
    _program(path, "pulumi-language-python", version)

    assert tools.pulumi_on_path() is None
    assert tools.PULUMI in tools.needed()


def test_a_pulumi_without_its_python_host_is_not_used(path: Path) -> None:
    """It could not run the program."""
    _program(path, "pulumi", "v3.274.1")

    assert tools.pulumi_on_path() is None


def test_no_pulumi_on_path_means_building_one(path: Path) -> None:
    """The ordinary case."""
    assert list(path.iterdir()) == []
    assert tools.pulumi_on_path() is None
    assert tools.needed()[0] is tools.PULUMI


def test_of_the_folder_of_an_own_pulumi_only_pulumi_is_taken(path: Path) -> None:
    """A Docker CLI or Python beside it would stand before the node's own."""
    for name in ("docker", "pulumi", "pulumi-language-python", "python3"):
        _program(path, name, "")
    (path / "pulumi-notes.txt").write_text("not a program")

    assert [found.name for found in parts._programs(path, "pulumi*")] == ["pulumi", "pulumi-language-python"]


@pytest.mark.parametrize(
    ("prints", "version"),
    [("go version go1.26.6 linux/amd64", (1, 26)), ("go version go1.19 linux/arm64", (1, 19))],
)
def test_the_version_of_go_is_read(prints: str, version: tuple[int, int], path: Path) -> None:
    """As two numbers, so that 1.9 is older than 1.21."""
    _program(path, "go", prints)

    assert tools._go_version(str(path / "go")) == version


def test_a_go_that_is_not_there_is_older_than_any(path: Path) -> None:
    """Under sudo, /usr/local/go is only guessed at."""
    assert tools._go_version(str(path / "go")) == ()
    assert tools._go_version(str(path / "go")) < tools._GO_OLDEST


def test_a_go_on_path_that_is_too_old_is_passed_over(path: Path) -> None:
    """It could not fetch the toolchain that the pins name; a newer one, wherever it is, is what runs."""
    _program(path, "go", "go version go1.15 linux/amd64")
    if tools._go_version("/usr/local/go/bin/go") < tools._GO_OLDEST:
        pytest.skip("without another Go on this machine the next candidate would be downloaded")

    assert tools.Go()._find() == "/usr/local/go/bin/go"


def test_a_failing_build_says_what_failed_and_what_to_check(path: Path, tmp_path: Path) -> None:
    """The command, the end of what it said, and the proxy as the usual suspect."""
    _program(path, "go", "go version go1.26.6 linux/amd64")
    with (path / "go").open("a") as file:
        file.write('[ "$1" = version ] || { echo "no route to proxy" >&2; exit 1; }\n')

    with pytest.raises(LabError, match=r"(?s)`go mod download x` failed.*no route to proxy.*go env GOPROXY"):
        tools.Go().run(tmp_path, "mod", "download", "x")


def test_each_tool_has_its_pins() -> None:
    """A go.mod per tool, and a go.sum wherever it needs any module: nothing floats."""
    for tool in (*tools.needed(), tools.ACTIONLINT, tools.METALLB, tools.PULUMI):
        source = tools._SOURCES / tool.name
        assert (source / "go.mod").is_file()
        assert (source / "go.sum").is_file() or "require" not in (source / "go.mod").read_text()


def test_checkov_has_its_pins() -> None:
    """Itself, and each package that it needs: pip is told to look for no others."""
    lines = (tools._SOURCES / "checkov" / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]

    assert f"checkov=={tools.CHECKOV_VERSION}" in pins
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


def test_the_plugins_are_those_that_the_requirements_name() -> None:
    """The SDK asks Pulumi for exactly its own version; any other in the lab would not be found."""
    requirements = (Path(tools.__file__).parents[1] / "requirements.txt").read_text().splitlines()

    assert f"pulumi-kubernetes=={tools.KUBERNETES_PROVIDER_VERSION}" in requirements
    assert f"pulumi-docker=={plugins.DOCKER_PROVIDER_VERSION}" in requirements

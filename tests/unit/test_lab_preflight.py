"""What keeps a machine from running a lab is told in one message, before anything is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import __main__ as command_line
from lab import cgroups, parts, preflight
from lab.lifecycle import Lab
from lab.ui import LabError


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has everything, whatever this one has; gives a folder whose lab would be accepted."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50 * 10**9))
    monkeypatch.setattr(cgroups, "is_v2", lambda: True)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, stdout="", stderr="")
    )
    return tmp_path / "lab"


def _refusal(lab: Path, *, project: Path = Path("/srv/project"), cache: Path = Path("/srv/cache")) -> str:
    with pytest.raises(LabError) as refused:
        preflight.check(lab, project, cache)
    return str(refused.value)


def test_a_machine_that_has_everything_is_accepted(able: Path) -> None:
    """Else the refusals below would prove nothing."""
    preflight.check(able, Path("/srv/project"), Path("/srv/cache"))

    assert not able.exists()


def test_another_system_than_linux_is_refused(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way that is open there."""
    monkeypatch.setattr(sys, "platform", "darwin")

    assert "Linux" in _refusal(able)
    assert "cluster of your own" in _refusal(able)


def test_missing_root_names_sudo(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command to type."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert "sudo make" in _refusal(able)


@pytest.mark.parametrize("arguments", [["up"], ["down"], ["status"], ["shell"], ["service", "docker", "stop"]])
def test_every_command_on_a_lab_asks_for_root(
    arguments: list[str],
    able: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One message and exit code 1, instead of the kernel's refusal half-way."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    code = command_line.main(["--lab", str(able), *arguments])

    assert code == 1
    assert capsys.readouterr().err.startswith("error: The lab makes and enters")
    assert not able.exists()


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb", "unshare", "nsenter", "tar"])
def test_a_missing_program_is_named(program: str, able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Along with the distributions that have it."""
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else f"/usr/bin/{name}")

    assert f"`{program}`" in _refusal(able)
    assert "Debian" in _refusal(able)


@pytest.mark.parametrize("name", ["with:colon", "with,comma", "with space", "with\nnewline"])
def test_a_path_that_overlay_mounts_cannot_take_is_refused(name: str, able: Path) -> None:
    """The lab's folder, the project and the cache alike."""
    bad = Path("/srv") / name

    assert str(bad) in _refusal(bad / "lab")
    assert "move it" in _refusal(able, project=bad)
    assert "move it" in _refusal(able, cache=bad)


@pytest.mark.parametrize("hidden", ["/run/lab", "/var/lib/docker/lab", "/var/log/lab", "/data/lab", "/proc/lab"])
def test_a_place_that_the_node_has_for_itself_is_refused(hidden: str, able: Path) -> None:
    """Inside the node such a project or lab would be out of sight."""
    assert hidden in _refusal(Path(hidden))
    assert hidden in _refusal(able, project=Path(hidden))


def test_a_neighbour_of_such_a_place_is_accepted(able: Path) -> None:
    """`/database` is not `/data`."""
    preflight.check(able, Path("/database/project"), Path("/var/lib/other"))


def test_a_full_disk_tells_what_is_free_and_needed(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to use another disk."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 10**9 - 1))
    message = _refusal(able)

    assert "10.0 GB free" in message
    assert "needs 10 GB" in message
    assert "LAB" in message


def test_no_control_groups_is_refused(able: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither version 2 nor the memory controller of version 1."""
    monkeypatch.setattr(cgroups, "is_v2", lambda: False)
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)

    assert f"no control groups at {tmp_path}" in _refusal(able)


@pytest.mark.parametrize(("word", "feature"), [("overlay", "CONFIG_OVERLAY_FS"), ("probe0", "CONFIG_BRIDGE")])
def test_a_missing_kernel_feature_is_named_with_its_reason(
    word: str, feature: str, able: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line of what the kernel said stands below, and the probe's folder is gone."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        failed = any(word in part for part in command)
        return subprocess.CompletedProcess(command, int(failed), "", "first\nunknown filesystem type\n")

    monkeypatch.setattr(subprocess, "run", run)
    message = _refusal(able)

    assert feature in message
    assert message.endswith("unknown filesystem type")
    assert "first" not in message
    assert list(able.parent.iterdir()) == []


def test_a_cold_build_wants_room_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache may lie on another disk than the lab; the message names the variable that moves it."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 10**9))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(LabError, match=r"3\.0 GB free.*10 GB.*XDG_CACHE_HOME"):
        parts.prepare()


def test_a_folder_with_other_files_is_never_taken_for_a_lab(tmp_path: Path) -> None:
    """LAB set to a home folder by mistake: `make down` and `make up` refuse, and the files stay."""
    (tmp_path / "letter").write_text("dear")
    lab = Lab(tmp_path)

    with pytest.raises(LabError, match=r"not a lab and not empty.*set LAB to a new folder"):
        lab.end()
    assert (tmp_path / "letter").read_text() == "dear"


def test_a_folder_with_other_files_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cold build takes a quarter of an hour, after which nobody is there to read the message."""
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    monkeypatch.setattr(parts, "prepare", lambda _: pytest.fail("built first"))
    (tmp_path / "letter").write_text("dear")

    with pytest.raises(LabError, match="not a lab and not empty"):
        Lab(tmp_path).start()


def test_what_a_cut_off_removal_leaves_is_removed_later(tmp_path: Path) -> None:
    """The record goes last, so the rest is still known as a lab's."""
    (tmp_path / "lab" / "root" / "data").mkdir(parents=True)
    (tmp_path / "lab" / "record.json").write_text("{}")

    Lab(tmp_path / "lab").end()

    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize("record", ["", "{", '{"keeper": 1, "started": 1, "boot": "x", "cgroup": "none-such"}'])
def test_a_lab_of_an_earlier_boot_or_with_half_a_record_is_not_running(record: str, tmp_path: Path) -> None:
    """An id that now belongs to another process does not count, and ends nobody."""
    (tmp_path / "record.json").write_text(record)

    assert Lab(tmp_path).process() is None
    assert not Lab(tmp_path).is_ready()
    with pytest.raises(LabError, match="not running; start it with `make up`"):
        Lab(tmp_path).command(["true"])
    with pytest.raises(LabError, match="not running"):
        Lab(tmp_path).switch("docker", on=False)

"""What keeps a machine from running a lab is told in one message, before anything is changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import __main__ as command_line
from lab import cgroups, parts, preflight, tools
from lab.lifecycle import Lab
from lab.ui import LabError

_NOT_ROOT = "The lab makes and enters network and mount namespaces, which takes root: use `sudo make ...`."


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has everything, whatever this one has; gives a folder whose lab would be accepted."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50 * 10**9))
    monkeypatch.setattr(cgroups, "is_v2", lambda: True)
    monkeypatch.setattr(preflight, "free_watchers", lambda wanted: wanted)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, stdout="", stderr="")
    )
    return tmp_path / "lab"


def _refusal(lab: Path, *, project: Path = Path("/srv/project"), cache: Path = Path("/srv/cache")) -> str:
    with pytest.raises(LabError) as refused:
        preflight.check(lab, project, cache)
    return str(refused.value)


def _foreign(folder: Path) -> str:
    """What is said of a folder with somebody else's files."""
    return (
        f"{folder} is not a lab and not empty, and a lab removes all that is in its folder: "
        "set LAB to a new folder."
    )


def test_a_machine_that_has_everything_is_accepted(able: Path) -> None:
    """Else the refusals below would prove nothing."""
    preflight.check(able, Path("/srv/project"), Path("/srv/cache"))

    assert not able.exists()


def test_another_system_than_linux_is_refused(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way that is open there."""
    monkeypatch.setattr(sys, "platform", "darwin")

    assert _refusal(able) == ("The lab is a Linux machine's; use a cluster of your own instead (README).")


def test_missing_root_names_sudo(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command to type."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert _refusal(able) == _NOT_ROOT


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
    assert capsys.readouterr().err == f"error: {_NOT_ROOT}\n"
    assert not able.exists()


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb", "unshare", "nsenter", "tar"])
def test_a_missing_program_is_named(program: str, able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Along with the distributions that have it."""
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else f"/usr/bin/{name}")

    assert _refusal(able) == (
        f"`{program}` is missing: the lab needs Debian, Ubuntu or a distribution made from them."
    )


@pytest.mark.parametrize("name", ["with:colon", "with,comma", "with space", "with\nnewline"])
def test_a_path_that_overlay_mounts_cannot_take_is_refused(name: str, able: Path) -> None:
    """The lab's folder, the project and the cache alike."""
    bad = Path("/srv") / name

    rule = "has a colon, comma or blank in its path, which overlay mounts cannot take: move it."
    assert _refusal(bad / "lab") == f"{bad / 'lab'} {rule}"
    assert _refusal(able, project=bad) == f"{bad} {rule}"
    assert _refusal(able, cache=bad) == f"{bad} {rule}"


@pytest.mark.parametrize("hidden", ["/run", "/var/lib/docker", "/var/log", "/data", "/proc"])
def test_a_place_that_the_node_has_for_itself_is_refused(hidden: str, able: Path) -> None:
    """Inside the node such a project or lab would be out of sight."""
    place = Path(hidden) / "lab"
    message = f"{place} lies in {hidden}, which a node has for itself: move it elsewhere."
    assert _refusal(place) == message
    assert _refusal(able, project=place) == message


def test_a_neighbour_of_such_a_place_is_accepted(able: Path) -> None:
    """`/database` is not `/data`."""
    preflight.check(able, Path("/database/project"), Path("/var/lib/other"))


def test_a_full_disk_tells_what_is_free_and_needed(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to use another disk."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 10**9 - 1))

    assert _refusal(able) == (
        f"{able.parent} has 10.0 GB free, and a lab needs 10 GB: free some, "
        "or set LAB to a folder on a larger disk."
    )


def test_no_control_groups_is_refused(able: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither version 2 nor the memory controller of version 1."""
    monkeypatch.setattr(cgroups, "is_v2", lambda: False)
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)

    assert _refusal(able) == (
        f"There are no control groups at {tmp_path}: mount them, or use a machine that has them."
    )


@pytest.mark.parametrize(
    ("word", "feature"),
    [
        ("overlay", "overlay mounts (CONFIG_OVERLAY_FS), on the file system of the lab's folder"),
        ("probe0", "network bridges (CONFIG_BRIDGE)"),
    ],
)
def test_a_missing_kernel_feature_is_named_with_its_reason(
    word: str, feature: str, able: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line of what the kernel said stands below, and the probe's folder is gone."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        failed = any(word in part for part in command)
        return subprocess.CompletedProcess(command, int(failed), "", "first\nunknown filesystem type\n")

    monkeypatch.setattr(subprocess, "run", run)

    assert _refusal(able) == (
        f"This kernel, or the sandbox around it, does not allow namespaces or lacks {feature}:\n"
        "  unknown filesystem type"
    )
    assert list(able.parent.iterdir()) == []


def test_a_cold_build_wants_room_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache may lie on another disk than the lab; the message names the variable that moves it."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 10**9))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tools, "pulumi_on_path", lambda: None)

    with pytest.raises(LabError) as refused:
        parts.prepare()
    assert str(refused.value) == (
        f"{tmp_path} has 3.0 GB free, and building the lab's tools takes 24 GB: free some, "
        "or set XDG_CACHE_HOME to a folder on a larger disk."
    )


def test_a_limit_that_other_labs_used_up_is_named(able: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node would wait two minutes for a kubelet that ends again and again."""
    monkeypatch.setattr(preflight, "free_watchers", lambda _: 11)

    assert _refusal(able) == (
        "This machine has 11 inotify instances left, and a lab needs 12: end another lab, or raise the limit with "
        "`sysctl fs.inotify.max_user_instances=512`."
    )


def test_the_kernel_says_how_many_watchers_are_free() -> None:
    """In a process whose own limit of open files leaves room for four."""
    script = (
        "import os, resource, sys; from lab.preflight import free_watchers; import ctypes; ctypes.CDLL(None)\n"
        "used = len(os.listdir('/proc/self/fd')) - 1\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (used + 4, used + 4))\n"
        "print(free_watchers(3), free_watchers(18), free_watchers(18))\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert told.stdout == "3 4 4\n"


def test_a_folder_with_other_files_is_never_taken_for_a_lab(tmp_path: Path) -> None:
    """LAB set to a home folder by mistake: `make down` and `make up` refuse, and the files stay."""
    (tmp_path / "letter").write_text("dear")
    lab = Lab(tmp_path)

    with pytest.raises(LabError) as refused:
        lab.end()
    assert str(refused.value) == _foreign(tmp_path)
    assert (tmp_path / "letter").read_text() == "dear"


def test_a_folder_with_other_files_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cold build takes a quarter of an hour, after which nobody is there to read the message."""
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    monkeypatch.setattr(parts, "prepare", lambda _: pytest.fail("built first"))
    (tmp_path / "letter").write_text("dear")

    with pytest.raises(LabError) as refused:
        Lab(tmp_path).start()
    assert str(refused.value) == _foreign(tmp_path)


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
    message = re.escape("The lab is not running; start it with `make up`.")
    with pytest.raises(LabError, match=f"^{message}$"):
        Lab(tmp_path).command(["true"])
    with pytest.raises(LabError, match=f"^{message}$"):
        Lab(tmp_path).switch("docker", on=False)

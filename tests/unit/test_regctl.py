"""How regctl is called: its words, and what it is told without them. The one here only writes its call down."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from components.retention.settings import Retention
from operations import regctl, removal
from operations.failure import OperationError
from operations.progress import Progress
from operations.regctl import Registry
from operations.retention import Tag
from operations.usage import Usage

PASSWORD = "canary-canary"
_PROGRAM = """#!/bin/sh
{ printf '%s\\n' "$*"; env; echo "config: $(cat "$REGCTL_CONFIG")"; } >> "$0.log"
printf '%s\\n' "$*" >> "$0.calls"
case "$*" in
  "manifest delete"*) echo "request failed: [http STATUS]" >&2; exit 1 ;;
  "manifest head"*) echo DIGEST ;;
esac
"""
DIGEST = f"sha256:{'1' * 64}"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A regctl that is the only one on PATH, in a registry that removes."""
    file = tmp_path / "regctl"
    file.write_text(_PROGRAM.replace("STATUS", "404").replace("DIGEST", DIGEST))
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSWORD)
    return file


def registry() -> Registry:
    """Give a registry with an account."""
    return Registry("10.0.0.5:5000", certificates="PEM", encrypted=True, account=("test", PASSWORD))


def calls(program: Path) -> list[str]:
    """What regctl was called with."""
    return Path(f"{program}.calls").read_text().splitlines()


def test_account_and_ca_come_by_a_file_that_only_regctl_can_open(program: Path) -> None:
    """On Linux it is in memory, so that not even SIGKILL leaves it behind."""
    before = set(program.parent.iterdir())
    registry().answers()
    log = Path(f"{program}.log").read_text()
    words, _, variables = log.partition("\n")
    config = json.loads(variables.rpartition("config: ")[2])

    assert PASSWORD not in words
    assert PASSWORD not in variables.rpartition("config: ")[0]
    assert config["hosts"]["10.0.0.5:5000"] == {
        "tls": "enabled",
        "regcert": "PEM",
        "user": "test",
        "pass": PASSWORD,
        "blobChunk": 32 << 20,
    }
    assert config["incDockerCred"] is config["incDockerCert"] is False
    assert "REGCTL_CONFIG=/proc/self/fd/" in variables
    assert {file.name for file in set(program.parent.iterdir()) - before} == {"regctl.log", "regctl.calls"}


def test_a_missing_regctl_is_said_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one file."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        OperationError, match=r"not on PATH; fix: get it from https://github.com/regclient/regclient"
    ):
        regctl.find()


@pytest.fixture
def two_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image with two tags, of which one may go."""
    made = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    monkeypatch.setattr(Registry, "repositories", lambda _: ["app"])
    monkeypatch.setattr(Registry, "tags", lambda *_: ["build-1", "stable"])
    monkeypatch.setattr(
        removal, "read_tag", lambda _, repository, name: Tag(repository, name, DIGEST, frozenset({DIGEST}), made)
    )


def removal_of_builds(*, remove: bool) -> int:
    """Run retention in which build-1 may go and stable, the same image, may not."""
    # Settings refuse 0 here; it lets the one build go.
    retention = Retention(retention_keep=0, retention_tags=("build-*",))
    with Progress() as progress:
        return removal.apply(registry(), retention, lambda: Usage({}, {}), progress, remove=remove)


@pytest.mark.usefixtures("two_tags")
def test_a_removal_names_the_tag_and_never_the_digest_that_another_tag_has(program: Path) -> None:
    """A registry that removes a manifest by its digest removes all of its tags with it (distribution#1566)."""
    assert removal_of_builds(remove=True) == 0

    removing = [call for call in calls(program) if "delete" in call]
    assert removing == [
        f"manifest delete 10.0.0.5:5000/app@sha256:{'0' * 64}",
        "tag delete 10.0.0.5:5000/app:build-1",
    ]
    assert "manifest head 10.0.0.5:5000/app:stable" in calls(program)


@pytest.mark.usefixtures("two_tags")
def test_a_dry_run_removes_nothing(program: Path) -> None:
    """And asks for nothing that could."""
    assert removal_of_builds(remove=False) == 0
    assert not Path(f"{program}.calls").exists()


@pytest.mark.usefixtures("two_tags")
def test_a_registry_that_refuses_removal_is_left_alone(program: Path) -> None:
    """There, regctl would put an empty image under the tag and then fail: the tag would be lost."""
    program.write_text(program.read_text().replace("404", "405"))

    with pytest.raises(OperationError, match=r"refuses to remove anything.*; fix: `pulumi up`"):
        removal_of_builds(remove=True)
    assert [call for call in calls(program) if call.startswith("tag")] == []


@pytest.mark.usefixtures("two_tags")
def test_a_tag_that_was_pushed_anew_meanwhile_stays(program: Path) -> None:
    """What was judged is not what is there now."""
    program.write_text(program.read_text().replace(DIGEST, f"sha256:{'2' * 64}"))

    assert removal_of_builds(remove=True) == 0
    assert [call for call in calls(program) if call.startswith("tag")] == []

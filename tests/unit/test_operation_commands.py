"""What people type for backup, restore and retention, and what is said when it cannot work."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from operations import __main__ as commands
from operations.failure import OperationError
from operations.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "10.0.0.5:5000"


def made(*words: str) -> str:
    """Give the command that a target of the Makefile runs, or what make says."""
    # Whatever the state of .venv, a test must not make it anew.
    make = ["make", "--dry-run", "--assume-old=.venv/.complete", "--assume-old=venv", *words]
    # `make test` runs this as well, and would hand its own flags on.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    result = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    return (result.stdout + result.stderr).strip().rpartition(" -m ")[2] or result.stderr


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("backup", "TO=/mnt/a b"), 'operations backup --stack "dev" --to "/mnt/a b"'),
        (("restore", "FROM=/mnt/b", "STACK=prod"), 'operations restore --stack "prod" --from "/mnt/b"'),
        (("restore", "FROM=/mnt/b", "FORCE=1"), 'operations restore --stack "dev" --from "/mnt/b" --force'),
        (("retention",), 'operations retention --stack "dev"'),
        (("retention", "APPLY=0"), 'operations retention --stack "dev"'),
        (("retention", "APPLY=1"), 'operations retention --stack "dev" --apply'),
        (("collect",), 'operations collect --stack "dev"'),
        (("collect", "APPLY=1", "UNTAGGED=1"), 'operations collect --stack "dev" --apply --untagged'),
    ],
)
def test_the_targets_run_these_commands(words: tuple[str, ...], command: str) -> None:
    """Only 1 removes or moves something."""
    assert made(*words).strip() == command


@pytest.mark.parametrize(("target", "variable"), [("backup", "TO"), ("restore", "FROM")])
def test_a_missing_folder_is_named(target: str, variable: str) -> None:
    """Before anything runs."""
    assert f"{variable}=FOLDER is missing: the folder of the backup" in made(target)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH beside the shell's own; what is asked for first is there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    _program(tmp_path / "regctl", "exit 1")
    return tmp_path


def _program(file: Path, lines: str) -> None:
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)


def _pulumi(folder: Path, outputs: dict[str, object], config: dict[str, object]) -> None:
    """A Pulumi that answers as the real one (3.274) does for such a stack."""
    (folder / "outputs").write_text(json.dumps(outputs))
    full = {f"private-registry:{key}": value for key, value in config.items()}
    (folder / "config").write_text(json.dumps(full))
    _program(
        folder / "pulumi",
        f'case "$*" in "stack output"*) cat {folder}/outputs ;; "config --json"*) cat {folder}/config ;; '
        '"config get private-registry:password"*) echo canary-canary ;; '
        '*) echo "error: no such stack" >&2; exit 255 ;; esac',
    )


def test_a_stack_that_pulumi_does_not_know_is_said_in_its_words(programs: Path) -> None:
    """With the command that failed."""
    _program(programs / "pulumi", 'echo "error: no stack named x" >&2; exit 255')

    with pytest.raises(
        OperationError, match=r"`pulumi stack output --json --stack x` failed: error: no stack named x"
    ):
        Stack.read("x")


def test_a_stack_that_is_not_up_has_no_registry(programs: Path) -> None:
    """It is known, and has no outputs."""
    _pulumi(programs, {}, {})

    with pytest.raises(OperationError, match=r"stack dev has no output `address`; fix: `pulumi up --stack dev`"):
        Stack.read("dev")


def test_a_generated_password_comes_from_the_state(programs: Path) -> None:
    """The settings have only the word for it."""
    _pulumi(programs, {"address": ADDRESS}, {"password": {"secret": True}})
    answers = (
        'case "$*" in "config get "*) echo generated ;; "stack output password --show-secrets "*) echo made ;; '
    )
    known = (programs / "pulumi").read_text().partition('case "$*" in ')[2]
    _program(programs / "pulumi", answers + known)

    assert Stack.read("dev").password == "made"


def test_settings_are_read_with_their_types_and_without_secrets(programs: Path) -> None:
    """Pulumi gives all values as text."""
    _pulumi(
        programs,
        {"address": ADDRESS},
        {
            "deleteEnabled": {"value": "true", "secret": False},
            "retentionKeep": {"value": "3", "secret": False},
            "retentionTags": {"value": '["pr-*"]', "objectValue": ["pr-*"], "secret": False},
            "username": {"value": "123", "secret": False},
            "password": {"secret": True},
        },
    )
    stack = Stack.read("dev")

    assert stack.encrypted == {"password"}
    assert stack.password == "canary-canary"
    assert "canary" not in repr(stack)
    assert (stack.get("username"), stack.get("tls")) == ("123", "generated")
    assert stack.retention().retention_tags == ("pr-*",)
    assert stack.retention().retention_keep == 3


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {},
            "retentionKeep must be set to the number of tags that stay; fix: `pulumi config set retentionKeep 10`",
        ),
        (
            {"retentionKeep": {"value": "3"}},
            (
                "retentionKeep must be 0 while deleteEnabled is false: the registry then refuses every removal; "
                "fix: `pulumi config set deleteEnabled true`"
            ),
        ),
        ({"retentionKeep": {"value": "many"}}, 'retentionKeep must be an integer, got "many"; fix: '),
    ],
)
def test_settings_of_retention_are_checked_as_in_a_preview(
    programs: Path, config: dict[str, object], line: str
) -> None:
    """By the same rules."""
    _pulumi(programs, {"address": ADDRESS}, config)

    with pytest.raises(OperationError) as refused:
        Stack.read("dev").retention()
    assert line in str(refused.value)


def test_a_command_that_cannot_run_ends_with_one_line(
    programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and code 1."""
    (programs / "regctl").unlink()

    assert commands.main(["backup", "--to", str(tmp_path / "backup")]) == 1
    assert capsys.readouterr().err.startswith("error: regctl is not on PATH; fix: get it from ")
    assert not (tmp_path / "backup").exists()


def test_a_restore_from_nowhere_is_refused(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anybody is asked."""
    assert commands.main(["restore", "--from", str(programs / "nowhere")]) == 1
    assert "nowhere is no folder; fix: FROM=" in capsys.readouterr().err

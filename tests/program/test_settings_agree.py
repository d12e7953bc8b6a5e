"""Pulumi.yaml, the Settings class, the stack files and the documents say the same."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.sections import SecretText
from components.stack_configuration import KEYS, Key

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
TYPES: dict[object, str] = {
    str: "string",
    SecretText: "string",
    int: "integer",
    bool: "boolean",
    tuple[str, ...]: "array",
    Mapping[str, str]: "object",
    Mapping[str, SecretText]: "object",
}


def default_of(key: Key) -> object:
    """Give a key's default as Pulumi.yaml would write it."""
    return list(key.default) if isinstance(key.default, tuple) else key.default


def unknown_keys(stack: Mapping[str, Any]) -> set[str]:
    """List what a stack file sets under the project's namespace and no setting is called."""
    keys = {
        key.removeprefix("private-registry:")
        for key in stack.get("config", {})
        if key.startswith("private-registry:")
    }
    return keys - KEYS.keys()


def test_project_declares_every_field_and_no_other() -> None:
    """In the same order, so that both read alike."""
    assert list(PROJECT["config"]) == list(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_type_default_and_description_agree(key: str) -> None:
    """A default that differs would depend on who makes the settings."""
    declared, field = PROJECT["config"][key], KEYS[key]

    assert declared["type"] == TYPES[field.type]
    assert declared.get("default", dataclasses.MISSING) == default_of(field)
    assert declared["description"].endswith(".")


def test_password_is_secret_and_the_only_setting_without_a_default() -> None:
    """Pulumi asks for it, refuses it in clear text, and allows no default for a secret."""
    assert [key for key, declared in PROJECT["config"].items() if declared.get("secret")] == ["password"]
    assert [key for key, declared in PROJECT["config"].items() if "default" not in declared] == ["password"]


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_stack_files_use_known_keys_only(file: Path) -> None:
    """A misspelt key in a shipped stack would stop its first `up`."""
    assert unknown_keys(yaml.safe_load(file.read_text(encoding="utf-8"))) == set()


def test_an_unknown_key_of_a_stack_file_is_seen() -> None:
    """The check above can fail, even while no stack file is wrong."""
    assert unknown_keys({"config": {"private-registry:hots": "x", "kubernetes:context": "y"}}) == {"hots"}


def test_documents_show_the_current_table() -> None:
    """Made by `make docs` from Pulumi.yaml."""
    check = subprocess.run(
        [sys.executable, "-m", "docs.settings_table", "--check"], cwd=ROOT, capture_output=True, text=True
    )

    assert (check.returncode, check.stdout) == (0, "")
    assert "| `port` | integer | `5000` |" in (ROOT / "docs/settings.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the files that the generator reads and writes."""
    (tmp_path / "docs").mkdir()
    for name in ("Pulumi.yaml", "docs/settings_table.py", "docs/settings.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def generate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the generator of a copy."""
    return subprocess.run(
        [sys.executable, "-m", "docs.settings_table", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_an_outdated_table_is_reported_and_repaired(copy: Path) -> None:
    """In README.md as in docs/settings.md, and only between the markers."""
    manifest = copy / "Pulumi.yaml"
    manifest.write_text(manifest.read_text().replace("default: 5000", "default: 5001"))
    readme = copy / "README.md"
    readme.write_text("before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n")
    outdated = generate(copy, "--check")

    assert outdated.returncode == 1
    assert outdated.stdout.splitlines() == [
        "README.md: table of settings is out of date",
        "docs/settings.md: table of settings is out of date",
        "fix: make docs",
    ]
    assert "old" in readme.read_text()

    assert generate(copy).returncode == 0
    assert generate(copy, "--check").returncode == 0
    text = readme.read_text()
    assert text.startswith("before\n<!-- settings -->\n| Setting |")
    assert text.endswith("<!-- /settings -->\nafter\n")
    assert "| `port` | integer | `5001` |" in text
    assert "| `port` | integer | `5001` |" in (copy / "docs/settings.md").read_text()


def test_documents_without_markers_stay(copy: Path) -> None:
    """A README that shows no table is nobody's error."""
    (copy / "README.md").write_text("text\n")

    assert generate(copy, "--check").returncode == 0


def test_a_marker_without_its_end_is_an_error(copy: Path) -> None:
    """Else all that follows it would be replaced."""
    (copy / "README.md").write_text("<!-- settings -->\nkeep me\n")
    result = generate(copy)

    assert result.returncode == 1
    assert "<!-- settings --> without <!-- /settings -->" in result.stderr
    assert "keep me" in (copy / "README.md").read_text()


def test_every_setting_is_documented_once_under_its_concern() -> None:
    """The README has ten of them, the whole list is in docs/settings.md."""
    first, all_of_them = (
        (ROOT / name)
        .read_text(encoding="utf-8")
        .partition("<!-- settings -->")[2]
        .partition("<!-- /settings -->")[0]
        for name in ("README.md", "docs/settings.md")
    )

    assert {key: all_of_them.count(f"\n| `{key}` |") for key in KEYS} == dict.fromkeys(KEYS, 1)
    assert first.count("\n| `") == 10
    assert all_of_them.index("### TLS") < all_of_them.index("\n| `tlsKey` |") < all_of_them.index("### Accounts")

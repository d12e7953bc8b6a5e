"""The package that other programs install: all of the component, and versions that agree."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = ROOT / "components"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = "pulumi_private_registry"


def pins() -> dict[str, Requirement]:
    """What requirements.txt pins, by name."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {requirement.name: requirement for requirement in found}


def test_every_folder_of_the_component_is_in_the_package() -> None:
    """Each is named, since the folder has another name than the package."""
    folders = {file.parent.relative_to(COMPONENTS).parts for file in COMPONENTS.rglob("*.py")}
    expected = {".".join((NAME, *folder)) for folder in folders} | {f"{NAME}.test_image"}

    assert set(PROJECT["tool"]["setuptools"]["packages"]) == expected
    assert all((COMPONENTS.joinpath(*folder) / "__init__.py").is_file() for folder in folders)


@pytest.mark.parametrize(
    "file", sorted(COMPONENTS.rglob("*.py")), ids=lambda file: str(file.relative_to(COMPONENTS))
)
def test_no_module_imports_another_by_the_name_it_has_here(file: Path) -> None:
    """In another program there is no `components`, or one of somebody else."""
    names = {
        name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }

    assert [name for name in names if name.partition(".")[0] == "components"] == []


def test_the_package_needs_what_is_pinned_here_and_accepts_it() -> None:
    """Other programs have pins of their own; what is tested lies within what is accepted."""
    needed = {found.name: found for found in map(Requirement, PROJECT["project"]["dependencies"])}

    assert needed.keys() == pins().keys()
    for name, requirement in pins().items():
        [pin] = requirement.specifier
        assert pin.operator == "=="
        assert needed[name].specifier.contains(pin.version), name
        # The oldest version that is accepted is one that was tested.
        assert any(
            each.operator == ">=" and pin.version.startswith(each.version) for each in needed[name].specifier
        ), name


def test_pulumi_looks_for_no_plugin_of_the_package() -> None:
    """Of a package whose name begins with pulumi it would, and fail to download it."""
    assert PROJECT["project"]["name"].startswith("pulumi-")
    assert (COMPONENTS / "pulumi-plugin.json").read_text() == '{"resource": false}\n'

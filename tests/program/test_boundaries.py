"""Which module may use what. Every module of the product is found by a glob, so that a new one is checked too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from components.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = ROOT / "components"
MODULES = sorted(COMPONENTS.rglob("*.py"))
OPERATIONS = sorted((ROOT / "operations").glob("*.py"))
CONCERNS = [item.name for item in fields(Settings)]
"""Folders in the order in which their sections are checked; `cluster` holds what all of them share."""
PROVIDERS = ("pulumi_kubernetes", "pulumi_docker")
REGISTERS = {"ComponentResource", "CustomResource", "Stash", "export"}
"""Names of the SDK by which something gets registered."""


def name_of(file: Path) -> str:
    """Give a module's name within the product, such as tls/pem."""
    return file.relative_to(COMPONENTS).with_suffix("").as_posix()


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Give level and full name of each import, wherever in a file it stands; those for type checks alone apart."""
    tree = ast.parse(source)
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, f"{node.module or ''}.{alias.name}".strip(".")) for alias in node.names)


def imports(file: Path) -> list[tuple[int, str]]:
    """Give the imports of a module."""
    return list(imported(file.read_text(encoding="utf-8")))


def packages(file: Path) -> set[str]:
    """Give the packages from outside that a module imports."""
    return {name.partition(".")[0] for level, name in imports(file) if not level}


def concerns(file: Path) -> set[str]:
    """Give the other folders that a module imports from."""
    # One dot is the module's own folder, two are the product's.
    top = 1 if file.parent == COMPONENTS else 2
    first = {name.partition(".")[0] for level, name in imports(file) if level == top}
    return {name for name in first if (COMPONENTS / name).is_dir()} - {file.parent.name}


def pulumi_names(source: str) -> set[str]:
    """Give the names that a file takes from the SDK, as `pulumi.Name` or by `from pulumi import Name`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pulumi":
            names.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == "pulumi":
            names |= {alias.name for alias in node.names}
    return names


def test_an_import_is_found_wherever_it_stands() -> None:
    """The checks below can fail."""
    text = "def f():\n    from pulumi_docker.x import y\nfrom ..proof import z\nimport os.path as p, pulumi\n"

    assert sorted(imported(text)) == [(0, "os.path"), (0, "pulumi"), (0, "pulumi_docker.x.y"), (2, "proof.z")]
    assert pulumi_names("from pulumi import Config\npulumi.Output.secret(1)") == {"Config", "Output"}
    assert {"exposure", "tls"} <= concerns(COMPONENTS / "nodes" / "settings.py")
    assert "pulumi_kubernetes" in packages(COMPONENTS / "exposure" / "service.py")


def test_every_folder_is_a_concern_with_a_section() -> None:
    """Whoever looks for a concern finds its folder by the section's name."""
    folders = {path.name for path in COMPONENTS.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders == set(CONCERNS)


@pytest.mark.parametrize("file", [file for file in MODULES if file.parent != COMPONENTS], ids=name_of)
def test_a_concern_uses_only_those_before_it(file: Path) -> None:
    """And what all share. Otherwise two concerns could be changed only together."""
    own = file.parent.name
    before = set() if own == "cluster" else {"cluster", *CONCERNS[: CONCERNS.index(own)]}

    assert concerns(file) <= before


@pytest.mark.parametrize("file", [file for file in MODULES if file.parent != COMPONENTS], ids=name_of)
def test_components_take_sections_and_never_all_settings(file: Path) -> None:
    """A component that takes all depends on all."""
    assert [name for level, name in imports(file) if level == 2 and name.startswith("settings.")] == []


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_only_modules_of_resources_register_something(file: Path) -> None:
    """All others hold rules, which can be tested, and used, without Pulumi and a cluster."""
    of_the_state_alone = {"private_registry.py", "ownership.py", "generated.py"}
    if packages(file).isdisjoint(PROVIDERS) and file.name not in of_the_state_alone:
        assert pulumi_names(file.read_text(encoding="utf-8")).isdisjoint(REGISTERS)


@pytest.mark.parametrize("module", ["stack_configuration", "settings"])
def test_nothing_that_reads_settings_loads_a_provider(module: str) -> None:
    """The SDK is loaded while Pulumi starts the providers, which needs the settings."""
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, components.{module}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "components.settings" in loaded
    assert [name for name in loaded if name.startswith(PROVIDERS)] == []


def test_only_one_module_reads_the_configuration() -> None:
    """All else gets checked values; `__main__.py` hands the configuration over."""
    readers = [name_of(file) for file in MODULES if "Config" in pulumi_names(file.read_text(encoding="utf-8"))]

    assert readers == ["stack_configuration"]
    assert (ROOT / "__main__.py").read_text(encoding="utf-8").count("Config") == 1


@pytest.mark.parametrize("file", [ROOT / "__main__.py", *MODULES, *OPERATIONS], ids=lambda file: file.name)
def test_product_uses_nothing_of_lab_and_tests(file: Path) -> None:
    """It is deployed without them."""
    assert {"lab", "tests", "bench"}.isdisjoint(packages(file))

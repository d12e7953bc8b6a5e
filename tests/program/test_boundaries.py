"""Which module may use what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = sorted((ROOT / "components").glob("*.py"))
PURE = (
    "accounts",
    "certificate_rules",
    "cluster",
    "commands",
    "distribution",
    "labels",
    "plain_http",
    "references",
    "runtimes",
    "x509",
)


def imports(source: str) -> Iterator[str]:
    """Give the package of each import, wherever in a file it stands; a relative one counts as `components`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "components" if node.level else (node.module or "").partition(".")[0]


def pulumi_names(source: str) -> set[str]:
    """Give the names that a file takes from the SDK, as `pulumi.Name` or by `from pulumi import Name`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pulumi":
            names.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == "pulumi":
            names |= {alias.name for alias in node.names}
    return names


def source(module: str) -> str:
    """Read a module of the product."""
    return (ROOT / "components" / f"{module}.py").read_text(encoding="utf-8")


def test_an_import_is_found_wherever_it_stands() -> None:
    """The checks below can fail."""
    text = "def f():\n    from pulumi_docker.x import y\nfrom . import z\nimport os.path as p, pulumi\n"

    assert sorted(imports(text)) == ["components", "os", "pulumi", "pulumi_docker"]
    assert pulumi_names("from pulumi import Config\npulumi.Output.secret(1)") == {"Config", "Output"}


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_do_without_pulumi(module: str) -> None:
    """So that their rules can be tested, and used, without an engine."""
    assert [name for name in imports(source(module)) if name.startswith("pulumi")] == []


@pytest.mark.parametrize("module", ["kubeconfig", "problems"])
def test_only_the_kind_of_error_is_taken_from_pulumi(module: str) -> None:
    """By which the engine shows the text alone, without a traceback."""
    assert pulumi_names(source(module)) == {"RunError"}
    assert {name for name in imports(source(module)) if name.startswith("pulumi")} == {"pulumi"}


@pytest.mark.parametrize("module", ["settings", "stack_configuration"])
def test_settings_need_no_provider(module: str) -> None:
    """Another program can check its settings without loading the Kubernetes SDK."""
    assert {name for name in imports(source(module)) if name.startswith("pulumi")} == {"pulumi"}


def test_nothing_that_reads_settings_loads_a_provider() -> None:
    """Nor what it imports: the SDK is loaded while the engine starts the providers, which needs the settings."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, components.stack_configuration; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "components.settings" in loaded
    assert [name for name in loaded if name.startswith(("pulumi_kubernetes", "pulumi_docker"))] == []


def test_only_one_module_reads_the_configuration() -> None:
    """All else gets checked values; `__main__.py` hands the configuration over."""
    readers = [file.stem for file in COMPONENTS if "Config" in pulumi_names(source(file.stem))]

    assert readers == ["stack_configuration"]
    assert (ROOT / "__main__.py").read_text(encoding="utf-8").count("Config") == 1


@pytest.mark.parametrize("file", [ROOT / "__main__.py", *COMPONENTS], ids=lambda file: file.name)
def test_product_uses_nothing_of_lab_and_tests(file: Path) -> None:
    """It is deployed without them."""
    assert {"lab", "tests", "bench"}.isdisjoint(imports(file.read_text(encoding="utf-8")))

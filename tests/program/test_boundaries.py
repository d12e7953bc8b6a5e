"""Which module may use what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = sorted((ROOT / "components").glob("*.py"))
PURE = ("accounts", "cluster", "commands", "distribution", "labels", "references", "runtimes", "x509")


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


def test_kubeconfig_takes_only_its_kind_of_error_from_pulumi() -> None:
    """By which the engine shows the text alone, without a traceback."""
    assert pulumi_names(source("kubeconfig")) == {"RunError"}
    assert {name for name in imports(source("kubeconfig")) if name.startswith("pulumi")} == {"pulumi"}


def test_settings_need_no_provider() -> None:
    """Another program can check its settings without loading the Kubernetes SDK."""
    assert {name for name in imports(source("settings")) if name.startswith("pulumi")} == {"pulumi"}


def test_only_settings_read_the_configuration() -> None:
    """All else gets checked values; `__main__.py` hands the configuration over."""
    readers = [file.stem for file in COMPONENTS if "Config" in pulumi_names(source(file.stem))]

    assert readers == ["settings"]
    assert (ROOT / "__main__.py").read_text(encoding="utf-8").count("Config") == 1


@pytest.mark.parametrize("file", [ROOT / "__main__.py", *COMPONENTS], ids=lambda file: file.name)
def test_product_uses_nothing_of_lab_and_tests(file: Path) -> None:
    """It is deployed without them."""
    assert {"lab", "tests", "bench"}.isdisjoint(imports(file.read_text(encoding="utf-8")))

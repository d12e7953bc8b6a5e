"""Versions that are too old are refused before anything else, and each is written in one place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pulumi
import pytest
import yaml

from components import pulumi_version
from lab import tools

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("older", ["(3, 10, 13)", "(3, 8, 0)"])
def test_n20_an_older_python_is_refused_by_name(older: str) -> None:
    """With the way out and no traceback. What the older one cannot import is imported later."""
    lines = (
        f"import datetime, runpy, sys; sys.version_info = {older}; del datetime.UTC; runpy.run_path('__main__.py')"
    )
    result = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True)

    assert result.returncode == 1
    assert result.stderr.startswith("Python 3.11 or newer is needed, got ")
    assert result.stderr.rstrip().endswith(
        "fix: `rm -r .venv`, then `pulumi install` with a newer python3 first on PATH"
    )
    assert "Traceback" not in result.stderr


def test_f8_the_oldest_pulumi_is_the_same_everywhere() -> None:
    """In the project file for newer Pulumis, in the program for older ones, and in the lab's choice."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))

    assert project["requiredPulumiVersion"] == pulumi_version.RANGE
    assert f">={'.'.join(map(str, tools.PULUMI_OLDEST))}.0" == pulumi_version.RANGE


def test_f8_an_older_pulumi_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not know the question, and would fail somewhere inside."""

    def unknown(_: str) -> None:
        raise RuntimeError("The installed version of the CLI does not support the `RequirePulumiVersion` RPC.")

    monkeypatch.setattr(pulumi, "require_pulumi_version", unknown)

    with pytest.raises(pulumi.RunError, match=r"^Pulumi 3\.226\.0 or newer is needed; fix: install it "):
        pulumi_version.check_pulumi()

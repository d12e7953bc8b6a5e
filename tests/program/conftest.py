"""The program with the dev stack's values, on a cluster that KUBECONFIG names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.clock import CLOCK
from components.cluster import provider
from tests.program import dev_stack
from tests.registry import asked

__all__ = ["asked", "dev"]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dev_stack.Dev:
    """Run the program; its keyword arguments are settings that differ from Pulumi.dev.yaml, and `preview`."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(json.dumps(dev_stack.KUBECONFIG), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.delenv("PULUMI_CONFIG", raising=False)
    monkeypatch.delenv(CLOCK, raising=False)
    monkeypatch.setattr(provider, "uid_of", lambda *_: dev_stack.UID)
    return dev_stack.run

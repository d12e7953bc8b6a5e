"""`__main__.py` where the cluster gives no answer: no server listens at that address."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest

from components.cluster import provider
from components.cluster.identity import uid_of
from tests.program.dev_stack import KUBECONFIG, SERVER, TOKEN, Dev

NOWHERE = "https://127.0.0.1:1"
CI = ("CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID")


@pytest.fixture
def nowhere(dev: Dev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dev:
    """The program, with a kubeconfig of which no server is there, and no CI system."""
    text = json.dumps(KUBECONFIG).replace(SERVER, NOWHERE)
    (tmp_path / "config").write_text(text)
    monkeypatch.setattr(provider, "uid_of", uid_of)
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    return dev


def test_n02_a_preview_goes_on_with_what_the_state_knows(nowhere: Dev) -> None:
    """Nothing may look as if it had to move: the identifier stays the one in the state."""
    request = nowhere(preview=True).one("pulumi:providers:kubernetes").request

    assert list(request.ignoreChanges) == ["clusterIdentifier"]


@pytest.mark.parametrize("name", CI)
def test_n02_a_preview_in_ci_fails(nowhere: Dev, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nobody reads a warning there."""
    monkeypatch.setenv(name, "true")

    with pytest.raises(pulumi.RunError, match=r"^a preview in CI must reach the cluster\. the cluster https://127"):
        nowhere(preview=True)


def test_n02_an_update_fails(nowhere: Dev) -> None:
    """Before anything is registered, and without a secret in the text."""
    with pytest.raises(pulumi.RunError) as failed:
        nowhere()

    assert str(failed.value).startswith(f'the cluster {NOWHERE} (context "dev" of KUBECONFIG (')
    assert TOKEN not in str(failed.value)

"""A shell on the node points at the lab and at nothing of the person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.environment import DEV_PASSPHRASE, variables

LAB, PROJECT = Path("/labs/one"), Path("/project")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who has set nothing of what is asked about below."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/own/bin:/usr/bin")


@pytest.mark.parametrize(
    "name",
    ["DOCKER_CONFIG", "KUBECACHEDIR", "LAB_HISTORY", "PULUMI_BACKEND_URL", "PULUMI_HOME", "TMPDIR"],
)
def test_whatever_is_written_lies_in_the_lab_s_folder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins, caches, state, history and temporary files, also where the person has set another place."""
    monkeypatch.setenv(name, "/home/me/own")

    assert variables(LAB, PROJECT)[name].removeprefix("file://").startswith("/labs/one/")


def test_kubectl_and_pulumi_use_the_node_s_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the person's cluster."""
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")

    assert variables(LAB, PROJECT)["KUBECONFIG"] == "/etc/kubernetes/admin.conf"


@pytest.mark.parametrize("name", ["DOCKER_HOST", "DOCKER_CONTEXT", "PULUMI_ACCESS_TOKEN", "PULUMI_STACK"])
def test_variables_that_lead_elsewhere_are_dropped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Docker Engine, a service or a stack of the person's is not the lab's."""
    monkeypatch.setenv(name, "elsewhere")

    assert name not in variables(LAB, PROJECT)


def test_other_variables_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's editor, language and terminal."""
    monkeypatch.setenv("EDITOR", "vi")

    assert variables(LAB, PROJECT)["EDITOR"] == "vi"


def test_programs_are_the_project_s_then_the_lab_s_then_the_node_s() -> None:
    """The project's Python first, for the language host; the person's own folders last."""
    found = variables(LAB, PROJECT)

    assert found["PATH"].split(":")[:4] == ["/project/.venv/bin", "/labs/one/bin", "/usr/sbin", "/usr/bin"]
    assert found["PATH"].split(":")[-2:] == ["/own/bin", "/usr/bin"]
    assert found["LAB_PATH"] == found["PATH"]


def test_without_a_passphrase_the_dev_stack_s_public_one_is_used() -> None:
    """Nothing to type for the tutorial."""
    assert variables(LAB, PROJECT)["PULUMI_CONFIG_PASSPHRASE"] == DEV_PASSPHRASE


def test_a_given_passphrase_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also an empty one, which is a passphrase."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "mine")
    assert variables(LAB, PROJECT)["PULUMI_CONFIG_PASSPHRASE"] == "mine"

    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    assert variables(LAB, PROJECT)["PULUMI_CONFIG_PASSPHRASE"] == ""


def test_a_passphrase_in_a_file_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi takes the variable before the file, so it must not be set."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/home/me/passphrase")

    assert "PULUMI_CONFIG_PASSPHRASE" not in variables(LAB, PROJECT)


def test_the_engine_never_waits_for_a_download() -> None:
    """Without a network route it would hang for minutes."""
    found = variables(LAB, PROJECT)

    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert found["PULUMI_SKIP_UPDATE_CHECK"] == "true"

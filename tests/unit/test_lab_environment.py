"""A shell on the node points at the lab and at nothing of the person's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.environment import DEV_PASSPHRASE, of_services, variables

LAB, PROJECT = Path("/labs/one"), Path("/project")


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person whose programs are in a folder of their own."""
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


_LEADS_ELSEWHERE = {
    "DOCKER_CONTEXT": "production",
    "DOCKER_HOST": "tcp://10.0.0.9:2375",
    "GOGC": "10",
    "KUBECONFIG": "/home/me/.kube/config",
    "LC_ALL": "tr_TR.UTF-8",
    "LD_PRELOAD": "/home/me/lib.so",
    "PULUMI_ACCESS_TOKEN": "pul-canary",
    "PULUMI_CONFIG_PASSPHRASE": "mine",
    "PULUMI_CONFIG_PASSPHRASE_FILE": "/home/me/passphrase",
    "PULUMI_PREFER_YARN": "true-canary",
    "PULUMI_STACK": "production",
    "PYTHONPATH": "/home/me/python",
    **{
        name: "http://proxy:3128"
        for proxy in ("HTTP", "HTTPS", "ALL", "NO")
        for name in (f"{proxy}_PROXY", f"{proxy.lower()}_proxy")
    },
}
"""Variables that people have set for work elsewhere; each stands for all that could be."""


@pytest.mark.parametrize("name", _LEADS_ELSEWHERE)
def test_f16_f17_f18_nothing_that_leads_elsewhere_is_handed_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to a shell on the node nor to the node's services: what they have is what they have without it."""
    monkeypatch.delenv(name, raising=False)
    plain = variables(LAB, PROJECT), of_services(LAB)
    monkeypatch.setenv(name, _LEADS_ELSEWHERE[name])

    assert (variables(LAB, PROJECT), of_services(LAB)) == plain
    assert _LEADS_ELSEWHERE[name] not in [value for found in plain for value in found.values()]


def test_f17_services_have_no_variable_of_the_person_s_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a home: accounts for registries and a Docker context of theirs may lie there."""
    monkeypatch.setattr(os, "environ", {})

    assert of_services(LAB) == {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/labs/one/home",
    }


@pytest.mark.parametrize("name", ["EDITOR", "HOME", "TERM", "USER"])
def test_a_person_s_terminal_and_editor_are_kept_in_a_shell(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would not be their shell."""
    monkeypatch.setenv(name, "own")

    assert variables(LAB, PROJECT)[name] == "own"


def test_programs_are_the_project_s_then_the_lab_s_then_the_node_s() -> None:
    """The project's Python first, for the language host; the person's own folders last."""
    found = variables(LAB, PROJECT)

    assert found["PATH"].split(":")[:4] == ["/project/.venv/bin", "/labs/one/bin", "/usr/sbin", "/usr/bin"]
    assert found["PATH"].split(":")[-2:] == ["/own/bin", "/usr/bin"]
    assert found["LAB_PATH"] == found["PATH"]


def test_f18_the_dev_stack_has_its_own_public_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to type for the tutorial, whatever a person has exported for stacks of their own."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")

    assert variables(LAB, PROJECT)["PULUMI_CONFIG_PASSPHRASE"] == DEV_PASSPHRASE


def test_the_engine_never_waits_for_a_download() -> None:
    """Without a network route it would hang for minutes."""
    found = variables(LAB, PROJECT)

    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert found["PULUMI_SKIP_UPDATE_CHECK"] == "true"

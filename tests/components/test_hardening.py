"""What every Pod and container of ours may not do."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest

from tests.components.declaration import CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, declared

CONTAINERS: Final = ("own-data", "registry", "metrics", "proof", "continuing", "remove-data", "node-trust")
PODS: Final = ("registry", "proof", "continuing", "removal", "node-trust")
LIMITED: Final = {"cpu", "memory", "ephemeral-storage"}


@cache
def pods() -> dict[str, dict[str, Any]]:
    """Give the spec of every Pod, with and without `removeData`, by what it is for."""
    return {
        "registry": declared(metrics=True).one(DEPLOYMENT).inputs["spec"]["template"]["spec"],
        "proof": declared().one(POD).inputs["spec"],
        "continuing": declared(metrics=True, proof_minutes=15)
        .one(CRON_JOB)
        .inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        "removal": declared(remove_data=True).one(JOB).inputs["spec"]["template"]["spec"],
        "node-trust": declared().one(DAEMON_SET).inputs["spec"]["template"]["spec"],
    }


def containers() -> dict[str, dict[str, Any]]:
    """Give every container by name."""
    return {
        container["name"]: container
        for pod in pods().values()
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    }


def test_these_are_all_containers() -> None:
    """A new one has to be listed here, and so to obey."""
    assert sorted(containers()) == sorted(CONTAINERS)


@pytest.mark.parametrize("name", PODS)
def test_pods_have_no_token_no_service_variables_and_the_default_seccomp_profile(name: str) -> None:
    """A Service called registry would set REGISTRY_PORT, which the registry reads as its configuration."""
    pod = pods()[name]

    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_cannot_write_to_their_root_nor_gain_rights(name: str) -> None:
    """Whatever image a stack sets."""
    context = containers()[name]["securityContext"]

    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"]["drop"] == ["ALL"]
    assert "privileged" not in context


@pytest.mark.parametrize("name", ["registry", "proof"])
def test_containers_run_without_root_and_without_capabilities(name: str) -> None:
    """As an account that no node has."""
    context = containers()[name]["securityContext"]

    assert context["runAsNonRoot"] is True
    assert (context["runAsUser"], context["runAsGroup"]) == (10001, 10001)
    assert "add" not in context["capabilities"]


BASELINE: Final = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
"""What the Pod Security level baseline allows a container to add."""


@pytest.mark.parametrize("name", ["own-data", "remove-data"])
def test_n11_who_works_on_the_folder_is_root_with_no_more_than_baseline_allows(name: str) -> None:
    """To give the folder away, to empty it, and to walk it whoever has it."""
    context = containers()[name]["securityContext"]

    assert context["runAsUser"] == 0
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"]}
    assert BASELINE.issuperset(context["capabilities"]["add"])


def test_n11_no_container_breaks_baseline_but_by_host_path_and_host_port() -> None:
    """Neither the registry's Pods nor those of node trust, the removal and the proof."""
    for container in containers().values():
        context = container["securityContext"]
        assert BASELINE.issuperset(context["capabilities"].get("add", []))
        assert "privileged" not in context


def test_only_who_writes_on_nodes_is_root_besides_and_without_any_capability() -> None:
    """The folders are root's, who needs no capability to write to what is its own."""
    context = containers()["node-trust"]["securityContext"]

    assert context["runAsUser"] == 0
    assert context["runAsNonRoot"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_ask_for_little_and_get_no_more_than_their_limits(name: str) -> None:
    """Disk included, since a full one evicts other Pods of the node."""
    resources = containers()[name]["resources"]

    assert resources["requests"].keys() == LIMITED
    assert resources["limits"].keys() == LIMITED

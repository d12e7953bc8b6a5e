"""What every Pod and container of ours may not do."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest

from tests.components.declaration import DAEMON_SET, DEPLOYMENT, JOB, POD, declared

CONTAINERS: Final = ("own-data", "registry", "proof", "remove-data", "node-trust")
PODS: Final = ("registry", "proof", "removal", "node-trust")
LIMITED: Final = {"cpu", "memory", "ephemeral-storage"}


@cache
def pods() -> dict[str, dict[str, Any]]:
    """Give the spec of every Pod, with and without `removeData`, by what it is for."""
    return {
        "registry": declared().one(DEPLOYMENT).inputs["spec"]["template"]["spec"],
        "proof": declared().one(POD).inputs["spec"],
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


@pytest.mark.parametrize("name", ["registry", "proof", "remove-data"])
def test_containers_run_without_root_and_without_capabilities(name: str) -> None:
    """As an account that no node has."""
    context = containers()[name]["securityContext"]

    assert context["runAsNonRoot"] is True
    assert (context["runAsUser"], context["runAsGroup"]) == (10001, 10001)
    assert "add" not in context["capabilities"]


def test_only_the_owner_of_the_folder_is_root_with_two_capabilities() -> None:
    """To give the folder away, and to walk it whoever has it."""
    context = containers()["own-data"]["securityContext"]

    assert context["runAsUser"] == 0
    assert context["capabilities"]["add"] == ["CHOWN", "DAC_READ_SEARCH"]


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

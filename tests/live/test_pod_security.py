"""The registry's Pod with a claim passes the Pod Security level `restricted`, and runs without any rights.

Its door and its metrics too, which a Pod has on request.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.images import NGINX
from tests.live import storage_kinds
from tests.live.harness import Node, Result, Stack
from tests.live.observation import REGISTRY_PODS, only_pod, registries, running

NAMESPACE = "restricted"
CONTAINERS = ("registry", "door", "metrics")
LISTENING = "0A"
"""The state of a socket in /proc/net/tcp."""
LOOPBACK = "0100007F"
"""127.0.0.1 there."""


@pytest.fixture(scope="module")
def pod(lab: Node, stack: Stack) -> Iterator[dict[str, Any]]:
    """The running Pod as the API server has it, in a form that can be created again."""
    with storage_kinds.prepared("claim", lab) as kind:
        kind.configure(stack)
        stack.set("exposure", "nodePort")
        stack.set("rights.pull", "pull *", path=True)
        stack.set("doorImage", NGINX)
        stack.set("metrics", "true")
        stack.up()
        lab.kubectl("create", "namespace", NAMESPACE)
        levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")]
        lab.kubectl("label", "namespace", NAMESPACE, *levels)
        found = only_pod(lab, REGISTRY_PODS)
        spec = {key: value for key, value in found["spec"].items() if key != "nodeName"}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "copy"}, "spec": spec}
        lab.kubectl("delete", "namespace", NAMESPACE)
        stack.destroy()


def created(lab: Node, pod: dict[str, Any]) -> Result[str]:
    """Have the API server judge a Pod as if it were created."""
    words = ["kubectl", "create", "--dry-run=server", "--filename=-", f"--namespace={NAMESPACE}"]
    return lab.run(words, stdin=json.dumps(pod), check=False)


def test_it_is_admitted_without_a_warning(lab: Node, pod: dict[str, Any]) -> None:
    """Under enforcement, and with every warning switched on."""
    judged = created(lab, pod)

    assert judged.returncode == 0, judged.stderr
    assert judged.stderr == ""


def test_these_are_its_containers(pod: dict[str, Any]) -> None:
    """Each of them is weakened below."""
    assert [container["name"] for container in pod["spec"]["containers"]] == list(CONTAINERS)


def _privileged(context: dict[str, Any]) -> None:
    # Both are no valid Pod, which would be refused for that.
    del context["allowPrivilegeEscalation"]
    context["privileged"] = True


OF_A_CONTAINER: dict[str, Callable[[dict[str, Any]], object]] = {
    "privileged": _privileged,
    "gains rights": lambda context: context.update(allowPrivilegeEscalation=True),
    "may be root": lambda context: context.update(runAsNonRoot=False),
    "is root": lambda context: context.update(runAsUser=0),
    "adds SYS_ADMIN": lambda context: context["capabilities"].update(add=["SYS_ADMIN"]),
    "adds NET_RAW": lambda context: context["capabilities"].update(add=["NET_RAW"]),
    "drops nothing": lambda context: context["capabilities"].pop("drop"),
    "seccomp off": lambda context: context.update(seccompProfile={"type": "Unconfined"}),
    "AppArmor off": lambda context: context.update(appArmorProfile={"type": "Unconfined"}),
    "SELinux type": lambda context: context.update(seLinuxOptions={"type": "spc_t"}),
}
"""By what is done to its security context."""

OF_THE_POD: dict[str, Callable[[dict[str, Any]], object]] = {
    "no seccomp": lambda spec: spec["securityContext"].pop("seccompProfile"),
    "sysctl": lambda spec: spec["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "host network": lambda spec: spec.update(hostNetwork=True),
    "host processes": lambda spec: spec.update(hostPID=True),
    "host IPC": lambda spec: spec.update(hostIPC=True),
    "host port": lambda spec: spec["containers"][1]["ports"][0].update(hostPort=5000),
    "host folder": lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "NFS": lambda spec: spec["volumes"].append({"name": "x", "nfs": {"server": "10.0.0.1", "path": "/"}}),
}


@pytest.mark.parametrize("weakening", OF_THE_POD)
def test_each_single_weakening_is_rejected(weakening: str, lab: Node, pod: dict[str, Any]) -> None:
    """So that the admission above says something of each of these fields."""
    weaker = copy.deepcopy(pod)
    OF_THE_POD[weakening](weaker["spec"])

    is_rejected(created(lab, weaker))


@pytest.mark.parametrize("number", range(len(CONTAINERS)), ids=CONTAINERS)
@pytest.mark.parametrize("weakening", OF_A_CONTAINER)
def test_each_single_weakening_of_a_container_is_rejected(
    weakening: str, number: int, lab: Node, pod: dict[str, Any]
) -> None:
    """The same for what stands in each container."""
    weaker = copy.deepcopy(pod)
    OF_A_CONTAINER[weakening](weaker["spec"]["containers"][number]["securityContext"])

    is_rejected(created(lab, weaker))


def is_rejected(judged: Result[str]) -> None:
    """By the level, and for no other reason."""
    assert judged.returncode != 0
    assert 'violates PodSecurity "restricted:latest"' in judged.stderr


def test_what_runs_has_no_rights_on_its_node(lab: Node, pod: dict[str, Any]) -> None:
    """As the kernel tells it: account, capabilities, seccomp, root folder, token, open ports."""
    assert pod
    found = [*registries(lab), *running(lab, "nginx: master process"), *running(lab, "nginx: worker process")]
    assert len(found) == 6
    for process in found:
        has_no_rights(process)


def has_no_rights(process: Path) -> None:
    """What the kernel tells of one process."""
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    [root] = [mount[5].split(",") for mount in mounts if mount[4] == "/"]
    sockets = [
        line.split() for kind in ("tcp", "tcp6") for line in (process / "net" / kind).read_text().splitlines()[1:]
    ]
    listening = [socket[1].split(":") for socket in sockets if socket[3] == LISTENING]
    ports = {int(port, 16) for address, port in listening if address != LOOPBACK}

    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "ro" in root
    assert not any("serviceaccount" in mount[4] for mount in mounts)
    assert ports == {5000, 5002}
    assert {int(port, 16) for address, port in listening if address == LOOPBACK} == {5001}

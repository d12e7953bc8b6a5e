"""The registry's Pod with a claim passes the Pod Security level `restricted`, and runs without any rights."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live import storage_kinds
from tests.live.harness import Node, Result, Stack
from tests.live.observation import REGISTRY_PODS, only_pod, registries

NAMESPACE = "restricted"
LISTENING = "0A"
"""The state of a socket in /proc/net/tcp."""


@pytest.fixture(scope="module")
def pod(lab: Node, stack: Stack) -> Iterator[dict[str, Any]]:
    """The running Pod as the API server has it, in a form that can be created again."""
    with storage_kinds.prepared("claim", lab) as kind:
        kind.configure(stack)
        stack.set("exposure", "nodePort")
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


def _container(spec: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = spec["containers"][0]["securityContext"]
    return context


def _privileged(spec: dict[str, Any]) -> None:
    # Both are no valid Pod, which would be refused for that.
    del _container(spec)["allowPrivilegeEscalation"]
    _container(spec)["privileged"] = True


WEAKENINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "privileged": _privileged,
    "gains rights": lambda spec: _container(spec).update(allowPrivilegeEscalation=True),
    "may be root": lambda spec: _container(spec).update(runAsNonRoot=False),
    "is root": lambda spec: _container(spec).update(runAsUser=0),
    "adds SYS_ADMIN": lambda spec: _container(spec)["capabilities"].update(add=["SYS_ADMIN"]),
    "adds NET_RAW": lambda spec: _container(spec)["capabilities"].update(add=["NET_RAW"]),
    "drops nothing": lambda spec: _container(spec)["capabilities"].pop("drop"),
    "no seccomp": lambda spec: spec["securityContext"].pop("seccompProfile"),
    "seccomp off": lambda spec: _container(spec).update(seccompProfile={"type": "Unconfined"}),
    "AppArmor off": lambda spec: _container(spec).update(appArmorProfile={"type": "Unconfined"}),
    "SELinux type": lambda spec: _container(spec).update(seLinuxOptions={"type": "spc_t"}),
    "sysctl": lambda spec: spec["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "host network": lambda spec: spec.update(hostNetwork=True),
    "host processes": lambda spec: spec.update(hostPID=True),
    "host IPC": lambda spec: spec.update(hostIPC=True),
    "host port": lambda spec: spec["containers"][0]["ports"][0].update(hostPort=5000),
    "host folder": lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "NFS": lambda spec: spec["volumes"].append({"name": "x", "nfs": {"server": "10.0.0.1", "path": "/"}}),
}


@pytest.mark.parametrize("weakening", WEAKENINGS)
def test_each_single_weakening_is_rejected(weakening: str, lab: Node, pod: dict[str, Any]) -> None:
    """So that the admission above says something of each of these fields."""
    weaker = copy.deepcopy(pod)
    WEAKENINGS[weakening](weaker["spec"])
    judged = created(lab, weaker)

    assert judged.returncode != 0
    assert 'violates PodSecurity "restricted:latest"' in judged.stderr


def test_what_runs_has_no_rights_on_its_node(lab: Node, pod: dict[str, Any]) -> None:
    """As the kernel tells it: account, capabilities, seccomp, root folder, token, open ports."""
    assert pod
    [process] = registries(lab)
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    [root] = [mount[5].split(",") for mount in mounts if mount[4] == "/"]
    sockets = [
        line.split() for kind in ("tcp", "tcp6") for line in (process / "net" / kind).read_text().splitlines()[1:]
    ]
    ports = {int(socket[1].rpartition(":")[2], 16) for socket in sockets if socket[3] == LISTENING}

    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "ro" in root
    assert not any("serviceaccount" in mount[4] for mount in mounts)
    assert ports == {5000}

"""The folder on the node: who mounts it where, and how it is removed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.declaration import (
    CERTIFICATES,
    DEPLOYMENT,
    JOB,
    NODE_TRUST,
    REGISTRY,
    SECRET,
    SERVER,
    STASH,
    declared,
    pinned_to,
)
from tests.components.recorder import Recorder


def pod(recorder: Recorder, type_: str) -> dict[str, Any]:
    """Take the Pod's spec of a Deployment or Job."""
    found: dict[str, Any] = recorder.one(type_).inputs["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("type_", [DEPLOYMENT, JOB])
def test_folder_and_node_are_those_of_the_settings(type_: str) -> None:
    """For the registry as for the removal: on another node the folder is another."""
    spec = pod(declared(host_path="/srv/images", node="node-7", remove_data=True), type_)

    assert pinned_to(spec) == "node-7"
    [folder] = [volume["hostPath"] for volume in spec["volumes"] if "hostPath" in volume]
    assert folder == {"path": "/srv/images", "type": "DirectoryOrCreate"}


@pytest.mark.parametrize("type_", [DEPLOYMENT, JOB])
@pytest.mark.parametrize("name", ["node-7", "a.example.test", "a" * 64, "a" * 253], ids=len)
def test_n09_a_node_is_known_by_its_name_alone(type_: str, name: str) -> None:
    """Whatever its labels, whose values end at 63 characters; by way of the scheduler, which says why one waits."""
    spec = pod(declared(node=name, remove_data=True), type_)

    assert pinned_to(spec) == name
    assert "nodeSelector" not in spec
    assert "nodeName" not in spec


@pytest.mark.parametrize("type_", [DEPLOYMENT, JOB])
def test_every_container_sees_the_registrys_subfolder_only(type_: str) -> None:
    """The init container owns, and the removal empties, exactly what the registry uses."""
    spec = pod(declared(remove_data=True), type_)
    [volume] = [volume["name"] for volume in spec["volumes"] if "hostPath" in volume]

    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == volume]
        assert mount == {"name": volume, "mountPath": "/var/lib/registry", "subPath": "registry"}


def test_helpers_use_the_registrys_own_image() -> None:
    """No other image has to be there, or be trusted."""
    recorder = declared(image="registry:3.2.0", remove_data=True)

    assert pod(recorder, DEPLOYMENT)["initContainers"][0]["image"] == "registry:3.2.0"
    assert pod(recorder, JOB)["containers"][0]["image"] == "registry:3.2.0"


def test_removal_runs_once_after_the_registry_has_stopped() -> None:
    """Emptying the folder under a running registry would leave it half-broken."""
    recorder = declared(remove_data=True, namespace="images")
    deployment, job = recorder.one(DEPLOYMENT), recorder.one(JOB)

    assert deployment.inputs["spec"]["replicas"] == 0
    assert deployment.urn in job.request.dependencies
    assert job.inputs["spec"]["backoffLimit"] == 0
    assert pod(recorder, JOB)["restartPolicy"] == "Never"
    assert job.inputs["metadata"]["namespace"] == "images"


def test_n14_removal_ends_within_the_time_limit_and_never_later() -> None:
    """A Job that waits for its node would empty the folder when nobody wants that any more."""
    job = declared(remove_data=True, timeout_seconds=8).one(JOB)

    assert job.inputs["spec"]["activeDeadlineSeconds"] == 8
    assert job.request.customTimeouts.create == "8s"
    # Without it, the next `up` would wait for the Job that has failed.
    assert job.inputs["metadata"]["annotations"]["pulumi.com/replaceUnready"] == "true"


def test_removal_declares_no_proof_and_no_pull_secret() -> None:
    """Nothing is left to pull; what stays is the Job, and the stopped registry with what it serves TLS with."""
    recorder = declared(remove_data=True)
    registry = recorder.one(REGISTRY)

    assert {item.type for item in recorder if item.parent == registry.urn} == {
        CERTIFICATES,
        NODE_TRUST,
        SERVER,
        JOB,
        STASH,
    }
    assert recorder.all(SECRET).keys() == {"registry-config", "registry-htpasswd", "registry-tls"}


def test_without_the_setting_nothing_removes_data() -> None:
    """Images outlive even `pulumi destroy`."""
    assert declared().all(JOB) == {}

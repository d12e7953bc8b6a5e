"""What is declared for the images on kinds of storage other than a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pulumi
import pytest

from components.cluster.conflicts import OWNER as MARK
from tests.components.declaration import (
    DEPLOYMENT,
    JOB,
    OWNER,
    SECRET,
    container,
    content,
    declared,
    template,
)
from tests.components.recorder import Recorder

CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"
BUDGET: Final = "kubernetes:policy/v1:PodDisruptionBudget"
S3: Final[dict[str, Any]] = {"storage": "s3", "s3_bucket": "images", "s3_endpoint": "http://10.0.0.9:7070"}
MOUNTED: Final = {"name": "data", "persistentVolumeClaim": {"claimName": "registry-data"}}
KEYS: Final[dict[str, Any]] = {"s3_access_key": "canary-id", "s3_secret_key": "[ canary"}


class Cluster:
    """Answers for a cluster in which this claim is, or none."""

    def __init__(self, claim: dict[str, Any] | None) -> None:
        self.claim = claim

    def __call__(self, words: Sequence[str]) -> str:
        """Answer as kubectl does."""
        if words[1].startswith("persistentvolumeclaim/") and "--show-managed-fields" not in words:
            return json.dumps(self.claim) if self.claim else ""
        if words[1] == "--raw":
            return json.dumps({"spec": {}})
        return json.dumps({"items": [{"kind": "Namespace", "metadata": {"name": "default"}}]})


def pod(recorder: Recorder) -> dict[str, Any]:
    """Take the spec of the registry's Pods."""
    found: dict[str, Any] = template(recorder)["spec"]
    return found


def claim_of(size: str, owner: str = OWNER, **metadata: str) -> dict[str, Any]:
    """Give a claim as the cluster tells of it."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"metadata": {"name": "registry-data", "annotations": {MARK: owner}, **metadata}, "spec": spec}


def test_a_new_claim_stays_when_the_stack_is_destroyed() -> None:
    """And the Pod has it where images are, as the registry's group."""
    recorder = declared(storage="claim", claim_class="fast", claim_size="20Gi")
    claim = recorder.one(CLAIM)

    assert claim.inputs["metadata"]["name"] == "registry-data"
    assert claim.inputs["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "20Gi"}},
    }
    assert claim.request.retainOnDelete
    assert MOUNTED in pod(recorder)["volumes"]
    assert {"name": "data", "mountPath": "/var/lib/registry"} in container(recorder)["volumeMounts"]
    assert pod(recorder)["securityContext"]["fsGroup"] == 10001
    assert not pod(recorder).get("initContainers")


def test_the_default_class_is_left_to_the_cluster() -> None:
    """An empty name would mean a volume without a class."""
    assert "storageClassName" not in declared(storage="claim").one(CLAIM).inputs["spec"]


def test_an_existing_claim_is_mounted_and_not_made() -> None:
    """It is somebody else's, and stays so."""
    recorder = declared(storage="claim", claim_name="images")

    assert not recorder.all(CLAIM)
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "images"}} in pod(recorder)["volumes"]


def test_images_in_a_claim_are_removed_by_a_job_that_is_not_root() -> None:
    """And `destroy` then removes the claim."""
    recorder = declared(storage="claim", remove_data=True)
    spec = recorder.one(JOB).inputs["spec"]["template"]["spec"]

    assert spec["volumes"] == [MOUNTED]
    assert spec["containers"][0]["securityContext"]["runAsUser"] == 10001
    assert not recorder.one(CLAIM).request.retainOnDelete


@pytest.mark.parametrize("preview", [True, False])
def test_a_claim_that_would_shrink_is_refused(*, preview: bool) -> None:
    """Also in preview, with what the cluster says."""
    with pytest.raises(pulumi.RunError, match="claimSize must not be less than claim registry-data has, 10Gi"):
        declared(storage="claim", claim_size="5Gi", ask=Cluster(claim_of("10Gi")), preview=preview)


def test_a_claim_that_grows_is_only_asked_for_more() -> None:
    """In place."""
    recorder = declared(storage="claim", claim_size="20Gi", ask=Cluster(claim_of("10Gi")))

    assert recorder.one(CLAIM).inputs["spec"]["resources"]["requests"]["storage"] == "20Gi"


LEFT: Final = f"{OWNER.partition('#')[0]}#fedcba9876543210"
"""The mark of the same stack before it was destroyed."""


def test_a_claim_that_the_stack_left_is_taken_as_it_is() -> None:
    """Kubernetes providers from 4.29 on do not make what is there."""
    recorder = declared(storage="claim", ask=Cluster(claim_of("10Gi", LEFT)))

    assert not recorder.all(CLAIM)
    assert MOUNTED in pod(recorder)["volumes"]


def test_a_claim_that_the_stack_left_grows_by_hand() -> None:
    """Nothing in the stack would do it."""
    with pytest.raises(pulumi.RunError) as refused:
        declared(storage="claim", claim_size="20Gi", ask=Cluster(claim_of("10Gi", LEFT)))

    assert str(refused.value).splitlines()[-1].strip() == (
        "private-registry:claimSize must be that of claim registry-data, 10Gi: the stack left it when it was "
        "destroyed, and takes it as it is; fix: `pulumi config set claimSize 10Gi`, or `kubectl patch pvc "
        'registry-data --namespace default --patch \'{"spec": {"resources": {"requests": {"storage": "20Gi"}}}}\'`'
    )


def test_a_claim_of_others_is_not_taken() -> None:
    """Where it would be made, it is refused."""
    others = "organization/private-registry/prod/registry#0123456789abcdef"

    assert declared(storage="claim", ask=Cluster(claim_of("10Gi", others))).one(CLAIM)


def test_a_claim_that_is_being_deleted_is_refused() -> None:
    """Its images go with the last Pod that uses it."""
    claim = claim_of("10Gi", deletionTimestamp="2026-11-26T00:00:00Z")
    with pytest.raises(pulumi.RunError, match="storage must not be claim registry-data, which is being deleted"):
        declared(storage="claim", ask=Cluster(claim))


def test_keys_of_a_bucket_are_in_the_configuration_alone() -> None:
    """Which is a Secret, and one to Pulumi too."""
    recorder = declared(**S3, **KEYS)
    config = json.loads(content(recorder.one(SECRET, "registry-config"))["config.yml"])

    assert config["storage"]["s3"]["accesskey"] == "canary-id"
    assert config["storage"]["s3"]["secretkey"] == "[ canary"
    assert "canary-id" not in json.dumps(recorder.one(DEPLOYMENT).inputs)
    assert not [item for item in pod(recorder)["volumes"] if item["name"] == "data"]


def test_a_secret_of_keys_is_named_and_not_read() -> None:
    """By the variables that the registry's S3 client knows."""
    recorder = declared(**S3, s3_secret="keys")
    config = json.loads(content(recorder.one(SECRET, "registry-config"))["config.yml"])
    variables = {item["name"]: item.get("valueFrom") for item in container(recorder)["env"]}

    assert "accesskey" not in config["storage"]["s3"]
    assert variables["AWS_ACCESS_KEY_ID"] == {"secretKeyRef": {"name": "keys", "key": "accessKey"}}
    assert variables["AWS_SECRET_ACCESS_KEY"] == {"secretKeyRef": {"name": "keys", "key": "secretKey"}}


def test_other_keys_start_the_registry_anew() -> None:
    """A Pod reads its configuration once."""
    first, second = (declared(**S3, **{**KEYS, "s3_secret_key": key}) for key in ("canary-1", "canary-2"))

    assert template(first)["metadata"]["annotations"] != template(second)["metadata"]["annotations"]


def test_a_bucket_needs_no_pod_of_root() -> None:
    """There is no folder to own, so the level `restricted` of Pod Security is enough, the host port aside."""
    spec = pod(declared(**S3, **KEYS))

    assert not spec.get("initContainers")
    assert [item["securityContext"]["runAsNonRoot"] for item in spec["containers"]] == [True]


def test_one_pod_at_a_port_of_its_node_goes_before_the_next_comes() -> None:
    """Whatever the storage takes."""
    recorder = declared(**S3)

    assert recorder.one(DEPLOYMENT).inputs["spec"]["strategy"] == {"type": "Recreate"}
    assert not recorder.all(BUDGET)


def test_a_claim_has_the_owners_mark() -> None:
    """By it the next `up` knows the claim again."""
    assert declared(storage="claim").one(CLAIM).inputs["metadata"]["annotations"][MARK] == OWNER

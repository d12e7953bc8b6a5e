"""The program with the values of Pulumi.prod.yaml, and the secrets that its head asks for."""

import json
from typing import Any

import pytest

from tests.components.recorder import Recorder, Secret
from tests.program.dev_stack import Dev

SECRETS = {"password": "canary-canary", "s3AccessKey": "canary-id", "s3SecretKey": "canary-key"}


@pytest.fixture(params=[True, False], ids=["preview", "up"])
def production(request: pytest.FixtureRequest, dev: Dev) -> Recorder:
    """That stack, previewed and brought up."""
    return dev(stack="prod", preview=request.param, encrypted=True, **SECRETS)


def test_its_file_and_three_secrets_are_enough(production: Recorder) -> None:
    """Nothing is refused, and each image name is the host alone."""
    outputs: dict[str, Any] = production.one("pulumi:pulumi:Stack").outputs

    assert outputs["address"] == "registry.example.com"
    assert production.one("kubernetes:core/v1:Service", "registry-service").inputs["spec"]["type"] == "LoadBalancer"


def test_it_has_two_replicas_that_follow_each_other_without_a_gap(production: Recorder) -> None:
    """On different nodes, and never both gone by a drain."""
    spec = production.one("kubernetes:apps/v1:Deployment").inputs["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"]["type"] == "RollingUpdate"
    assert spec["template"]["spec"]["topologySpreadConstraints"]
    assert production.one("kubernetes:policy/v1:PodDisruptionBudget").inputs["metadata"]["namespace"] == "registry"


def test_its_pods_are_of_no_node_and_need_no_root(production: Recorder) -> None:
    """So that any node may be lost."""
    pod = production.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]

    assert not pod.get("affinity")
    assert not pod.get("initContainers")
    containers = {container["name"]: container for container in pod["containers"]}
    assert containers["door"]["ports"] == [{"name": "registry", "containerPort": 5000}]
    assert "ports" not in containers["registry"]
    assert "@sha256:" in containers["registry"]["image"]


def test_its_proof_goes_on_and_its_loss_is_an_alert(production: Recorder) -> None:
    """People hear of it before a deployment does."""
    [group] = production.one("kubernetes:monitoring.coreos.com/v1:PrometheusRule").inputs["spec"]["groups"]

    assert production.one("kubernetes:batch/v1:CronJob").inputs["spec"]["schedule"] == "*/15 * * * *"
    assert "PrivateRegistryProofLost" in {rule["alert"] for rule in group["rules"]}


def test_the_keys_of_its_bucket_are_in_a_secret(production: Recorder) -> None:
    """And in nothing else."""
    config = production.one("kubernetes:core/v1:Secret", "registry-config").inputs["stringData"]

    assert isinstance(config, Secret)
    assert json.loads(config.value["config.yml"])["storage"]["s3"]["secretkey"] == "canary-key"
    assert "canary-key" not in json.dumps(production.one("kubernetes:apps/v1:Deployment").inputs)

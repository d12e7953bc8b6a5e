"""Pulumi.prod.yaml, brought up as its head says, with this lab's addresses in place of a company's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.images import NGINX
from tests.live import checkov, load_balancer
from tests.live.harness import Node, Stack
from tests.live.registry_client import Client, Image
from tests.live.s3 import ACCESS_KEY, BUCKET, ENDPOINT, REGION, S3, SECRET_KEY

HOST = "192.168.99.201"
NAMESPACE = "registry"
PASSWORD = "canary-of-production"
HERE = {
    "host": HOST,
    "s3Bucket": BUCKET,
    "s3Region": REGION,
    "nodeTrust": "minikube",
    # What is there without a network.
    "s3Endpoint": ENDPOINT,
    "image": "registry:3.1.2",
    "doorImage": NGINX,
}
SECRETS = {"password": PASSWORD, "s3AccessKey": ACCESS_KEY, "s3SecretKey": SECRET_KEY}


@pytest.fixture(scope="module")
def production(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """That stack, up."""
    folder: Path = tmp_path_factory.mktemp("production")
    with S3.running(lab), load_balancer.running(lab):
        stack = replace(Stack.make(lab, folder), name="prod")
        stack.pulumi("stack", "init", "prod")
        for key, value in HERE.items():
            stack.set(key, value)
        for key, value in SECRETS.items():
            stack.set(key, value, secret=True)
        stack.up()
        yield stack
        stack.remove()
    lab.kubectl("delete", "namespace", NAMESPACE)


def test_it_comes_up_proven_and_a_second_up_changes_nothing(production: Stack, lab: Node) -> None:
    """At the load balancer's address, on port 443, which image names leave out."""
    again = production.up()

    assert production.outputs()["address"] == HOST
    assert production.outputs()["image"].startswith(f"{HOST}/alpine_test@sha256:")
    assert again.changed == set()
    ready = lab.get("deployment", "registry", f"--namespace={NAMESPACE}")["status"]["readyReplicas"]
    assert ready == 2


def test_checkov_finds_nothing_without_a_reason_on_the_object(production: Stack, lab: Node, tmp_path: Path) -> None:
    """And each reason is still needed."""
    assert production.node is lab
    report = checkov.scan(lab, tmp_path)

    assert report.kinds == {"CronJob", "DaemonSet", "Deployment", "Pod"}
    assert report.unexplained == set()
    assert report.explained == report.found


def test_images_outlive_the_stack(production: Stack, lab: Node) -> None:
    """They are in the bucket; another `up` of it finds them byte by byte."""
    authority = f"/etc/docker/certs.d/{HOST}/private-registry.crt"
    image = Image.random(1 << 20, 1 << 20)
    account = ("registry", PASSWORD)
    assert Client(lab, f"{HOST}:443", account, authority).push("kept", "1", image).status == 201

    production.destroy()
    production.up()

    assert Client(lab, f"{HOST}:443", account, authority).has("kept", "1", image)


def test_no_secret_of_it_is_in_the_cluster_in_clear(production: Stack, lab: Node) -> None:
    """Neither in Pods nor in anything but Secrets, nor in the state."""
    kinds = "pods,deployments,daemonsets,replicasets,services,configmaps,events"
    shown = lab.kubectl("get", kinds, "--all-namespaces", "--output=json")
    state = "".join(file.read_text() for file in production.backend.rglob("prod.json*"))

    for canary in (PASSWORD, SECRET_KEY):
        assert canary not in shown
        assert canary not in state

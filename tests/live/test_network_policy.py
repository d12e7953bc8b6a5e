"""Who reaches the registry where a NetworkPolicy says so, with a real enforcer: all of a hundred tries, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab import images
from lab.topology import FIRST
from tests.live import load_balancer, network_policy, s3
from tests.live.harness import Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod, until
from tests.live.s3 import S3

NODES = "192.168.99.96/28"
"""Both nodes of a lab, and not the machine beside them."""
CLIENTS, READERS, STRANGERS = "team-clients", "team-readers", "team-strangers"
NAMESPACES = (CLIENTS, READERS, STRANGERS)
NUMBER = 100
_BY_POD = "nc -w 3 {host} {port}"
_BY_MACHINE = "timeout 3 bash -c ': < /dev/tcp/{host}/{port}'"
_TRY = """
for number in $(seq {number}); do
  ({connect} < /dev/null > /dev/null 2>&1 && echo reached) &
done
wait
"""


@dataclass(frozen=True)
class Places:
    """Where the registry is, and who may ask it."""

    lab: Node
    neighbour: Sequence[str]
    second: str
    pod: str
    service: str
    stranger: str
    """The address of a Pod that takes connections from everybody."""

    def reached(self, words: Sequence[str], host: str, port: int, node: str = FIRST.name) -> int:
        """How many of the connections were made that begin with these words of a command."""
        connect = (_BY_POD if "kubectl" in words else _BY_MACHINE).format(host=host, port=port)
        script = _TRY.format(number=NUMBER, connect=connect)
        printed = self.lab.run([*words, "sh", "-c", script], node=node, check=False).stdout
        return printed.split().count("reached")

    def of_pod(self, namespace: str, name: str = "client", container: str = "client") -> list[str]:
        """The first words of a command in a Pod."""
        return ["kubectl", "exec", name, f"--namespace={namespace}", f"--container={container}", "--"]


@contextmanager
def clients(lab: Node) -> Iterator[None]:
    """A Pod in each of these namespaces, which also takes connections."""
    serve = "while true; do nc -l -p 7000 < /dev/null; done"
    try:
        for namespace in NAMESPACES:
            lab.kubectl("create", "namespace", namespace)
            words = [f"--image={images.ALPINE}", "--image-pull-policy=Never", f"--namespace={namespace}"]
            pinned = f"--overrides={json.dumps({'spec': {'nodeName': FIRST.name}})}"
            lab.kubectl("run", "client", *words, pinned, "--", "sh", "-c", serve)
        yield
    finally:
        for namespace in NAMESPACES:
            lab.kubectl("delete", "pod", "--all", f"--namespace={namespace}", "--grace-period=0", "--force")
        lab.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found")


@pytest.fixture(scope="module")
def places(lab: Node, stack: Stack, second_node: str) -> Iterator[Places]:
    """The registry on S3, up while its policy is enforced."""
    with (
        S3.running(lab),
        load_balancer.neighbour(lab) as neighbour,
        clients(lab),
        network_policy.enforced(lab),
    ):
        for key, value in {"storage": "s3", "s3Bucket": s3.BUCKET, "s3Endpoint": s3.ENDPOINT}.items():
            stack.set(key, value)
        stack.set("s3AccessKey", s3.ACCESS_KEY, secret=True)
        stack.set("s3SecretKey", s3.SECRET_KEY, secret=True)
        stack.set("networkAddresses[0]", NODES, path=True)
        stack.set("networkNamespaces[0]", CLIENTS, path=True)
        stack.set("metrics", "true")
        stack.set("doorImage", images.NGINX)
        stack.set("networkMetricsNamespaces[0]", READERS, path=True)
        stack.set("proofMinutes", "1")
        stack.set("proofNodes[0]", FIRST.name, path=True)
        stack.set("proofNodes[1]", second_node, path=True)
        stack.up()
        for namespace in NAMESPACES:
            lab.wait_for("condition=Ready", "pod/client", namespace=namespace)
        stranger = lab.get("pod", "client", f"--namespace={STRANGERS}")["status"]["podIP"]
        pod = only_pod(lab, REGISTRY_PODS)
        service = lab.get("service", "registry")["spec"]["clusterIP"]
        yield Places(lab, neighbour, second_node, pod["status"]["podIP"], service, stranger)
        stack.destroy()


def test_nodes_and_listed_namespaces_reach_the_registry(places: Places) -> None:
    """By the node's port, the Service and the Pod's own address."""
    assert places.reached([], FIRST.address, 5000, node=places.second) == NUMBER
    assert places.reached([], FIRST.address, 5000) == NUMBER
    assert places.reached(places.of_pod(CLIENTS), places.service, 5000) == NUMBER
    assert places.reached(places.of_pod(CLIENTS), places.pod, 5000) == NUMBER


def test_nobody_else_does(places: Places) -> None:
    """Neither Pods of other namespaces nor machines of other networks."""
    assert places.reached(places.of_pod(STRANGERS), places.service, 5000) == 0
    assert places.reached(places.of_pod(STRANGERS), places.pod, 5000) == 0
    assert places.reached(places.neighbour, FIRST.address, 5000) == 0


def test_metrics_are_read_from_where_they_may_be(places: Places) -> None:
    """Clients of the registry read none, readers of metrics pull nothing, and neither tells of a proof."""
    assert places.reached(places.of_pod(READERS), places.pod, 5002) == NUMBER
    assert places.reached(places.of_pod(CLIENTS), places.pod, 5002) == 0
    assert places.reached(places.of_pod(READERS), places.pod, 5000) == 0
    assert places.reached(places.of_pod(READERS), places.pod, 5003) == 0


def test_the_proof_goes_on(places: Places) -> None:
    """Its Pods reach who counts them, on the node where policies are enforced."""
    name = f"registry-proof-{FIRST.name}"

    def reported() -> bool:
        jobs = places.lab.get("jobs")["items"]
        return any(job["status"].get("succeeded") for job in jobs if job["metadata"]["name"].startswith(name))

    until(reported, "a pull that is reported", seconds=120)


def test_the_registry_reaches_its_storage_and_nobody_else(places: Places) -> None:
    """What is stolen from it does not leave by another way."""
    registry = places.of_pod("default", only_pod(places.lab, REGISTRY_PODS)["metadata"]["name"], "registry")

    assert places.lab.registry("/v2/_catalog").status == 200
    assert places.reached(registry, places.stranger, 7000) == 0


def test_without_the_enforcer_all_of_them_are_reached(places: Places) -> None:
    """Else the tests above would say nothing."""
    registry = places.of_pod("default", only_pod(places.lab, REGISTRY_PODS)["metadata"]["name"], "registry")
    with network_policy.paused(places.lab):
        assert places.reached(places.of_pod(STRANGERS), places.service, 5000) == NUMBER
        assert places.reached(places.neighbour, FIRST.address, 5000) == NUMBER
        assert places.reached(registry, places.stranger, 7000) > 0


def test_a_node_outside_of_the_networks_is_named_in_preview(places: Places, stack: Stack) -> None:
    """Its pulls would end in a time-out."""
    with stack.settings_kept():
        stack.set("networkAddresses[0]", f"{FIRST.address}/32", path=True)
        refused = stack.preview(check=False)

    assert refused.code != 0
    assert f"must have the addresses of all nodes, which pull, got none for {places.second} (" in refused.output

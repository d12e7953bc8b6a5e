"""Several replicas on a bucket, behind a node port: they serve as one, and a rolling update cuts nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.live.harness import Node, Stack
from tests.live.registry_client import FAILURES, Client, Image, busy, digest_of
from tests.live.s3 import ACCESS_KEY, BUCKET, ENDPOINT, S3, SECRET_KEY

ADDRESS = "192.168.99.100:30500"
AUTHORITY = f"/etc/docker/certs.d/{ADDRESS}/private-registry.crt"
CLIENTS = 4
RESTARTS = int(os.environ.get("RESTARTS", "2"))
PODS = ("pods", "--selector=app.kubernetes.io/name=registry")
MIB = 1 << 20


@pytest.fixture(scope="module")
def deployed(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two replicas on a bucket."""
    folder: Path = tmp_path_factory.mktemp("replicas")
    with S3.running(lab):
        stack = Stack.make(lab, folder)
        for key, value in {
            "exposure": "nodePort",
            "storage": "s3",
            "s3Bucket": BUCKET,
            "s3Endpoint": ENDPOINT,
            "replicas": "2",
        }.items():
            stack.set(key, value)
        stack.set("s3AccessKey", ACCESS_KEY, secret=True)
        stack.set("s3SecretKey", SECRET_KEY, secret=True)
        stack.up()
        yield stack
        stack.remove()


pytestmark = pytest.mark.usefixtures("deployed")


@dataclass
class Pushes:
    """What clients that push and pull all the time have seen."""

    done: int = 0
    failed: list[str] = field(default_factory=list)

    def push(self, node: Node, number: int) -> None:
        """Push one image and pull it."""
        # A connection for each, as each push of people makes its own.
        client, image = Client(node, address=ADDRESS, authority=AUTHORITY), Image.random(MIB, MIB, MIB)
        try:
            reply = client.push(f"rolling/{number}", "latest", image)
            if reply.status != 201:
                self.failed.append(f"push: {reply.status} {reply.body[:200]!r}")
            elif not client.has(f"rolling/{number}", image.digest, image):
                self.failed.append("pull: not what was pushed")
            else:
                self.done += 1
        except FAILURES as problem:
            self.failed.append(repr(problem))
        finally:
            client.close()


def addresses_of_pods(lab: Node) -> list[str]:
    """The address of each replica that serves."""
    pods = lab.get(*PODS)["items"]
    return [f"{pod['status']['podIP']}:5000" for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def test_an_update_without_changes_changes_nothing(deployed: Stack) -> None:
    """With a budget for disruptions, which a single Pod does not have."""
    assert deployed.up().changed == set()
    assert deployed.node.get("poddisruptionbudget", "registry")["spec"]["maxUnavailable"] == 1


def test_c34_an_upload_that_begins_on_one_replica_ends_on_another(lab: Node) -> None:
    """They share the secret by which the registry signs where an upload stands."""
    first, second = addresses_of_pods(lab)
    content = os.urandom(MIB)
    begins, goes_on = (Client(lab, address=pod, authority=AUTHORITY) for pod in (first, second))
    # The certificate is for the address that nodes use, and for the Service.
    begins._context.check_hostname = goes_on._context.check_hostname = False

    place = begins.request("POST", "/v2/moved/blobs/uploads/").headers["location"]
    sent = goes_on.request("PATCH", place, content, [("Content-Type", "application/octet-stream")])
    done = begins.request("PUT", f"{sent.headers['location']}&digest={digest_of(content)}")

    assert (sent.status, done.status) == (202, 201)
    assert goes_on.blob("moved", digest_of(content)).body == content


def test_c37_a_rolling_restart_cuts_no_push_and_no_pull(lab: Node) -> None:
    """The old Pods finish what they have begun, and new connections go to Pods that are ready."""
    before = set(addresses_of_pods(lab))
    seen = Pushes()
    with busy(CLIENTS, partial(seen.push, lab)):
        for _ in range(RESTARTS):
            lab.kubectl("rollout", "restart", "deployment/registry")
            lab.kubectl("rollout", "status", "deployment/registry", "--timeout=180s")

    assert seen.failed == []
    assert seen.done >= RESTARTS * CLIENTS
    assert not before & set(addresses_of_pods(lab))


def test_c37_without_the_drain_the_same_restart_is_noticed(deployed: Stack, lab: Node) -> None:
    """Else the test above could not tell."""
    container = {"name": "registry", "lifecycle": None}
    patch = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}}}
    lab.kubectl("patch", "deployment/registry", f"--patch={json.dumps(patch)}")
    lab.kubectl("rollout", "status", "deployment/registry", "--timeout=180s")
    seen = Pushes()
    with busy(CLIENTS, partial(seen.push, lab)):
        for _ in range(RESTARTS + 3):
            if seen.failed:
                break
            lab.kubectl("rollout", "restart", "deployment/registry")
            lab.kubectl("rollout", "status", "deployment/registry", "--timeout=180s")

    assert seen.failed
    assert deployed.up("--refresh").code == 0

"""Several replicas on a bucket, behind a node port: they serve as one, and a rolling update cuts nothing."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from lab.images import NGINX
from lab.topology import FIRST, SECOND
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.node_pulls import NodePulls, pull_secret, pulling, push_images
from tests.live.observation import registries, until
from tests.live.operating import Operator
from tests.live.registry_client import FAILURES, Client, Image, busy, digest_of
from tests.live.s3 import ACCESS_KEY, BUCKET, ENDPOINT, S3, SECRET_KEY

ADDRESS = "192.168.99.100:30500"
AUTHORITY = f"/etc/docker/certs.d/{ADDRESS}/private-registry.crt"
NODES = [FIRST.name, SECOND.name]
CLIENTS = 4
RESTARTS = int(os.environ.get("RESTARTS", "2"))
PODS = ("pods", "--selector=app.kubernetes.io/name=registry")
MIB = 1 << 20
LEAST_PULLS = 50
"""Of each node during one `up`, which takes some ten seconds and more."""


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


def connected(node: Node, account: tuple[str, str] = (USER, PASSWORD)) -> Client:
    """A client by way of whichever Pod the node port gives it."""
    return Client(node, ADDRESS, account, AUTHORITY)


@dataclass
class Pushes:
    """What clients that push and pull all the time have seen."""

    done: int = 0
    failed: list[str] = field(default_factory=list)
    acknowledged: list[tuple[str, Image]] = field(default_factory=list)
    """Repository and image of each push that was answered with success."""

    def push(self, node: Node, number: int) -> None:
        """Push one image and pull it."""
        # A connection for each, as each push of people makes its own.
        client, image = connected(node), Image.random(MIB, MIB, MIB)
        try:
            reply = client.push(f"rolling/{number}", image.digest[7:19], image)
            if reply.status != 201:
                self.failed.append(f"push: {reply.status} {reply.body[:200]!r}")
                return
            self.acknowledged.append((f"rolling/{number}", image))
            if not client.has(f"rolling/{number}", image.digest, image):
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


@dataclass
class Pulls:
    """What clients that pull all the time have seen."""

    kept: Image
    account: tuple[str, str] = (USER, PASSWORD)
    done: int = 0
    failed: list[str] = field(default_factory=list)

    def pull(self, node: Node, _: int) -> None:
        """Pull that image whole."""
        client = connected(node, self.account)
        try:
            if client.has("kept", "1", self.kept):
                self.done += 1
            else:
                self.failed.append("not what was pushed")
        except FAILURES as problem:
            self.failed.append(repr(problem))
        finally:
            client.close()


def test_one_command_collects_while_nobody_can_push(deployed: Stack, lab: Node) -> None:
    """Pulls go on, no acknowledged push is damaged, and what lost its tag goes; first a dry run."""
    operator, client = Operator(lab, deployed), connected(lab)
    kept, old, new = Image.random(MIB), Image.random(MIB), Image.random(MIB)
    assert [client.push("kept", "1", kept).status, client.push("moved", "1", old).status] == [201, 201]
    assert client.push("moved", "1", new).status == 201
    settings = deployed.file
    before = settings.read_bytes()

    dry = operator.run("collect", "--untagged").stdout
    there = client.manifest("moved", old.digest).status
    pushes, pulls = Pushes(), Pulls(kept)
    with busy(2, partial(pushes.push, lab), 0.2), busy(2, partial(pulls.pull, lab), 0.2):
        done = operator.run("collect", "--untagged", "--apply").stdout

    assert f"no tag names moved@{old.digest}" in dry
    assert "nothing was removed: this was a dry run; APPLY=1 removes" in dry
    assert there == 200
    assert f"no tag names moved@{old.digest}" in done
    assert re.search(r"^removed: [1-9]\d* manifests and [1-9]\d* blobs that no image needs\n\Z", done, re.MULTILINE)
    client.close()
    assert client.manifest("moved", old.digest).status == 404
    assert client.blob("moved", digest_of(old.layers[0])).status == 404
    assert client.has("moved", "1", new)
    assert pulls.failed == []
    assert pulls.done
    assert {failure[:9] for failure in pushes.failed} == {"push: 405"}
    assert [place for place, image in pushes.acknowledged if not client.has(place, image.digest, image)] == []
    assert settings.read_bytes() == before
    assert deployed.up().changed == set()


def collecting(lab: Node) -> list[int]:
    """The processes on the node that collect."""
    return [int(place.name) for place in registries(lab, "garbage-collect")]


def test_a_collection_that_is_killed_ends_everywhere(deployed: Stack, lab: Node) -> None:
    """Else it would go on while pushes are taken again, which the next `up` brings back."""
    operator, client = Operator(lab, deployed), connected(lab)
    # With few images it is over before it is seen.
    for number in range(100):
        assert client.push("many", str(number), Image.random(10)).status == 201
    client.close()
    command = operator.start("collect", "--apply")
    until(lambda: bool(collecting(lab)), "a collection", seconds=180)
    for process in collecting(lab):
        os.kill(process, signal.SIGSTOP)
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()

    until(lambda: not collecting(lab), "the end of the collection", seconds=30)
    assert client.push_blob("refused", b"layer").status == 405
    refused = operator.run("collect", "--apply", check=False)
    assert "stack dev has changes that are not up" in refused.stderr
    deployed.up()
    client.close()
    assert client.push("refused", "1", Image.random(10)).status == 201


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


@pytest.fixture(scope="module")
def images(deployed: Stack, lab: Node, second_node: str) -> Iterator[list[str]]:
    """What two nodes pull; these come last, so that the other tests have one node."""
    assert deployed
    assert second_node in NODES
    lab.kubectl("rollout", "status", "daemonset/registry-trust", "--timeout=60s")
    yield push_images(connected(lab), NODES)
    # Kubernetes would miss the Pods of a removed node for a minute.
    deployed.destroy()


def assert_none_failed(*seen: NodePulls) -> None:
    """Of many on each node."""
    assert [pulls.failed for pulls in seen] == [{}] * len(seen)
    assert min(pulls.done[node] for pulls in seen for node in NODES) >= LEAST_PULLS, seen


def assert_refused(lab: Node, images: list[str], account: tuple[str, str]) -> None:
    """On each node, as whoever counts failures has to notice."""
    with pulling(lab, NODES, images, lambda: account) as pulls:
        until(lambda: pulls.failed.keys() == set(NODES), "a refused pull on each node")

    assert not pulls.done
    assert all("401 Unauthorized" in said for node in NODES for said in pulls.failed[node])


def test_an_account_is_replaced_with_overlap_and_no_pull_fails(
    deployed: Stack, lab: Node, images: list[str], tmp_path: Path
) -> None:
    """As docs/settings.md says; nodes pull by the pull secret and the account before, also while rights begin."""
    with pull_secret(lab, ADDRESS, tmp_path) as secret:
        old = secret()
        deployed.set("username", "second")
        deployed.set("password", "another password", secret=True)
        deployed.set(f"users.{USER}", PASSWORD, secret=True, path=True)
        with pulling(lab, NODES, images, secret, lambda: old) as adding:
            deployed.up()
        new = secret()
        deployed.unset("users")
        deployed.set("doorImage", NGINX)
        deployed.set("rights.pull", "pull *", path=True)
        with pulling(lab, NODES, images, secret, lambda: new) as removing:
            deployed.up()

    assert (old, new) == ((USER, PASSWORD), ("second", "another password"))
    assert_none_failed(adding, removing)
    assert_refused(lab, images, old)


def test_with_rights_the_account_of_the_pull_secret_is_replaced_so_too(
    deployed: Stack, lab: Node, images: list[str], tmp_path: Path
) -> None:
    """The one whose password was made here stays as long as it has rights."""
    with pull_secret(lab, ADDRESS, tmp_path) as secret:
        old = secret()
        deployed.set("pullUsername", "pull-2")
        deployed.set("users.pull-2", "another password", secret=True, path=True)
        deployed.set("rights.pull-2", "pull *", path=True)
        with pulling(lab, NODES, images, secret, lambda: old) as adding:
            deployed.up()
        new = secret()
        deployed.pulumi("config", "rm", "--path", "rights.pull", "--stack", deployed.name)
        with pulling(lab, NODES, images, secret) as removing:
            deployed.up()

    assert (old[0], new) == ("pull", ("pull-2", "another password"))
    assert_none_failed(adding, removing)
    assert_refused(lab, images, old)

"""The registry removes what no image needs any more, while nobody can push, and keeps all else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.live.harness import Node, Stack
from tests.live.observation import until
from tests.live.registry_client import FAILURES, IMAGE_INDEX, IMAGE_MANIFEST, Client, Image, busy, digest_of

ROUNDS = int(os.environ.get("COLLECTIONS", "3"))
CLIENTS = 4
MIB = 1 << 20
NOW = ("exec", "deployment/registry", "--container=registry", "--", "sh", "-c", "kill -USR1 1")
"""What people type for a collection at once (docs/settings.md)."""
IN_TIME_FOR_UP = timedelta(seconds=45)


@pytest.fixture(scope="module")
def deployed(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that collects soon, and removes what has no tag."""
    folder: Path = tmp_path_factory.mktemp("collection")
    stack = Stack.make(lab, folder)
    soon = datetime.now(UTC) + IN_TIME_FOR_UP + timedelta(minutes=1)
    stack.set("collectionTime", f"{soon:%H:%M}")
    stack.set("collectionUntagged", "true")
    stack.up()
    yield stack
    stack.remove()


pytestmark = pytest.mark.usefixtures("deployed")


def reports(lab: Node, since: datetime) -> list[str]:
    """The lines of the registry's log that tell of collections. A log is rotated, so that old ones may be gone."""
    words = [f"--since-time={since.isoformat()}", "--timestamps", "--container=registry"]
    lines = lab.kubectl("logs", "deployment/registry", *words).splitlines()
    stamped = [line.partition(" ") for line in lines if " collection: " in line]
    # What it was asked for is cut to whole seconds.
    return [text for stamp, _, text in stamped if stamp > f"{since:%Y-%m-%dT%H:%M:%S.%f}"]


def collect(lab: Node, client: Client) -> list[str]:
    """Have the registry collect now; give its report once it takes pushes again."""
    # The server ends meanwhile.
    client.close()
    since = datetime.now(UTC)
    lab.kubectl(*NOW)
    return collected(lab, since)


def collected(lab: Node, since: datetime) -> list[str]:
    """Wait for one more collection, and for the server after it; give its report."""
    until(lambda: any("freed" in line for line in reports(lab, since)), "the end of a collection", seconds=200)
    report = reports(lab, since)
    until(lambda: takes_pushes(lab), "a registry that takes pushes")
    return report


def takes_pushes(lab: Node) -> bool:
    """Whether an upload can begin."""
    with_answers = Client(lab)
    try:
        return with_answers.request("POST", "/v2/asked/blobs/uploads/").status == 202
    except FAILURES:
        return False
    finally:
        with_answers.close()


def test_it_collects_at_its_time(lab: Node) -> None:
    """Once a day, as set; nobody asked for one before."""
    assert "collection: ended with code 0" in collected(lab, datetime.now(UTC) - timedelta(minutes=5))


def test_c46_parts_of_a_multi_platform_image_stay_and_what_lost_its_tag_goes(lab: Node, client: Client) -> None:
    """The parts have no tag of their own; a tag that was pushed anew leaves an image that nobody names."""
    parts, old, new = [Image.random(MIB), Image.random(MIB)], Image.random(3 * MIB), Image.random(MIB)
    for part in parts:
        for blob in part.blobs:
            client.push_blob("index", blob)
        client.push_manifest("index", part.digest, part.manifest)
    listed = [{"mediaType": IMAGE_MANIFEST, "digest": part.digest, "size": len(part.manifest)} for part in parts]
    index = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": listed}).encode()
    assert client.push_manifest("index", "1", index, IMAGE_INDEX).status == 201
    assert client.push("moved", "latest", old).status == 201
    assert client.push("moved", "latest", new).status == 201

    report = collect(lab, client)

    [freed] = [int(line.split()[1]) for line in report if "freed" in line]
    assert "collection: ended with code 0" in report
    assert freed >= 3 * 1024
    assert client.manifest("index", "1").body == index
    assert all(client.has("index", part.digest, part) for part in parts)
    assert client.has("moved", "latest", new)
    assert client.manifest("moved", old.digest).status == 404
    assert client.blob("moved", digest_of(old.layers[0])).status == 404


def test_a_removed_layer_can_be_pushed_again_at_once(lab: Node, client: Client) -> None:
    """Nothing remembers that it was there."""
    image, other = Image.random(MIB), Image.random(10)
    client.push("again", "1", image)
    client.push("again", "1", other)
    collect(lab, client)
    assert client.blob("again", digest_of(image.layers[0])).status == 404

    assert client.push("again", "2", image).status == 201
    assert client.has("again", "2", image)


@dataclass
class Pushes:
    """Clients that push all the time, and what was acknowledged to them."""

    acknowledged: list[tuple[str, Image]] = field(default_factory=list)
    refused: int = 0

    def push(self, node: Node, shared: bytes, number: int) -> None:
        """Push one image; all have one layer in common, whose last image goes and comes again."""
        client = Client(node)
        image = Image((shared, os.urandom(MIB // 4)), json.dumps({"made": os.urandom(8).hex()}).encode())
        tag = f"{number}-{len(self.acknowledged)}"
        try:
            done = client.push("busy", tag, image).status == 201
        except FAILURES:
            done = False
        finally:
            client.close()
        if done:
            self.acknowledged.append((tag, image))
        else:
            self.refused += 1


def test_no_acknowledged_image_is_damaged_by_collections_among_pushes(lab: Node, client: Client) -> None:
    """Each was pushed whole, before a collection or after it."""
    seen = Pushes()
    with busy(CLIENTS, partial(seen.push, lab, os.urandom(MIB))):
        for _ in range(ROUNDS):
            report = collect(lab, client)
            assert "collection: ended with code 0" in report

    assert seen.acknowledged
    assert seen.refused
    assert [tag for tag, image in seen.acknowledged if not client.has("busy", tag, image)] == []


def test_collections_beside_a_server_that_takes_pushes_damage_images(lab: Node, client: Client) -> None:
    """Else the test above could not tell."""
    seen = Pushes()
    beside = ("exec", "deployment/registry", "--container=registry", "--", "registry", "garbage-collect")

    def damaged() -> list[str]:
        return [tag for tag, image in seen.acknowledged[:] if not client.has("busy", tag, image)]

    with busy(CLIENTS, partial(seen.push, lab, os.urandom(MIB))):
        for _ in range(50):
            lab.kubectl(*beside, "--delete-untagged", "/etc/private-registry/config.yml", check=False)
            if damaged():
                break

    assert damaged()


def test_the_registry_ends_with_its_pod(deployed: Stack, lab: Node) -> None:
    """A signal reaches it through the script, so nobody waits for the end of the grace period."""
    pod = lab.get("pods", "--selector=app.kubernetes.io/name=registry")["items"][0]["metadata"]["name"]
    lab.kubectl("delete", f"pod/{pod}", "--timeout=15s")

    assert deployed.up().changed == set()

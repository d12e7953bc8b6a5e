"""The images in a bucket: an S3 server that fails, keys that are wrong, and an empty bucket."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.authority import DAY, Authority
from tests.live import s3, storage_kinds
from tests.live.harness import FAILS_WITHIN, Node, Stack, Update
from tests.live.observation import REGISTRY_PODS, is_proven, only_pod, until
from tests.live.registry_client import Client, Image, Reply, digest_of
from tests.live.s3 import S3
from tests.live.storage_kinds import Kind

MIB = 2**20
WRONG_KEY = "[another key"
AUTHORITY = Authority("s3-ca", begin=datetime.now(UTC) - DAY, end=datetime.now(UTC) + DAY)
"""Of the S3 server's certificate."""


@pytest.fixture(scope="module")
def kind(lab: Node) -> Iterator[Kind]:
    """An S3 server with an empty bucket."""
    now = datetime.now(UTC)
    pair = AUTHORITY.issue(s3.ADDRESS, begin=now - DAY, end=now + DAY)
    with storage_kinds.prepared("s3", lab, pair=pair) as made:
        yield made


@pytest.fixture(scope="module")
def server(kind: Kind) -> S3:
    """That server."""
    assert kind.server
    return kind.server


@pytest.fixture(scope="module")
def wrong_keys(kind: Kind, stack: Stack) -> Update:
    """The first `up` of a stack, with a wrong secret key."""
    kind.configure(stack)
    stack.set("s3SecretKey", WRONG_KEY, secret=True)
    return stack.up_that_fails()


@pytest.fixture(scope="module")
def deployed(wrong_keys: Update, kind: Kind, stack: Stack) -> Stack:
    """The stack, up with the right keys; each test leaves it so."""
    assert wrong_keys.code != 0
    kind.configure(stack)
    stack.up()
    return stack


def test_c44_wrong_s3_keys_end_in_a_message_that_says_storage(
    wrong_keys: Update, deployed: Stack, client: Client
) -> None:
    """`up` fails within its limit, and with the right keys the next one works."""
    assert wrong_keys.seconds < FAILS_WITHIN
    assert "storage" in wrong_keys.output
    assert WRONG_KEY not in wrong_keys.output
    assert is_proven(deployed)
    assert client.push("first", "1", Image.random(MIB)).status == 201


@pytest.mark.parametrize(("failure", "seconds"), [("answering_503", 60), ("stopped", 0)])
def test_an_s3_server_that_fails_fails_pushes_and_takes_them_again(
    failure: str, seconds: float, kind: Kind, server: S3, client: Client, lab: Node
) -> None:
    """Errors of the server are errors of the registry, which is then the same as before."""
    kept, late = Image.random(MIB, 10), Image.random(MIB)
    assert client.push("kept", "1", kept).status == 201
    attempts: list[Callable[[Client], Reply]] = [
        lambda own: own.push_blob("late", late.layers[0]),
        lambda own: own.push_manifest("kept", "2", kept.manifest),
        lambda own: own.blob("kept", digest_of(kept.layers[0])),
    ]
    clients = [Client(lab) for _ in attempts]
    answers: list[int] = []
    with getattr(server, failure)(), ThreadPoolExecutor() as pool:
        end = time.monotonic() + seconds
        while not answers or time.monotonic() < end:
            # The registry itself tries several times, and takes some seconds for that.
            answers += pool.map(lambda attempt, own: attempt(own).status, attempts, clients)
    # The registry looks at its storage every 10 s, and answers 503 until it has seen it well again.
    until(lambda: client.push("late", "1", late).status == 201, "a push", seconds=30)

    assert all(status >= 500 for status in answers), answers
    assert client.has("late", "1", late)
    assert client.has("kept", "1", kept)
    assert only_pod(lab, REGISTRY_PODS)["status"]["containerStatuses"][0]["restartCount"] == 0
    assert kind.damage() == []


@dataclass(frozen=True)
class Changed:
    """An `up` with other settings, and what the registry has after it."""

    update: Update
    version: str
    has_kept: bool
    blob: Reply
    push: Reply


def _change(stack: Stack, lab: Node, settings: dict[str, str], unset: Sequence[str] = ()) -> Changed:
    """Push an image, change settings, and look for it."""
    kept = Image.random(MIB)
    assert Client(lab).push("kept", "changed", kept).status == 201
    with stack.settings_kept():
        for key, value in settings.items():
            stack.set(key, value)
        for key in unset:
            stack.unset(key)
        update = stack.up()
    client, pod = Client(lab), only_pod(lab, REGISTRY_PODS)["metadata"]["name"]
    version = lab.kubectl("exec", pod, "--container=registry", "--", "registry", "--version")
    blob = client.blob("kept", digest_of(kept.layers[0]))
    has_kept = client.manifest("kept", "changed").body == kept.manifest and blob.body in {kept.layers[0], b""}
    return Changed(update, version, has_kept, blob, client.push("new", "1", Image.random(MIB)))


def test_c33_version_2_8_reads_the_same_bucket_over_tls_with_a_ca_of_ones_own(deployed: Stack, lab: Node) -> None:
    """The settings of both versions have one form, and both trust `s3Ca`."""
    tls = {"s3Endpoint": s3.TLS_ENDPOINT, "s3Ca": AUTHORITY.pem}
    seen = _change(deployed, lab, {**tls, "image": "registry:2.8.2", "allowOutdatedImage": "true"})

    assert "2.8" in seen.version
    assert seen.has_kept
    assert (seen.blob.status, seen.push.status) == (200, 201)


@pytest.fixture(scope="module")
def redirected(deployed: Stack, lab: Node) -> Iterator[Changed]:
    """Layers from the server itself, and the keys in a Secret that is not of the stack."""
    keys = (f"--from-literal=accessKey={s3.ACCESS_KEY}", f"--from-literal=secretKey={s3.SECRET_KEY}")
    lab.kubectl("create", "secret", "generic", "keys-of-others", *keys)
    settings = {"s3Redirect": "true", "s3Secret": "keys-of-others"}
    yield _change(deployed, lab, settings, ("s3AccessKey", "s3SecretKey"))
    lab.kubectl("delete", "secret", "keys-of-others")


def test_layers_come_from_the_s3_server_itself_where_that_is_asked_for(redirected: Changed) -> None:
    """A node has followed the redirect, or there were no proof; without `s3Redirect`, the registry gives all."""
    assert ("replaced", "registry-proof-pod") in redirected.update.changed
    assert redirected.blob.status == 307
    assert redirected.blob.headers["location"].startswith(f"{s3.ENDPOINT}/{s3.BUCKET}/")


def test_the_keys_may_be_in_a_secret_of_others(redirected: Changed, lab: Node) -> None:
    """Ours then holds none."""
    config = lab.get("secret", "registry-config")["data"]["config.yml"]

    assert redirected.has_kept
    assert redirected.push.status == 201
    assert "secretkey" not in base64.b64decode(config).decode()


def test_c44_an_empty_bucket_is_no_failure(kind: Kind, server: S3, client: Client, lab: Node) -> None:
    """The registry's check of its storage would have failed three times by then; the first push works."""
    kind.wipe()
    empty = server.objects
    time.sleep(32)

    assert empty == []
    assert only_pod(lab, REGISTRY_PODS)["status"]["containerStatuses"][0]["ready"]
    assert client.request("GET", "/").status == 200
    assert [client.manifest("unknown", "1").status for _ in range(3)] == [404, 404, 404]
    assert client.push("first", "1", Image.random(MIB)).status == 201

"""What abuse costs others, at the door and at a registry alone: endless manifests, huge catalogs, slow clients."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from lab.ui import say
from tests.live import abuse
from tests.live.harness import Node
from tests.live.observation import REGISTRY_PODS, only_pod, readiness, registries, running
from tests.live.raw import basic
from tests.live.registry_client import Client, busy

from .door import ACCOUNT, Target, both, percentile_95
from .memory import peaks

_CLIENTS: Final = 20
_MANIFEST: Final = 1 << 30
_REPOSITORIES: Final = 2000
_TAGS: Final = 5000
_HEADS: Final = 500
_TRANSFERS: Final = 200
_LAYER: Final = 100_000_000
_SECONDS: Final = 20


def measure(node: Node, folder: Path) -> None:
    """Measure and print it."""
    with both(node, folder) as targets:
        for name, target in targets.items():
            say(f"\n{name}")
            client = Client(node, target.address, ACCOUNT, target.authority)
            idle = _good_client(target, 10)
            say(f"{'95th percentile of a client, nobody else':<70} {idle * 1000:8.1f} ms")
            _manifests(target)
            _names(target, client)
            _slow(target, client)
            client.close()


def _good_client(target: Target, seconds: float) -> float:
    """The 95th percentile of the times in which a client has a manifest."""
    client = Client(target.stack.node, target.address, ACCOUNT, target.authority)

    def ask() -> None:
        assert client.manifest("alpine_test", "test_1.0").status == 200

    took = percentile_95(ask, seconds)
    client.close()
    return took


def _beside(what: str, target: Target, others: AbstractContextManager[object] | None = None) -> None:
    """Say how a good client and the probe fare meanwhile."""
    node = target.stack.node
    before = readiness(node, target.namespace)
    with others or nullcontext():
        time_of_95 = _good_client(target, _SECONDS)
        same = readiness(node, target.namespace) == before
    ready = "" if same else "; READINESS CHANGED"
    say(f"{'95th percentile beside ' + what:<70} {time_of_95 * 1000:8.1f} ms{ready}")


def _connect(target: Target) -> ssl.SSLSocket:
    connection = target.connection().sock
    assert isinstance(connection, ssl.SSLSocket)
    return connection


def _processes(target: Target) -> list[Path]:
    """Give the registry and what is before it, of this one of the two."""
    node = target.stack.node
    pod = only_pod(node, REGISTRY_PODS, f"--namespace={target.namespace}")["metadata"]["uid"]
    found = [*registries(node), *running(node, "nginx: worker process")]
    return [process for process in found if pod in (process / "cgroup").read_text()]


def _manifests(target: Target) -> None:
    with peaks(_processes(target), " meanwhile"):
        answers = abuse.endless_manifests(
            partial(_connect, target), basic(*ACCOUNT), "endless", clients=_CLIENTS, at_most=_MANIFEST
        )
        for answer, number in answers.items():
            say(f"{number} clients with a manifest of 1 GiB each: {answer}")


def _names(target: Target, client: Client) -> None:
    data = target.stack.node.path(f"/data/{target.namespace}/registry/docker/registry/v2/repositories")
    for number in range(_REPOSITORIES):
        (data / f"many/{number:04}/_manifests").mkdir(parents=True)
    for number in range(_TAGS):
        link = data / f"tagged/_manifests/tags/{number:04}/current/link"
        link.parent.mkdir(parents=True)
        link.write_text(f"sha256:{0:064}")
    whole, tags = "/v2/_catalog?n=1000", "/v2/tagged/tags/list"
    for path in ("/v2/_catalog?n=1000000000", whole, tags):
        started = time.monotonic()
        reply = client.request("GET", path)
        took = time.monotonic() - started
        say(f"{f'{path}: {reply.status}, {len(reply.body)} bytes':<70} {took * 1000:8.1f} ms")
    for path, account in ((whole, ACCOUNT), (tags, ACCOUNT), (whole, ("ci", "ci-password-1"))):
        asking = [Client(client.node, target.address, account, target.authority) for _ in range(_CLIENTS)]
        status = asking[0].request("GET", path).status
        flood = busy(_CLIENTS, partial(_ask, asking, path))
        _beside(f"{_CLIENTS} clients of {account[0]} with {path}: {status}", target, flood)
        for each in asking:
            each.close()


def _ask(clients: Sequence[Client], path: str, number: int) -> None:
    clients[number].request("GET", path)


def _slow(target: Target, client: Client) -> None:
    account = basic(*ACCOUNT)
    kinds: dict[str, tuple[Sequence[bytes], bytes]] = {
        "heads without an account": ([abuse.HEAD] * _HEADS, b"a"),
        "bodies": (abuse.bodies(client, "slow", account, _TRANSFERS), b"a"),
        "readers": (abuse.readers(client, "slow", account, _TRANSFERS, _LAYER), b""),
    }
    for kind, (texts, sends) in kinds.items():
        with (
            peaks(_processes(target), " meanwhile"),
            abuse.Slow.beginning(partial(_connect, target), texts, sends) as slow,
        ):
            _beside(f"{len(texts)} slow {kind}", target)
            say(f"{len(slow.connections)} of them are left after {_SECONDS} s")

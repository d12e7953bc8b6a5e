"""The door with rights beside the registry alone: requests, large layers, memory, and a flood of passwords."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.images import NGINX
from lab.topology import FIRST
from lab.ui import say
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.observation import readiness, registries, running
from tests.live.registry_client import busy, credentials, network_of

from . import layers
from .memory import peaks, slow_pulls
from .series import Series

PORTS: Final = {"registry alone": 5000, "door": 5001}
_ALONE, _DOOR = PORTS
ACCOUNT: Final = (USER, PASSWORD)
_REQUESTS: Final = 400
_CLIENTS: Final = 4
_ROUNDS: Final = 7
_LARGE: Final = 1000
"""MB."""
_PULLS: Final = 50
_FLOODING: Final = 20
_FLOOD: Final = 30
"""Seconds."""
_GUESSES: Final = 1000
_APART: Final = 0.012
"""Seconds between two guesses, so that none waits for those before."""


@dataclass
class Target:
    """One of the two registries."""

    stack: Stack
    port: int

    @property
    def namespace(self) -> str:
        """Where it runs."""
        return f"bench-{self.port}"

    @property
    def address(self) -> str:
        """Where its clients are."""
        return f"localhost:{self.port}"

    @property
    def authority(self) -> str:
        """The file of the node with its CA."""
        return f"/etc/docker/certs.d/{FIRST.address}:{self.port}/private-registry.crt"

    def connection(self) -> http.client.HTTPSConnection:
        """A new one."""
        context = ssl.create_default_context(cadata=self.stack.node.path(self.authority).read_text())
        made = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)
        with network_of(self.stack.node):
            made.connect()
        return made


def measure(node: Node, folder: Path) -> None:
    """Measure and print it."""
    with both(node, folder) as targets:
        _heads(targets)
        _layers(targets)
        _memory(targets, folder)
        _unknown(targets)
        _flood(targets)


@contextmanager
def both(node: Node, folder: Path) -> Iterator[dict[str, Target]]:
    """Have the two registries meanwhile, by name."""
    targets = {}
    for name, port in PORTS.items():
        namespace = f"bench-{port}"
        node.kubectl("create", "namespace", namespace)
        stack = Stack.make(node, folder / namespace)
        for key, value in {"port": port, "hostPath": f"/data/{namespace}", "namespace": namespace}.items():
            stack.set(key, str(value))
        stack.set("pullNamespaces[0]", namespace, path=True)
        stack.set("users.ci", "ci-password-1", secret=True, path=True)
        if name == _DOOR:
            stack.set("doorImage", NGINX)
            stack.set("rights.ci", "push *", path=True)
        stack.up()
        targets[name] = Target(stack, port)
    yield targets
    for target in targets.values():
        target.stack.remove()


def _ask(connection: http.client.HTTPSConnection, account: tuple[str, str] = ACCOUNT) -> int:
    headers = {"Authorization": credentials(*account)}
    connection.request("HEAD", "/v2/alpine_test/tags/list", headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _heads(targets: dict[str, Target]) -> None:
    def some(target: Target) -> None:
        connection = target.connection()
        for _ in range(_REQUESTS // _CLIENTS):
            assert _ask(connection) in {200, 405}
        connection.close()

    def all_at_a_time(target: Target) -> None:
        with ThreadPoolExecutor(_CLIENTS) as clients:
            list(clients.map(some, [target] * _CLIENTS))

    series = {name: Series(f"{_REQUESTS} authenticated requests by {_CLIENTS} clients, {name}") for name in targets}
    _in_turns(targets, series, _ROUNDS, all_at_a_time)
    _ratio(
        "ratio of the rates, door to registry alone", series[_ALONE].median / series[_DOOR].median, "at least 0.9"
    )


def _layers(targets: dict[str, Target]) -> None:
    content = bytearray(os.urandom(_LARGE * layers.MB))
    pushes = {name: Series(f"push of {_LARGE} MB, {name}") for name in targets}
    pulls = {name: Series(f"pull of {_LARGE} MB, {name}") for name in targets}
    for number in range(5):
        content[:8] = number.to_bytes(8, "big")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        for name in list(targets)[:: 1 if number % 2 else -1]:
            client = layers.Client(targets[name].connection(), {"Authorization": credentials(*ACCOUNT)})
            pushes[name].measure(partial(client.push, memoryview(content), digest))
            pulls[name].measure(partial(client.pull, digest))
            client.connection.close()
            os.sync()
            folder = f"/data/bench-{targets[name].port}"
            targets[name].stack.node.run(["sh", "-c", f"rm -rf {folder}/registry/docker/registry/v2/blobs"])
    for series in (pushes, pulls):
        for each in series.values():
            say(str(each))
        _ratio(
            "ratio of the times, door to registry alone",
            series[_DOOR].median / series[_ALONE].median,
            "at most 1.2",
        )


def _memory(targets: dict[str, Target], folder: Path) -> None:
    target = targets[_DOOR]
    node = target.stack.node
    account = folder / "account"
    account.write_text(f'user = "{USER}:{PASSWORD}"\n')
    processes = [*registries(node), *running(node, "nginx: worker process")]
    script = slow_pulls(folder, account, target.authority, target.address, _PULLS)
    with peaks(processes, f", {_PULLS} pulls at a time"):
        node.run(["bash", "-c", script], timeout=600)


def _unknown(targets: dict[str, Target]) -> None:
    accounts = {"wrong password": ("ci", "wrong-password"), "unknown account": ("ic", "wrong-password")}
    for name, target in targets.items():
        connection = target.connection()
        series = {who: Series(f"{who}, {name}") for who in accounts}
        for number in range(_GUESSES):
            for who in list(series)[:: 1 if number % 2 else -1]:
                time.sleep(_APART)
                series[who].measure(partial(_ask, connection, accounts[who]))
        connection.close()
        wrong, unknown = (each.median for each in series.values())
        say(f"{name}: wrong password {wrong * 1000:.2f} ms, unknown account {unknown * 1000:.2f} ms")
        _ratio("ratio of the medians", unknown / wrong, "0.85 to 1.15")


def _flood(targets: dict[str, Target]) -> None:
    for name, target in targets.items():
        idle = _good_client(target, 10)
        ready = readiness(target.stack.node, target.namespace)
        with _flooded(target):
            flooded = _good_client(target, _FLOOD)
        same = readiness(target.stack.node, target.namespace) == ready
        flips = "readiness never changed" if same else "READINESS CHANGED"
        say(f"{name}: 95th percentile {idle * 1000:.1f} ms idle, {flooded * 1000:.1f} ms in the flood; {flips}")
        _ratio(f"ratio, with {_FLOODING} clients guessing", flooded / idle, "at most 5")


def _good_client(target: Target, seconds: float) -> float:
    connection = target.connection()

    def ask() -> None:
        assert _ask(connection) in {200, 405}

    took = percentile_95(ask, seconds)
    connection.close()
    return took


def percentile_95(ask: Callable[[], None], seconds: float) -> float:
    """Have one client ask again and again; gives the 95th percentile of the times in seconds."""
    times, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends:
        started = time.monotonic()
        ask()
        times.append(time.monotonic() - started)
        time.sleep(0.02)
    return statistics.quantiles(times, n=20)[-1]


@contextmanager
def _flooded(target: Target) -> Iterator[None]:
    connections = [target.connection() for _ in range(_FLOODING)]

    def guess(number: int) -> None:
        assert _ask(connections[number], ("ci", "wrong-password")) in {401, 429}

    with busy(_FLOODING, guess, pause=0):
        yield
    for connection in connections:
        connection.close()


def _in_turns(
    targets: dict[str, Target], series: dict[str, Series], rounds: int, run: Callable[[Target], None]
) -> None:
    for number in range(rounds):
        for name in list(targets)[:: 1 if number % 2 else -1]:
            series[name].measure(partial(run, targets[name]))
    for each in series.values():
        say(str(each))


def _ratio(what: str, value: float, target: str) -> None:
    say(f"{what:<58} {value:6.2f}, target {target}\n")

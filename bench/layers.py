"""Pushing and pulling layers: the deployed registry, with TLS and accounts, beside the same program bare.

Bare is the program alone on the same disk: no Kubernetes, no TLS, no accounts. One client asks both in turns, over
one connection each, and checks what it pulls by its digest, as every client does.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lab import parts, tools
from lab.ui import say
from tests.live.harness import CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack
from tests.live.observation import until
from tests.live.registry_client import network_of

from .series import Series

MB: Final = 10**6
SIZES: Final = {1: 40, 10: 20, 100: 8, 1000: 4}
"""Size of the layer in MB, and how often it is pushed and pulled; the first time is not counted."""
_PIECE: Final = 1 << 20
_BARE: Final = "localhost:5999"
_PULL, _PUSH = 0.85, 0.8
"""Aims: at least so much of the bare program's rate."""


@dataclass
class Client:
    """One connection to one registry."""

    connection: http.client.HTTPConnection
    headers: dict[str, str]

    @classmethod
    def encrypted(cls, node: Node) -> Client:
        """To the deployed registry."""
        context = ssl.create_default_context(cadata=node.path(CA_FILE).read_text())
        account = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        host, _, port = PUSH_ADDRESS.partition(":")
        made = http.client.HTTPSConnection(host, int(port), context=context)
        return cls._connected(node, made, {"Authorization": f"Basic {account}"})

    @classmethod
    def bare(cls, node: Node) -> Client:
        """To the program alone."""
        host, _, port = _BARE.partition(":")
        return cls._connected(node, http.client.HTTPConnection(host, int(port)), {})

    @classmethod
    def _connected(cls, node: Node, made: http.client.HTTPConnection, headers: dict[str, str]) -> Client:
        with network_of(node):
            made.connect()
        return cls(made, headers)

    def push(self, content: memoryview, digest: str) -> None:
        """Push a layer in three requests, as Docker does."""
        place = self._ask("POST", "/v2/layers/blobs/uploads/", 202)
        place = self._ask("PATCH", place, 202, content)
        joint = "&" if "?" in place else "?"
        self._ask("PUT", f"{place}{joint}digest={digest}", 201)

    def pull(self, digest: str) -> None:
        """Pull a layer and check it."""
        self.connection.request("GET", f"/v2/layers/blobs/{digest}", headers=self.headers)
        answer = self.connection.getresponse()
        computed, piece = hashlib.sha256(), memoryview(bytearray(_PIECE))
        while size := answer.readinto(piece):
            computed.update(piece[:size])
        assert f"sha256:{computed.hexdigest()}" == digest, answer.status

    def _ask(self, method: str, path: str, expected: int, content: memoryview | None = None) -> str:
        octets = {"Content-Type": "application/octet-stream", "Content-Length": str(len(content or b""))}
        self.connection.request(method, path, content, {**self.headers, **octets})
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == expected, (answer.status, body)
        parts = urlsplit(answer.headers["Location"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


def measure(node: Node, folder: Path) -> None:
    """Measure and print it."""
    stack = Stack.make(node, folder / "project")
    stack.up()
    with _bare(node, folder):
        for size, rounds in SIZES.items():
            _measure_size(node, size, rounds)
            node.run(["sh", "-c", "rm -rf /data/registry/registry/docker /data/bare/docker"])
    stack.remove()
    node.run(["rm", "-rf", "/data/bare"])


def _measure_size(node: Node, size: int, rounds: int) -> None:
    clients = {"deployed": Client.encrypted(node), "bare": Client.bare(node)}
    pushes = {name: Series(f"push of {size} MB, {name}") for name in clients}
    pulls = {name: Series(f"pull of {size} MB, {name}") for name in clients}
    content = bytearray(os.urandom(size * MB))
    for number in range(rounds):
        content[:8] = number.to_bytes(8, "big")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        # What one has left for the disk to write must not always fall to the other.
        for name, client in sorted(clients.items(), reverse=bool(number % 2)):
            pushes[name].measure(lambda c=client, d=digest: c.push(memoryview(content), d))  # type: ignore[misc]
            pulls[name].measure(lambda c=client, d=digest: c.pull(d))  # type: ignore[misc]
            os.sync()
    for series, aim in ((pushes, _PUSH), (pulls, _PULL)):
        say(f"\n{series['deployed']}\n{series['bare']}")
        rates = {name: size / each.median for name, each in series.items()}
        ratio = rates["deployed"] / rates["bare"]
        say(f"{'MB/s, deployed and bare':<58} {rates['deployed']:6.0f} {rates['bare']:6.0f}")
        say(f"{'ratio of the rates':<58} {ratio:6.2f}, target at least {aim}")


@contextmanager
def _bare(node: Node, folder: Path) -> Iterator[None]:
    """Run the registry's program on the node, with the configuration that it needs and no more."""
    node.run(["mkdir", "-p", "/data/bare"])
    config = folder / "config.yml"
    storage = {"filesystem": {"rootdirectory": "/data/bare"}}
    config.write_text(json.dumps({"version": "0.1", "storage": storage, "http": {"addr": _BARE}}))
    words = [str(parts.built(tools.REGISTRY)), "serve", str(config)]
    environment = ["env", "OTEL_TRACES_EXPORTER=none"]
    process = node.start_process([*environment, *words], folder / "bare.log")
    try:
        until(lambda: node.run(["curl", "--silent", f"http://{_BARE}/v2/"], check=False).returncode == 0, "it")
        yield
    finally:
        process.terminate()
        process.wait()

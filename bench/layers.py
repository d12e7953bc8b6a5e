"""Pushing and pulling layers: the deployed registry, with TLS and accounts, beside the same program bare.

Bare is the program alone on the same disk, without Kubernetes and accounts, with TLS and without. One client asks
all in turns, over one connection each, and checks what it pulls by its digest, as every client does.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import parts, tools
from lab.ui import say
from tests.live.harness import CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack
from tests.live.observation import until
from tests.live.registry_client import credentials, network_of, place_of

from .series import Series

MB: Final = 10**6
SIZES: Final = {1: 40, 10: 20, 100: 8, 1000: 5}
"""Size of the layer in MB, and how often it is pushed and pulled; the first time is not counted."""
_PIECE: Final = 1 << 20
_BARE: Final = {"bare with TLS": 5998, "bare": 5999}
"""Ports of the program alone."""
_DEPLOYED: Final = "deployed"
_PULL, _PUSH = 0.85, 0.8
"""Aims: at least so much of the bare program's rate."""


@dataclass
class Client:
    """One connection to one registry."""

    connection: http.client.HTTPConnection
    headers: dict[str, str]

    @classmethod
    def connected(cls, node: Node, arm: str) -> Client:
        """To one of the registries."""
        context = ssl.create_default_context(cadata=node.path(CA_FILE).read_text())
        host, _, port = PUSH_ADDRESS.partition(":")
        if arm == _DEPLOYED:
            made: http.client.HTTPConnection = http.client.HTTPSConnection(host, int(port), context=context)
            client = cls(made, {"Authorization": credentials(USER, PASSWORD)})
        elif "TLS" in arm:
            client = cls(http.client.HTTPSConnection(host, _BARE[arm], context=context), {})
        else:
            client = cls(http.client.HTTPConnection(host, _BARE[arm]), {})
        with network_of(node):
            client.connection.connect()
        return client

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
        return place_of(answer.headers["Location"])


def measure(node: Node, folder: Path) -> None:
    """Measure and print it."""
    stack = Stack.make(node, folder / "project")
    stack.up()
    with ExitStack() as running:
        for arm, port in _BARE.items():
            running.enter_context(_bare(node, folder, port, encrypted="TLS" in arm))
        for size, rounds in SIZES.items():
            _measure_size(node, size, rounds)
    stack.remove()


def _measure_size(node: Node, size: int, rounds: int) -> None:
    clients = {arm: Client.connected(node, arm) for arm in (_DEPLOYED, *_BARE)}
    pushes = {arm: Series(f"push of {size} MB, {arm}") for arm in clients}
    pulls = {arm: Series(f"pull of {size} MB, {arm}") for arm in clients}
    content = bytearray(os.urandom(size * MB))
    for number in range(rounds):
        content[:8] = number.to_bytes(8, "big")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        # What one has left for the disk to write must not always fall to the same other.
        arms = list(clients)[number % 3 :] + list(clients)[: number % 3]
        for arm in arms:
            client = clients[arm]
            pushes[arm].measure(lambda c=client, d=digest: c.push(memoryview(content), d))  # type: ignore[misc]
            pulls[arm].measure(lambda c=client, d=digest: c.pull(d))  # type: ignore[misc]
            os.sync()
        node.run(["sh", "-c", "rm -rf /data/registry/registry/docker/registry/v2/blobs /data/bare-*/docker"])
    for series, aim in ((pushes, _PUSH), (pulls, _PULL)):
        say("")
        rates = {arm: size / each.median for arm, each in series.items()}
        for arm, each in series.items():
            say(f"{each}{rates[arm]:7.0f} MB/s")
        ratio = rates[_DEPLOYED] / rates["bare with TLS"]
        say(f"{'ratio of the rates, deployed to bare with TLS':<58} {ratio:6.2f}, target at least {aim}")


@contextmanager
def _bare(node: Node, folder: Path, port: int, *, encrypted: bool) -> Iterator[None]:
    """Run the registry's program on the node, with the configuration that it needs and no more."""
    data, config = f"/data/bare-{port}", folder / f"{port}.yml"
    node.run(["mkdir", "-p", data])
    http_: dict[str, object] = {"addr": f"localhost:{port}"}
    if encrypted:
        pair = node.get("secret", "registry-tls")["data"]
        for name, text in pair.items():
            (folder / name).write_bytes(base64.b64decode(text))
        http_["tls"] = {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}
    storage = {"filesystem": {"rootdirectory": data}}
    config.write_text(json.dumps({"version": "0.1", "storage": storage, "http": http_}))
    words = ["env", "OTEL_TRACES_EXPORTER=none", str(parts.built(tools.REGISTRY)), "serve", str(config)]
    process = node.start_process(words, folder / f"{port}.log")
    try:
        scheme = "https" if encrypted else "http"
        asked = ["curl", "--silent", "--insecure", f"{scheme}://localhost:{port}/v2/"]
        until(lambda: node.run(asked, check=False).returncode == 0, "a bare registry")
        yield
    finally:
        process.terminate()
        process.wait()
        node.run(["rm", "-rf", data])

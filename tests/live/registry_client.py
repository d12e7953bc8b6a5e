"""A client of the registry for tests that push and pull a lot, several at a time, and look at each answer.

It speaks HTTPS from this process, through the network of a node; docker would need seconds for what takes this
milliseconds, and would hide the answers behind its own attempts.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import http.client
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tests.live.harness import CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
_CLONE_NEWNET = 0x40000000
_SECONDS = 60
_PAUSE = 0.05
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def network_of(node: Node) -> Iterator[None]:
    """Make sockets on the node meanwhile; only in this thread, and they stay there afterwards."""
    here, wanted = Path("/proc/thread-self/ns/net"), Path(f"/proc/{node.lab.process()}/ns/net")
    with here.open() as own, wanted.open() as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(own.fileno())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "the network could not be entered")


@contextmanager
def busy(clients: int, work: Callable[[int], None], pause: float = _PAUSE) -> Iterator[None]:
    """Have clients work meanwhile, over and over, a thread each; `work` is given the client's number."""
    stop = threading.Event()

    def again_and_again(number: int) -> None:
        work(number)
        # Without a pause they take the core that what they watch needs.
        while not stop.wait(pause):
            work(number)

    threads = [threading.Thread(target=again_and_again, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def credentials(account: str, password: str) -> str:
    """An account as the header Authorization carries it."""
    return "Basic " + base64.b64encode(f"{account}:{password}".encode()).decode()


def digest_of(content: bytes) -> str:
    """The digest by which a registry knows some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Reply:
    """An answer with its bytes."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """Of the bytes as they came, whatever the registry says."""
        return digest_of(self.body)


@dataclass(frozen=True)
class Image:
    """An image of random layers, and its manifest."""

    layers: tuple[bytes, ...]
    config: bytes = b"{}"

    @classmethod
    def random(cls, *sizes: int) -> Image:
        """One that no registry has yet, with a layer of each size in bytes."""
        layers = tuple(os.urandom(size) for size in sizes)
        return cls(layers, json.dumps({"made": os.urandom(16).hex()}).encode())

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """What is pushed before the manifest."""
        return (*self.layers, self.config)

    @cached_property
    def manifest(self) -> bytes:
        """As it is pushed, byte by byte."""
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": IMAGE_MANIFEST,
                "config": _descriptor("application/vnd.oci.image.config.v1+json", self.config),
                "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer) for layer in self.layers],
            }
        ).encode()

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return digest_of(self.manifest)


def index_of(digest: str, *, size: int) -> bytes:
    """An index that names an image so often that it has nearly this size in bytes; the registry looks for each."""
    entry = {"mediaType": IMAGE_MANIFEST, "digest": digest, "size": 1, "annotations": {"note": "n" * 1000}}
    head = {"schemaVersion": 2, "mediaType": IMAGE_INDEX}
    number = (size - len(json.dumps(head | {"manifests": []}))) // len(json.dumps([entry])[1:] + " ")
    return json.dumps(head | {"manifests": [entry] * number}).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


@dataclass
class Client:
    """One connection to the registry, made anew after each failure; a thread has its own.

    A connection that fails raises OSError or http.client.HTTPException: `FAILURES`.
    """

    node: Node
    address: str = PUSH_ADDRESS
    account: tuple[str, str] | None = (USER, PASSWORD)
    authority: str = CA_FILE
    """The file of the node that has the registry's CA."""
    _connection: http.client.HTTPSConnection | None = field(default=None, init=False, repr=False)
    _context: ssl.SSLContext = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the CA where nodes have it."""
        # Read without a process of its own: busy tests make a client for each push.
        authority = self.node.path(self.authority).read_text()
        self._context = ssl.create_default_context(cadata=authority)

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> Reply:
        """Send one request and read the whole answer."""
        fields = dict(headers)
        if self.account:
            fields["Authorization"] = credentials(*self.account)
        try:
            connection = self._connected()
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            content = answer.read()
        except FAILURES:
            self.close()
            raise
        if answer.will_close:
            self.close()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def push_blob(self, repository: str, content: bytes) -> Reply:
        """Push a blob in three requests, as clients do; gives the first answer that is no success, or the last."""
        begun = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        if begun.status != 202:
            return begun
        octets = [("Content-Type", "application/octet-stream")]
        sent = self.request("PATCH", place_of(begun.headers["location"]), content, octets)
        if sent.status != 202:
            return sent
        place = place_of(sent.headers["location"])
        joint = "&" if "?" in place else "?"
        return self.request("PUT", f"{place}{joint}digest={digest_of(content)}")

    def push_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str = IMAGE_MANIFEST
    ) -> Reply:
        """Push a manifest under a tag or its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        return self.request("PUT", path, content, [("Content-Type", media_type)])

    def push(self, repository: str, tag: str, image: Image) -> Reply:
        """Push an image; gives the first answer that is no success, or that to the manifest."""
        for blob in image.blobs:
            reply = self.push_blob(repository, blob)
            if reply.status != 201:
                return reply
        return self.push_manifest(repository, tag, image.manifest)

    def manifest(self, repository: str, reference: str) -> Reply:
        """Pull a manifest."""
        accept = f"{IMAGE_MANIFEST}, {IMAGE_INDEX}"
        return self.request("GET", f"/v2/{repository}/manifests/{reference}", headers=[("Accept", accept)])

    def blob(self, repository: str, digest: str) -> Reply:
        """Pull a blob."""
        return self.request("GET", f"/v2/{repository}/blobs/{digest}")

    def has(self, repository: str, reference: str, image: Image) -> bool:
        """Whether the whole image is there, byte by byte; asks for everything in it."""
        manifest = self.manifest(repository, reference)
        if (manifest.status, manifest.body) != (200, image.manifest):
            return False
        replies = [(self.blob(repository, digest_of(blob)), blob) for blob in image.blobs]
        return all((reply.status, reply.body) == (200, blob) for reply, blob in replies)

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            host, _, port = self.address.rpartition(":")
            connection = http.client.HTTPSConnection(host, int(port), timeout=_SECONDS, context=self._context)
            with network_of(self.node):
                connection.connect()
            self._connection = connection
        return self._connection


FAILURES = (OSError, http.client.HTTPException)
"""What a request raises while the registry is away."""


def place_of(location: str) -> str:
    """Where an upload goes on; the registry names it with or without its own address."""
    parts = urlsplit(urljoin("https://registry/", location))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path

"""Clients that mean no good: manifests without an end, and requests and answers that take for ever."""

from __future__ import annotations

import os
import select
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

from tests.live.raw import head
from tests.live.registry_client import Client, digest_of, place_of

Connect = Callable[[], ssl.SSLSocket]
"""Makes a new connection to the registry."""

_CHUNK: Final = 1 << 20
_BLOCK: Final = f"{_CHUNK:x}\r\n".encode() + b" " * _CHUNK + b"\r\n"
_AT_A_TIME: Final = 1024
"""Bytes that a slow client takes at a time."""
_SECONDS: Final = 20
_NOTHING_YET: Final = (BlockingIOError, ssl.SSLWantReadError)


def endless_manifests(connect: Connect, account: str, repository: str, clients: int, at_most: int) -> Counter[str]:
    """Have so many clients send a manifest of this size at a time, each until it is answered: the answers."""

    def send(number: int) -> str:
        answer, sent = b"", 0
        with connect() as connection:
            target = f"/v2/{repository}/manifests/{number}"
            connection.sendall(head("PUT", target, "registry", account, "Transfer-Encoding: chunked"))
            try:
                while sent < at_most and not (answer := _come(connection)):
                    connection.sendall(_BLOCK)
                    sent += _CHUNK
            except OSError:
                # What was answered before the cut is still there.
                with suppress(OSError):
                    answer = connection.recv(_AT_A_TIME)
        status, _, body = answer.decode().partition("\r\n\r\n")
        return f"{status.partition(' ')[2][:3]} {body.strip()}"

    with ThreadPoolExecutor(clients) as pool:
        return Counter(pool.map(send, range(clients)))


HEAD: Final = b"GET /v2/ HTTP/1.1\r\nHost: registry\r\nX-Slow: "
"""The beginning of a request without an account, whose head need not end."""


def bodies(client: Client, repository: str, account: str, number: int) -> list[bytes]:
    """Give the beginnings of requests that send a part of a layer."""
    begun = [client.request("POST", f"/v2/{repository}/blobs/uploads/") for _ in range(number)]
    places = [place_of(reply.headers["location"]) for reply in begun]
    return [head("PATCH", place, "registry", account, "Content-Length: 1000000") for place in places]


def readers(client: Client, repository: str, account: str, number: int, size: int) -> list[bytes]:
    """Give requests for a layer, which is more than connections hold by themselves."""
    layer = os.urandom(size)
    assert client.push_blob(repository, layer).status == 201
    return [head("GET", f"/v2/{repository}/blobs/{digest_of(layer)}", "registry", account)] * number


@dataclass
class Slow:
    """Connections on which little happens: a byte goes out each second, or a little is taken."""

    connections: list[ssl.SSLSocket]
    sends: bytes = b""
    cut: list[bytes] = field(default_factory=list)
    """What came last on those that the other side has ended."""

    @classmethod
    @contextmanager
    def beginning(cls, connect: Connect, texts: Sequence[bytes], sends: bytes = b"") -> Iterator[Slow]:
        """Begin a connection with each of these texts, and go on slowly meanwhile."""
        slow = cls([], sends)
        stop = Event()

        def go_on() -> None:
            while not stop.wait(1):
                slow.turn()

        thread = Thread(target=go_on)
        try:
            for text in texts:
                slow.connections.append(connect())
                slow.connections[-1].sendall(text)
            thread.start()
            yield slow
        finally:
            stop.set()
            if thread.ident:
                thread.join()
            for connection in slow.connections:
                connection.close()

    def turn(self) -> None:
        """Do so once on each of them."""
        still = []
        for connection in self.connections:
            came = b""
            try:
                came = _come(connection)
                connection.sendall(self.sends)
            except OSError:
                self.cut.append(came)
                connection.close()
            else:
                still.append(connection)
        self.connections = still


def _come(connection: ssl.SSLSocket) -> bytes:
    """Give a little of what has come, without a wait. Raises OSError at the end."""
    if not connection.pending() and not select.select([connection], [], [], 0)[0]:
        return b""
    connection.settimeout(0)
    try:
        if came := connection.recv(_AT_A_TIME):
            return came
    except _NOTHING_YET:
        return b""
    finally:
        connection.settimeout(_SECONDS)
    raise ConnectionError("the other side has ended")

"""Requests as no client would send them: the bytes of the head are the test's own."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.live.harness import CA_FILE, Node
from tests.live.registry_client import Reply, credentials, network_of

_SECONDS = 20


def basic(account: str, password: str) -> str:
    """A header with an account."""
    return f"Authorization: {credentials(account, password)}"


def head(method: str, target: str, host: str, *headers: str) -> bytes:
    """Give a request without its body."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


@dataclass
class Raw:
    """The registry at an address, as host and port; a connection for each request."""

    node: Node
    host: str
    port: int
    protocols: Sequence[str] = ("h2", "http/1.1")
    """Those that are offered; what is sent is always the second."""
    _context: ssl.SSLContext = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the CA where nodes have it."""
        self._context = ssl.create_default_context(cadata=self.node.path(CA_FILE).read_text())
        self._context.set_alpn_protocols(list(self.protocols))
        # A Service is asked by its IP address, which no certificate has.
        self._context.check_hostname = False

    def ask(self, method: str, target: str, headers: Sequence[str] = (), body: bytes = b"") -> Reply:
        """Send a request and read the answer."""
        fields = ["Connection: close", *headers]
        if body or method in {"POST", "PUT", "PATCH"}:
            fields.append(f"Content-Length: {len(body)}")
        return self.send(head(method, target, f"{self.host}:{self.port}", *fields) + body, method)[0]

    def send(self, text: bytes, *methods: str) -> list[Reply]:
        """Send these bytes, the last request of which closes the connection, and read an answer for each method.

        There are fewer where the other side cuts the connection, which it may do to what it does not want to read.
        """
        received = b""
        with self.connected() as connection, contextlib.suppress(ssl.SSLEOFError, ConnectionError):
            connection.sendall(text)
            while part := connection.recv(65536):
                received += part
        answers = _Received(received)
        return [_read(answers, method) for method in methods if answers.tell() < len(received)]

    def connected(self) -> ssl.SSLSocket:
        """Make a new connection."""
        with network_of(self.node):
            plain = socket.create_connection((self.host, self.port), timeout=_SECONDS)
        return self._context.wrap_socket(plain, server_hostname=self.host)


class _Received(io.BytesIO):
    """What came, as http.client reads it from a socket."""

    def makefile(self, _mode: str) -> io.BytesIO:
        return self

    def close(self) -> None:
        """Stay open for the next answer."""


def _read(answers: _Received, method: str) -> Reply:
    answer = http.client.HTTPResponse(answers, method=method)  # type: ignore[arg-type]  # all it needs of a socket
    answer.begin()
    body = answer.read()
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

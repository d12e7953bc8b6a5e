"""Where the Docker Engine listens, and whether it answers there.

Knows neither Pulumi nor the `docker` package, whose import would cost each command a fifth of a second.
"""

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_HOST = "unix:///var/run/docker.sock"
SCHEMES = ("unix", "tcp", "http")
ANSWER_SECONDS = 5
"""How long the Docker Engine may take to answer its first question; a longer wait would look like a hang."""
_PORT = 2375


class UnreachableError(Exception):
    """No Docker Engine answers; the message names the address, its source, the reason and the way out."""


@dataclass(frozen=True)
class Address:
    """Where a Docker Engine listens, and which setting said so."""

    host: str
    source: str

    @classmethod
    def choose(cls, configured: str | None, environment: Mapping[str, str]) -> "Address":
        """Prefer the provider's `host`, then DOCKER_HOST, then the standard socket."""
        # The SDK fills in `host` from the variable.
        if configured and configured != environment.get("DOCKER_HOST"):
            return cls(configured, "the provider's `host`")
        if environment.get("DOCKER_HOST"):
            return cls(environment["DOCKER_HOST"], "DOCKER_HOST")
        return cls(DEFAULT_HOST, "the default")

    def ping(self) -> None:
        """Raise UnreachableError unless a Docker Engine answers."""
        try:
            connection = self._connection()
            try:
                connection.request("GET", "/_ping")
                answer = connection.getresponse()
                if answer.status != http.client.OK:
                    raise self.unreachable(f"it answers with status {answer.status}")
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self.unreachable(reason(error)) from error

    def unreachable(self, why: str) -> UnreachableError:
        """The error for this address."""
        return UnreachableError(
            f"failed to connect to any docker daemon: there is no Docker Engine at {self.host} (taken from "
            f"{self.source}): {why}. Start the Docker Engine there, or name another address: "
            "`pulumi config set dockerHost ADDRESS`, the Docker provider's `host`, or DOCKER_HOST"
        )

    def _connection(self) -> http.client.HTTPConnection:
        url = urlsplit(self.host)
        if url.scheme not in SCHEMES:
            raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
        if url.scheme == "unix":
            return _UnixConnection(url.path)
        return http.client.HTTPConnection(url.hostname or "", url.port or _PORT, timeout=ANSWER_SECONDS)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(self._path)


def reason(error: BaseException) -> str:
    """Why a connection failed: libraries wrap "no such file" and "connection refused" five exceptions deep."""
    cause = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    if isinstance(cause, TimeoutError):
        return f"no answer within {ANSWER_SECONDS} seconds"
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)

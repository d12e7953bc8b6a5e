"""Whether the registry has an image, and can take one, asked over its API as any client asks.

Owns the questions and what counts as an answer. It must not take another server for the registry, such as one that
happens to listen on this machine's loopback: over TLS the certificate tells, over plain HTTP that it demands the
account and accepts it.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypeVar

from ..references import Address

_WITHIN: Final = 2
"""Seconds for each step. A machine that cannot reach the registry should not notice that it was tried."""

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of a manifest, as registries limit it."""

_MANIFESTS: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""A registry says of a manifest whose type is not accepted that there is none."""

_NOT_THERE: Final = {"MANIFEST_UNKNOWN", "NAME_UNKNOWN"}
"""How a registry says that it has no such manifest. A bare 404 may be of any server."""


T = TypeVar("T")


class NoAnswer(Exception):  # noqa: N818 - nothing is wrong: the registry may be out of this machine's reach
    """The registry could not be asked; the text tells why, for each address."""


@dataclass(frozen=True)
class _Refusal(Exception):  # noqa: N818 - as above
    """What one address answered in place of an answer."""

    reason: str


@dataclass(frozen=True)
class _Answer:
    status: int
    digest: str
    location: str
    body: bytes

    @property
    def codes(self) -> set[str]:
        """The codes of the errors that a registry lists."""
        try:
            return {str(error["code"]) for error in json.loads(self.body)["errors"]}
        except (ValueError, TypeError, KeyError):
            return set()


@dataclass(frozen=True)
class Registry:
    """The registry as this machine may reach it."""

    addresses: Sequence[Address]
    """In this order, until one answers."""
    encrypted: bool
    authorities: str
    """PEM of the CAs to trust; empty means those of this machine."""
    username: str
    password: str = field(repr=False)
    _silent: set[Address] = field(default_factory=set, init=False, repr=False)
    """Addresses that let a question time out. Nobody should wait for them twice."""

    def digest(self, repository: str, reference: str) -> str:
        """Give the digest of a manifest by tag or digest; empty if the registry says that it has none.

        Raises NoAnswer.
        """

        def ask(connection: http.client.HTTPConnection) -> str:
            answer = self._request(connection, "GET", f"/v2/{repository}/manifests/{reference}")
            if answer.status == http.client.OK:
                return answer.digest or f"sha256:{sha256(answer.body).hexdigest()}"
            if answer.status == http.client.NOT_FOUND and answer.codes & _NOT_THERE:
                return ""
            raise _Refusal(f"answers {answer.status}")

        return self._ask(ask)

    def can_store(self, repository: str) -> bool:
        """Whether the registry can begin an upload; nothing is left of it. Raises NoAnswer."""

        def ask(connection: http.client.HTTPConnection) -> bool:
            answer = self._request(connection, "POST", f"/v2/{repository}/blobs/uploads/")
            if answer.status == http.client.ACCEPTED:
                self._request(connection, "DELETE", answer.location)
                return True
            if answer.status >= http.client.INTERNAL_SERVER_ERROR:
                return False
            raise _Refusal(f"answers {answer.status}")

        return self._ask(ask)

    def _ask(self, question: Callable[[http.client.HTTPConnection], T]) -> T:
        """Put a question to one address after the other, until one answers it."""
        reasons = []
        for address in self.addresses:
            if address in self._silent:
                reasons.append(f"{address}: timed out")
                continue
            connection = self._connection(address)
            try:
                if not self.encrypted:
                    self._expect_a_demand(connection)
                return question(connection)
            except _Refusal as refusal:
                reasons.append(f"{address} {refusal.reason}")
            except (OSError, http.client.HTTPException) as problem:
                if isinstance(problem, TimeoutError):
                    self._silent.add(address)
                reasons.append(f"{address}: {problem or type(problem).__name__}")
            finally:
                connection.close()
        raise NoAnswer("; ".join(reasons))

    def _expect_a_demand(self, connection: http.client.HTTPConnection) -> None:
        """Send the account to nobody who does not ask for it."""
        connection.request("GET", "/v2/")
        status = _read(connection).status
        if status != http.client.UNAUTHORIZED:
            raise _Refusal(f"asks for no account, and answers {status}")

    def _request(self, connection: http.client.HTTPConnection, method: str, path: str) -> _Answer:
        account = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Accept": _MANIFESTS, "Authorization": f"Basic {account}"}
        connection.request(method, path, headers=headers)
        return _read(connection)

    def _connection(self, address: Address) -> http.client.HTTPConnection:
        if not self.encrypted:
            return http.client.HTTPConnection(address.host, address.port, timeout=_WITHIN)
        context = ssl.create_default_context(cadata=self.authorities or None)
        # What containerd and Docker accept is enough: they do not ask for every extension, and trust any
        # certificate that they were given, be it a root or not.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return http.client.HTTPSConnection(address.host, address.port, timeout=_WITHIN, context=context)


def _read(connection: http.client.HTTPConnection) -> _Answer:
    answer = connection.getresponse()
    headers = answer.headers
    return _Answer(
        answer.status,
        headers.get("Docker-Content-Digest", ""),
        headers.get("Location", ""),
        answer.read(_LONGEST),
    )

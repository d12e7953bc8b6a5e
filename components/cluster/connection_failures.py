"""Why a container runtime could not talk to a registry, read from its error text.

Nodes (containerd, CRI-O, Docker) and the Docker Engine that pushes are Go programs and use the same words. Owns the
words. What to do about a cause depends on who failed: see `pull_advice` and `proof.push_failures`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final


class Cause(Enum):
    """What lies between a client and a registry, from the outside to the inside."""

    PROXY = auto()
    """The proxy that the client is told to use."""
    NAME_UNKNOWN = auto()
    """The client cannot resolve the registry's name."""
    REFUSED = auto()
    """Nothing listens at the address."""
    UNREACHABLE = auto()
    """No answer from the address."""
    UNKNOWN_AUTHORITY = auto()
    """The client does not know the CA, or a certificate between CA and server is missing."""
    OTHER_NAMES = auto()
    """The certificate is for other names."""
    EXPIRED = auto()
    """The certificate, or one of its chain, has ended by the client's clock."""
    NOT_YET_VALID = auto()
    """The certificate, or one of its chain, has not begun by the client's clock."""
    OTHER_CERTIFICATE = auto()
    """Any other fault of the certificate or its chain."""
    PLAIN_SERVER = auto()
    """The client speaks TLS and the server plain HTTP."""
    PLAIN_CLIENT = auto()
    """The client speaks plain HTTP and the server TLS."""
    RATE_LIMIT = auto()
    """The server asks the client to come back later."""
    DENIED = auto()
    """The account is missing, wrong, or may not do this."""
    TOO_LARGE = auto()
    """Something before the registry limits the size of an upload."""
    DISK_FULL = auto()
    """No space where something was to be written."""
    OTHER_PLATFORM = auto()
    """The image is not built for the client's platform."""
    NOT_FOUND = auto()
    """The registry answers and does not have the image."""
    SERVER_ERROR = auto()
    """The registry, or something before it, answers with a failure of its own."""


_WORDS: Final[tuple[tuple[Cause, str], ...]] = (
    # In this order: an error of TLS or of the network that a proxy caused names the proxy as well.
    (Cause.PROXY, r"proxyconnect tcp|Proxy Authentication Required|socks connect"),
    (Cause.DISK_FULL, r"no space left on device|disk quota exceeded"),
    # Of an issuer in the chain, Go says it as the possible reason for an unknown authority.
    (Cause.NOT_YET_VALID, r"x509: certificate has expired or is not yet valid: current time \S+ is before"),
    (Cause.EXPIRED, r"x509: certificate has expired"),
    (
        Cause.UNKNOWN_AUTHORITY,
        (
            r"x509: certificate signed by unknown authority|x509: .* certificate is not trusted"
            r"|unable to get local issuer certificate|self.signed certificate"
        ),
    ),
    (
        Cause.OTHER_NAMES,
        (
            r"x509: certificate is (?:valid for .*, not|not valid for any names)"
            r"|x509: cannot validate certificate for \S+ because it doesn't contain any IP SANs"
            r"|x509: certificate relies on legacy Common Name"
        ),
    ),
    (Cause.OTHER_CERTIFICATE, r"x509: |tls: (?:failed to verify|bad) certificate"),
    (
        Cause.PLAIN_SERVER,
        r"server gave HTTP response to HTTPS client|first record does not look like a TLS handshake",
    ),
    (Cause.PLAIN_CLIENT, r"Client sent an HTTP request to an HTTPS server"),
    (
        Cause.NAME_UNKNOWN,
        r"dial tcp: lookup |no such host|server misbehaving|[Tt]emporary failure in name resolution",
    ),
    (Cause.REFUSED, r"connection refused"),
    (
        Cause.UNREACHABLE,
        (
            r"i/o timeout|no route to host|network is unreachable|connection timed out|TLS handshake timeout"
            r"|Client\.Timeout exceeded|waiting for connection|connection reset by peer|context deadline exceeded"
        ),
    ),
    (Cause.RATE_LIMIT, r"toomanyrequests|429 Too Many Requests|rate limit"),
    (
        Cause.DENIED,
        (
            r"401 Unauthorized|403 Forbidden|no basic auth credentials|authentication required|insufficient_scope"
            r"|incorrect username or password|unauthorized: |denied: |access denied|to the resource is denied"
        ),
    ),
    (Cause.TOO_LARGE, r"413 Request Entity Too Large|413 Payload Too Large"),
    (
        Cause.OTHER_PLATFORM,
        r"no match for platform in manifest|no matching manifest for|does not match the specified",
    ),
    (Cause.NOT_FOUND, r"not found|manifest unknown|name unknown|does not exist"),
    (Cause.SERVER_ERROR, r"\b50[0234] [A-Z]\w+|HTTP status: 50[0234]|: EOF\b|unexpected EOF"),
)
_PATTERNS: Final = tuple((cause, re.compile(words)) for cause, words in _WORDS)

_CLOCK_AND_LIMIT: Final = re.compile(r"current time (\S+) is (?:before|after) ([0-9T:.Z+-]+)")


def cause_of(text: str) -> Cause | None:
    """Give the cause that an error text names, if any."""
    return next((cause for cause, pattern in _PATTERNS if pattern.search(text)), None)


def clock_is_wrong(text: str, now: datetime, tolerance: timedelta) -> bool:
    """Whether a text about a certificate's time shows a client whose own clock is far from `now`."""
    found = _CLOCK_AND_LIMIT.search(text)
    if not found:
        return False
    try:
        clock = datetime.fromisoformat(found[1])
    except ValueError:
        return False
    return clock.tzinfo is not None and abs(clock - now) > tolerance

"""The configuration of nginx before the registry: it knows what accounts may do, and the registry who they are.

What is asked is read from the raw request line, by one strict grammar, and this line is what the registry gets:
there is no second reading of it that could differ. What does not fit is nobody's right. The password is proved by
the registry, once for each request, and before anything is refused for want of a right: strangers learn nothing.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ..access.rights import CATALOG, EVERYTHING, Right

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = rf"(?:{_COMPONENT}/)*{_COMPONENT}"
_ENCODED_NAME: Final = rf"(?:{_COMPONENT}(?:/|%2F))*{_COMPONENT}"
"""As Go and other clients write a name into a query."""
_DIGEST: Final = r"(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_NO_DIGEST: Final = r"[a-z0-9]+:[A-Za-z0-9]{1,140}"
"""A reference that is neither, which the registry answers as the specification asks. Without a slash or a percent
sign, no route but that of manifests can read it."""
_MANIFEST: Final = rf"manifests/(?:{_DIGEST}|{_TAG}|{_NO_DIGEST})"
_QUERY: Final = r"(?:\?[A-Za-z0-9=&%:./+_-]*)?"
_MOUNT: Final = r"mount=sha256(?::|%3A)[a-f0-9]{64}"

_REQUESTS: Final[Mapping[str, str]] = {
    r"(?:GET|HEAD) /v2/": "ping:",
    rf"GET /v2/_catalog{_QUERY}": f"{CATALOG}:",
    rf"(?:GET|HEAD) /v2/({_NAME})/(?:{_MANIFEST}|blobs/{_DIGEST}|tags/list|referrers/{_DIGEST}){_QUERY}": "pull:$1",
    rf"PUT /v2/({_NAME})/{_MANIFEST}": "push:$1",
    rf"POST /v2/({_NAME})/blobs/uploads/{_QUERY}": "push:$1",
    # To cancel an upload is a part of pushing.
    rf"(?:GET|HEAD|PATCH|PUT|DELETE) /v2/({_NAME})/blobs/uploads/[A-Za-z0-9=_-]+{_QUERY}": "push:$1",
    rf"DELETE /v2/({_NAME})/(?:{_MANIFEST}|blobs/{_DIGEST})": "delete:$1",
}
"""Method and raw target, as regular expressions for the whole of them, and what is asked by it."""

_TEMPLATE: Final = Path(__file__).with_suffix(".conf").read_text(encoding="utf-8")
_TLS: Final = """\
    ssl_certificate {tls}/tls.crt;
    ssl_certificate_key {tls}/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
    ssl_session_cache shared:tls:1m;
    ssl_session_tickets off;
"""
_COUNTED: Final = """\
  # A byte for each wrong password, which the container of metrics counts. A file whose name has a variable is
  # opened for each line, so that it can be moved away, and only where the root is there.
  log_format failed_login "";
  access_log {folder}/at-$server_port failed_login if=$failed_login;
  root {folder};
"""


_GUESSES: Final = 100
"""Wrong passwords that are answered in a second, from one address."""
_AT_ONCE: Final = 100
"""Answers that do not wait."""
_WAITING: Final = 1000
"""Answers that wait for their turn. The next one is 429."""


def _error(code: str, message: str) -> str:
    """Give the body of an answer as the registry itself would write it."""
    text = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]})
    return f"'{text}'"


def _exactly(text: str) -> str:
    """Give a regular expression for these bytes, none of which means anything to nginx."""
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else rf"\x{byte:02x}" for byte in text.encode()
    )


def rights_map(accounts: Mapping[str, Iterable[Right] | None]) -> str:
    """Give nginx's map from "account:act:repository" to 1; whose rights are None may do everything."""
    lines = []
    for account, rights in accounts.items():
        for right in [EVERYTHING] if rights is None else rights:
            repository = right.expression.replace("/", "(?:/|%2F)")
            lines.append(f"{_exactly(account)}:(?:{'|'.join(right.acts)}):{repository}")
    return "".join(f'"~^{line}$" 1;\n' for line in lines)


def accounts_map(accounts: Iterable[str]) -> str:
    """Give nginx's map from the names of accounts to themselves: in no log stands what somebody types for one."""
    return "".join(f'"~^{_exactly(account)}$" $remote_user;\n' for account in accounts)


def render(*, port: int, run: str, door: str, tls: str, drain_seconds: int, failed_logins: str = "") -> str:
    """Give the text of nginx.conf.

    `run` is a folder that nginx and the registry may write to, `door` the one of the maps, and `tls` the one of
    certificate and key; without it, nginx speaks plain HTTP. When nginx is asked to end, it finishes what it has
    begun for `drain_seconds`. `failed_logins` is the folder in which it leaves a byte for each wrong password, if
    anybody counts them.
    """
    values = {
        "run": run,
        "door": door,
        "listen": listen(port, tls),
        "scheme": "https" if tls else "http",
        "tls": _TLS.format(tls=tls) if tls else "",
        "counted": _COUNTED.format(folder=failed_logins) if failed_logins else "",
        "drain": drain_seconds,
        "requests": "\n".join(f'    "~^{request}$" "{what}";' for request, what in _REQUESTS.items()),
        "from": _ENCODED_NAME,
        "mount": _MOUNT,
        "rate": _GUESSES,
        "at_once": _AT_ONCE,
        "waiting": _WAITING,
        "unauthorized": _error("UNAUTHORIZED", "authentication required"),
        "denied": _error("DENIED", "$lacking"),
        "too_many": _error("TOOMANYREQUESTS", "too many requests; wait a little"),
        "odd": _error("UNSUPPORTED", "not a request of this registry"),
        "plain": _error("UNSUPPORTED", "this port speaks HTTPS only"),
        "away": _error("UNAVAILABLE", "the registry is not answering; try again"),
    }
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), _TEMPLATE)


def listen(port: int, tls: str, address: str = "") -> str:
    """Give the directive by which nginx takes connections at a port."""
    return f"listen {address}{port}{' ssl' if tls else ''};"

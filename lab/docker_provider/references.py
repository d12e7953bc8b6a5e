"""Image names as Docker reads them: host, path and tag, or a message that says what is wrong.

Pure text; knows neither Docker Engine nor registry.
"""

import re
from dataclasses import dataclass

DEFAULT_TAG = "latest"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Reference:
    """An image name in its parts."""

    host: str
    path: str
    tag: str

    @property
    def repository(self) -> str:
        """The name without its tag, as it stands before `@sha256:...`."""
        return f"{self.host}/{self.path}"


def parse(name: str) -> Reference:
    """Take an image name apart; raise ValueError with the rule that it breaks.

    As in Docker, the part before the first slash is a host only when it holds a dot or a colon, has an
    upper-case letter, or is `localhost`.
    """
    if "@" in name:
        raise ValueError(f"{name!r} ends in a digest; an image that is yet to be built has a tag instead")
    first, slash, rest = name.partition("/")
    has_host = bool(slash) and (set(".:") & set(first) or first == "localhost" or first != first.lower())
    host, remainder = (first, rest) if has_host else ("", name)
    path, colon, tag = remainder.partition(":")
    if has_host and not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} in {name!r} is not a registry host, as in `registry.example:5000`")
    if path != path.lower():
        raise ValueError(f"{path!r} in {name!r} must be lower case")
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"{path!r} in {name!r} is not an image path: lower-case letters and digits, "
            "separated by single `/`, `.`, `_`, `-`"
        )
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(
            f"{tag!r} in {name!r} is not a tag: at most 128 letters, digits, `_`, `.`, `-`, "
            "not starting with `.` or `-`"
        )
    if not has_host:
        raise ValueError(
            f"{name!r} is not fully qualified: it must start with the registry's host, as in "
            f"`localhost:5000/{path}:{tag or DEFAULT_TAG}`, or nothing says where it is pushed to"
        )
    return Reference(host, path, tag or DEFAULT_TAG)


def credentials_key(server: str) -> str:
    """Give the key of a registry among Docker's credentials; accepts `host`, `host:port` and URLs."""
    return server.removeprefix("https://").removeprefix("http://").split("/", 1)[0]

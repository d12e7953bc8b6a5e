"""What Kubernetes allows as a name of an object. A broken rule is a `ValueError` whose text begins with "must"."""

import hashlib
import re
from typing import Final

from ..shown import shown

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PART: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST: Final = 253


def check_namespace(name: str) -> None:
    """Refuse what cannot be the name of a namespace (RFC 1123 label)."""
    if not _LABEL.fullmatch(name):
        raise ValueError(
            f"must be a namespace name (up to 63 lower-case letters, digits, inner hyphens), got {shown(name)}"
        )


def check_object_name(name: str) -> None:
    """Refuse what cannot be the name of a Secret or a node: a subdomain, whose parts Kubernetes does not limit."""
    if len(name) > _LONGEST:
        raise ValueError(f"must be a Kubernetes name of at most {_LONGEST} characters, got {shown(name)}")
    if not all(_PART.fullmatch(part) for part in name.split(".")):
        raise ValueError(
            f"must be a Kubernetes name (lower-case letters, digits, inner hyphens and dots), got {shown(name)}"
        )


def object_name(text: str, longest: int = _LONGEST) -> str:
    """Return a name for an object: the text, or where that is too long its beginning and a hash of it."""
    if len(text) <= longest:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    # What is cut off may end in a dot or hyphen, after which no hyphen can follow.
    return f"{text[: longest - 9].rstrip('.-')}-{digest}"

"""What Kubernetes allows as a name of an object. A broken rule is a `ValueError` whose text begins with "must"."""

import re
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def check_namespace(name: str) -> None:
    """Refuse what cannot be the name of a namespace (RFC 1123 label)."""
    if not _LABEL.fullmatch(name):
        raise ValueError(
            f'must be a namespace name (up to 63 lower-case letters, digits, inner hyphens), got "{name}"'
        )


def check_object_name(name: str) -> None:
    """Refuse what cannot be the name of a Secret or a node (RFC 1123 subdomain)."""
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(
            f'must be a Kubernetes name (lower-case letters, digits, inner hyphens and dots), got "{name}"'
        )

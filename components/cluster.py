"""What Kubernetes and a node's disk allow: names of objects, folders on a node, how many Pods may share one.

Owns these rules only. A broken rule is a `ValueError` whose text begins with "must".
"""

import posixpath
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


def check_node(name: str) -> None:
    """Refuse an unset node, and what cannot be the name of one."""
    if not name:
        raise ValueError(
            "must be set: images lie on one node's disk, and on another node the registry would be empty"
        )
    check_object_name(name)


def check_replicas(replicas: int) -> None:
    """Refuse any number of registry Pods but one, while a folder on one node holds the images."""
    if replicas != 1:
        raise ValueError(
            f"must be 1, got {replicas}: images lie in a folder of one node, "
            "where a second Pod would need the same host port and write the same files"
        )


def host_folder(path: str) -> str:
    """Return a folder on a node in its one spelling, without doubled or trailing slashes.

    Raises ValueError for what a hostPath volume cannot take, and for `/`, which is the node's whole disk.
    """
    if not path.isprintable():
        raise ValueError(f"must not contain control or invisible characters, got {path!r}")
    if not path.startswith("/"):
        raise ValueError(f'must be an absolute path on the node, got "{path}"')
    if ".." in path.split("/"):
        raise ValueError(f'must not contain "..", which Kubernetes refuses in a hostPath, got "{path}"')
    folder = "/" + posixpath.normpath(path).lstrip("/")
    if folder == "/":
        raise ValueError("must be a folder of its own, got the whole disk of the node")
    return folder

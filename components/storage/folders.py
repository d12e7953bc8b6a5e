"""Folders on a node, as hostPath volumes take them. A broken rule is a `ValueError` that begins with "must"."""

import posixpath

from ..shown import shown


def host_folder(path: str) -> str:
    """Return a folder on a node in its one spelling, without doubled or trailing slashes.

    Raises ValueError for what a hostPath volume cannot take, and for `/`, which is the node's whole disk.
    """
    if not path.isprintable():
        raise ValueError(f"must not contain control or invisible characters, got {shown(path)}")
    if not path.startswith("/"):
        raise ValueError(f"must be an absolute path on the node, got {shown(path)}")
    if ".." in path.split("/"):
        raise ValueError(f'must not contain "..", which Kubernetes refuses in a hostPath, got {shown(path)}')
    folder = "/" + posixpath.normpath(path).lstrip("/")
    if folder == "/":
        raise ValueError("must be a folder of its own, got the whole disk of the node")
    return folder

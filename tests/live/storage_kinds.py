"""The kinds of storage as live tests set them up, so that one test speaks of all.

Each lies in a folder of the node in the end, where a test looks at the files, or fills the disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from components.pem import Pair
from tests.live import s3, volumes
from tests.live.harness import Node, Stack
from tests.live.s3 import S3

NAMES = ("hostPath", "claim", "s3")
_PREFIX = "team/a"


@dataclass(frozen=True)
class Kind:
    """A kind of storage, ready for a registry."""

    name: str
    node: Node
    folder: str
    """Of the node; all images are below it."""
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    server: S3 | None = None
    """Where the kind is s3."""

    def configure(self, stack: Stack) -> None:
        """Set it in a stack."""
        for key, value in self.settings.items():
            stack.set(key, value)
        for key, value in self.secrets.items():
            stack.set(key, value, secret=True)

    @property
    def files(self) -> Path:
        """The registry's own folder, as this process sees it."""
        return next(self.node.path(self.folder).rglob("docker/registry/v2"))

    def damage(self) -> list[str]:
        """What is wrong among the files: a link that names nothing, and content that is not what its name says."""
        empty = [link for link in self.files.rglob("link") if not link.read_text().startswith("sha256:")]
        blobs = self.files.glob("blobs/sha256/*/*/data")
        wrong = [blob for blob in blobs if hashlib.sha256(blob.read_bytes()).hexdigest() != blob.parent.name]
        return [str(path) for path in (*empty, *wrong)]

    def wipe(self) -> None:
        """Remove all images behind the registry's back."""
        self.node.run(["sh", "-c", f"rm -rf {self.folder}/*/docker {self.folder}/docker {self.folder}/*/*"])


@contextmanager
def prepared(name: str, node: Node, *, small: int = 0, pair: Pair | None = None) -> Iterator[Kind]:
    """Make what the kind needs in the cluster, and remove it at the end; if `small`, on a disk of so many MiB.

    An S3 server can have a certificate.
    """
    folder = f"/data/{name.lower()}"
    with ExitStack() as made:
        if small:
            made.enter_context(volumes.small_disk(node, folder, small))
        if name == "hostPath":
            made.callback(node.run, ["sh", "-c", f"rm -rf {folder}/*"])
            yield Kind(name, node, folder, {"hostPath": folder})
        elif name == "claim":
            made.enter_context(volumes.volume(node, "lab-volume", folder))
            settings = {"storage": name, "claimClass": volumes.CLASS, "claimSize": "1Gi"}
            yield Kind(name, node, folder, settings)
        else:
            server = made.enter_context(S3.running(node, folder, pair))
            settings = {"storage": name, "s3Bucket": s3.BUCKET, "s3Endpoint": s3.ENDPOINT, "s3Prefix": _PREFIX}
            keys = {"s3AccessKey": s3.ACCESS_KEY, "s3SecretKey": s3.SECRET_KEY}
            yield Kind(name, node, folder, settings, keys, server)

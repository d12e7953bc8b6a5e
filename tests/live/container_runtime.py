"""The container runtime of a node, asked to pull as the kubelet asks it: by CRI, with an account in the request."""

from __future__ import annotations

import io
import json
import os
import tarfile
from types import TracebackType

import grpc  # type: ignore[import-untyped]  # grpcio ships no types

from lab.topology import FIRST
from tests.live.harness import Node
from tests.live.registry_client import Image, digest_of

_SECONDS = 60
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class PullError(Exception):
    """A pull that failed, with the runtime's words, which Pods have in their events."""


class Runtime:
    """containerd of one node."""

    def __init__(self, lab: Node, node: str = FIRST.name) -> None:
        """Connect to it where the kubelet does."""
        self._channel = grpc.insecure_channel(
            f"unix:/proc/{lab.lab.process(node)}/root/run/containerd/containerd.sock"
        )

    def __enter__(self) -> Runtime:
        """Use it until the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._channel.close()

    def pull(self, image: str, account: tuple[str, str] | None = None) -> None:
        """Pull an image; raises PullError."""
        login = b"".join(_field(place, part.encode()) for place, part in enumerate(account or (), 1))
        try:
            self._ask("PullImage", _image(image) + _field(2, login))
        except grpc.RpcError as problem:
            raise PullError(problem.details()) from None

    def remove(self, image: str) -> None:
        """Remove an image with all that only it needs, so that the next pull fetches it whole."""
        self._ask("RemoveImage", _image(image))

    def _ask(self, method: str, request: bytes) -> None:
        # Without serializers, messages are bytes: three fields need no compiled definition of CRI.
        self._channel.unary_unary(f"/runtime.v1.ImageService/{method}")(request, timeout=_SECONDS)


def unpackable(size: int) -> Image:
    """An image of chance that a runtime unpacks: a layer with one file."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = size
        archive.addfile(entry, io.BytesIO(os.urandom(size)))
    config = {
        "architecture": _ARCHITECTURES.get(os.uname().machine, ""),
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer.getvalue())]},
    }
    return Image((layer.getvalue(),), json.dumps(config).encode())


def _image(name: str) -> bytes:
    """ImageSpec, the first field of each request."""
    return _field(1, _field(1, name.encode()))


def _field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that holds text or a message."""
    length, rest = bytearray(), len(content)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + content

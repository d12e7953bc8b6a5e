"""The door: nginx before the registry, in the same Pod, where accounts have rights.

Both meet at a unix socket, so that nothing passes by nginx. It reloads what has changed, rights or certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pulumi
from pulumi_kubernetes.core.v1 import ContainerArgsDict, VolumeArgsDict, VolumeMountArgsDict

from ..access.settings import Access
from ..cluster.checkov import Reasons
from ..cluster.pods import HARDENED
from ..cluster.waiting import ENDED
from . import nginx
from .names import CONTAINER_PORT, TLS_FOLDER

_RUN: Final = "/run/door"
_DOOR: Final = "/etc/door"
_SCRIPT: Final = ENDED + Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")

SOCKET: Final = f"{_RUN}/registry.sock"
"""Where the registry listens."""

SHARED: Final[VolumeMountArgsDict] = {"name": "run", "mount_path": _RUN}
"""What both containers mount."""

REASONS: Final[Reasons] = {
    "CKV_K8S_8": "the registry listens at a unix socket for the door alone, which has a probe",
    "CKV_K8S_9": "the door has the probe, and asks the registry in turn",
}
"""Of the Pod with the door."""

UNTIL_CLOSED: Final = ["sh", "-c", f"while [ -e {_RUN}/serving ]; do sleep 1; done"]
"""What the registry waits for before it ends: nginx has finished what it has begun, which needs the registry."""


def content(access: Access, drain_seconds: int, *, encrypted: bool, failed_logins: str) -> Mapping[str, str]:
    """Give nginx's files, and what tells them from those before.

    `failed_logins` is the folder in which it leaves a byte for each wrong password, if anybody counts them.
    """
    accounts, tls = access.rights_of_accounts, TLS_FOLDER if encrypted else ""
    files = {
        "nginx.conf": nginx.render(
            port=CONTAINER_PORT,
            run=_RUN,
            door=_DOOR,
            tls=tls,
            drain_seconds=drain_seconds,
            failed_logins=failed_logins,
        ),
        "ipv6.conf": nginx.listen(CONTAINER_PORT, tls, "[::]:"),
        "accounts.map": nginx.accounts_map(accounts),
        "rights.map": nginx.rights_map(accounts),
    }
    return {**files, "version": hashlib.sha256("\0".join(files.values()).encode()).hexdigest()[:16]}


def volumes(secret: pulumi.Input[str]) -> list[VolumeArgsDict]:
    """Give what the door needs of its Pod; `secret` has nginx's files."""
    return [
        {"name": "door", "secret": {"secret_name": secret}},
        {"name": "run", "empty_dir": {"size_limit": "16Mi"}},
    ]


def container(image: str, public: ContainerArgsDict, told: Sequence[VolumeMountArgsDict]) -> ContainerArgsDict:
    """Declare nginx's container.

    `public` is what belongs to the port that clients reach, TLS files included, and `told` where failed logins go.
    """
    mounts: list[VolumeMountArgsDict] = [{"name": "door", "mount_path": _DOOR, "read_only": True}, SHARED, *told]
    served = list(public.get("volume_mounts", []))
    folders = [_DOOR, *([TLS_FOLDER] if served else [])]
    return {
        **public,
        "name": "door",
        "image": image,
        "command": ["sh", "-c", _SCRIPT, "door", _DOOR, _RUN, *folders],
        "security_context": HARDENED,
        "resources": {
            "requests": {"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "1Mi"},
            "limits": {"cpu": "2", "memory": "256Mi", "ephemeral-storage": "32Mi"},
        },
        "volume_mounts": [*mounts, *served],
        "termination_message_policy": "FallbackToLogsOnError",
    }

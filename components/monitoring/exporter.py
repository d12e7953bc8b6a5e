"""The container that Prometheus asks: nginx, which shows the registry's metrics and some of our own.

The registry's debug server also serves profiles, from which credentials can be read. So it listens on the loopback
address of the Pod, and of all its pages nginx has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..cluster.checkov import Reasons
from ..cluster.pods import HARDENED
from ..cluster.waiting import ENDED

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import ContainerArgsDict, VolumeArgsDict, VolumeMountArgsDict

PORT: Final = 5002
"""Where `/metrics` is, and nothing else."""
REPORTS_PORT: Final = 5003
"""Where a continuing proof says that it has pulled, and nothing else."""
DEBUG: Final = "127.0.0.1:5001"
"""The registry's debug server."""
PATH: Final = "/metrics"

_RUN: Final = "/run/metrics"
_CERTIFICATE: Final = "/etc/certificate"
_SCRIPT: Final = ENDED + Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")

COLLECTED: Final = f"{_RUN}/collected"
"""The file that the registry's container touches after each collection."""
SHARED: Final[VolumeMountArgsDict] = {"name": "metrics", "mount_path": _RUN}
"""What a container mounts that tells something by a file."""
FAILED_LOGINS: Final = "/run/failed-logins"
"""The folder in which the door leaves a byte for each wrong password."""
COUNTED: Final[VolumeMountArgsDict] = {"name": "failed-logins", "mount_path": FAILED_LOGINS}
"""What the door mounts for it."""


REASONS: Final[Reasons] = {"CKV_K8S_9": "metrics that hang must not take the registry away with them"}
"""Of the Pod with this container."""


def debug() -> Mapping[str, object]:
    """Give the part `debug` of the registry's configuration."""
    return {"addr": DEBUG, "prometheus": {"enabled": True, "path": PATH}}


def volumes(tls_secret: object, *, has_door: bool) -> list[VolumeArgsDict]:
    """Give what the container needs of its Pod; of the Secret with the certificate, if any, not the key."""
    certificate: VolumeArgsDict = {
        "name": "certificate",
        "secret": {"secret_name": tls_secret, "items": [{"key": "tls.crt", "path": "tls.crt"}]},
    }
    # Whoever guesses while nobody counts fills this memory, and no disk for which Kubernetes would evict the Pod.
    failed_logins: VolumeArgsDict = {
        "name": "failed-logins",
        "empty_dir": {"medium": "Memory", "size_limit": "1Mi"},
    }
    return [
        {"name": "metrics", "empty_dir": {"size_limit": "16Mi"}},
        *([certificate] if tls_secret else []),
        *([failed_logins] if has_door else []),
    ]


def container(
    image: str,
    images: Sequence[VolumeMountArgsDict],
    proofs: Sequence[str],
    *,
    encrypted: bool,
    collects: bool,
    has_door: bool,
) -> ContainerArgsDict:
    """Declare it. `images` is where the registry has them, if in a folder, and `proofs` who reports here."""
    certificate: VolumeMountArgsDict = {"name": "certificate", "mount_path": _CERTIFICATE, "read_only": True}
    words = [
        _RUN,
        str(images[0]["mount_path"]) if images else "",
        f"{_CERTIFICATE}/tls.crt" if encrypted else "",
        "yes" if collects else "",
        FAILED_LOGINS if has_door else "",
        str(PORT),
        str(REPORTS_PORT),
        f"{DEBUG}{PATH}",
        *proofs,
    ]
    return {
        "name": "metrics",
        "image": image,
        "command": ["sh", "-c", _SCRIPT, "metrics", *words],
        "ports": [
            {"name": "metrics", "container_port": PORT},
            *([{"name": "reports", "container_port": REPORTS_PORT}] if proofs else []),
        ],
        "liveness_probe": {"tcp_socket": {"port": "metrics"}, "period_seconds": 30, "timeout_seconds": 5},
        "security_context": HARDENED,
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"},
            "limits": {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
        },
        "volume_mounts": [
            SHARED,
            *({**mount, "read_only": True} for mount in images),
            *([certificate] if encrypted else []),
            *([COUNTED] if has_door else []),
        ],
        "termination_message_policy": "FallbackToLogsOnError",
    }

"""The containers of the registry's Pod: itself, the door where accounts have rights, and metrics if wanted."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi_kubernetes.core.v1 import ContainerArgsDict, HTTPGetActionArgsDict, VolumeMountArgsDict

from ..access.settings import Access
from ..cluster.pods import HARDENED
from ..exposure.settings import Exposure
from ..monitoring import exporter
from ..monitoring.settings import Monitoring
from ..storage.paths import IMAGES
from ..storage.settings import Storage
from ..time_of_day import seconds_of_day
from ..tls.certificates import Certificates
from . import collection, door, memory, renewal
from .names import ACCOUNTS_FOLDER, COLLECTING, CONFIG, CONFIG_FOLDER, CONTAINER_PORT, TLS_FOLDER
from .rollout import Rollout
from .settings import Server


def containers(
    server: Server,
    access: Access,
    exposure: Exposure,
    storage: Storage,
    rollout: Rollout,
    certificates: Certificates | None,
    monitoring: Monitoring,
    proofs: Sequence[str],
) -> list[ContainerArgsDict]:
    """Declare them, the registry first. Without certificates clients speak plain HTTP to it.

    `proofs` are the names under which a continuing proof reports its pulls.
    """
    collects, encrypted = bool(server.collection_time), bool(certificates)
    public = _public(exposure, rollout, encrypted=encrypted)
    told = [exporter.SHARED] if monitoring.metrics and collects else []
    collected = exporter.COLLECTED if told else ""
    metrics = []
    if monitoring.metrics:
        read = storage.mounts
        metrics = [
            exporter.container(
                server.door_image,
                read,
                proofs,
                encrypted=encrypted,
                collects=collects,
                has_door=bool(access.rights),
            )
        ]
    if not access.rights:
        command = _command(server, storage, certificates, collected, socket="")
        return [_registry(server, storage, public, told, command), *metrics]
    behind: ContainerArgsDict = {
        "volume_mounts": [door.SHARED],
        "lifecycle": {"pre_stop": {"exec_": {"command": door.UNTIL_CLOSED}}},
    }
    command = _command(server, storage, None, collected, socket=door.SOCKET)
    registry = _registry(server, storage, behind, told, command)
    counted = [exporter.COUNTED] if monitoring.metrics else []
    return [registry, door.container(server.door_image, public, counted), *metrics]


def _public(exposure: Exposure, rollout: Rollout, *, encrypted: bool) -> ContainerArgsDict:
    """Give what the container has whose port clients reach."""
    health: HTTPGetActionArgsDict = {"path": "/", "port": "registry", "scheme": "HTTPS" if encrypted else "HTTP"}
    tls: VolumeMountArgsDict = {"name": "tls", "mount_path": TLS_FOLDER, "read_only": True}
    return {
        "ports": [
            {
                "name": "registry",
                "container_port": CONTAINER_PORT,
                **({"host_port": exposure.port_on_node} if exposure.port_on_node else {}),
            }
        ],
        # `/` needs no account and answers 503 while the storage is sick: then the Pod is not Ready. The kubelet
        # asks a new container at once; a startup probe would have to come first, and take a second more.
        # A node at full load is slower than the second that a probe has otherwise.
        "readiness_probe": {"http_get": health, "period_seconds": 5, "timeout_seconds": 5},
        # A sick storage is no reason for a restart, which would cure no disk.
        # Seldom: each is a line in the log of a TLS server.
        "liveness_probe": {"tcp_socket": {"port": "registry"}, "period_seconds": 30, "timeout_seconds": 5},
        "volume_mounts": [tls] if encrypted else [],
        **({"lifecycle": lifecycle} if (lifecycle := rollout.lifecycle) else {}),
    }


def _registry(
    server: Server,
    storage: Storage,
    reached: ContainerArgsDict,
    told: Sequence[VolumeMountArgsDict],
    command: list[str],
) -> ContainerArgsDict:
    """Declare the registry's container.

    `reached` is what it has for those who reach it, clients or the door, and `told` where it says what it has done.
    """
    mounts: list[VolumeMountArgsDict] = [
        {"name": "config", "mount_path": CONFIG_FOLDER, "read_only": True},
        # The folder, never one file of it: a missing htpasswd must stop the start, not be invented.
        {"name": "accounts", "mount_path": ACCOUNTS_FOLDER, "read_only": True},
        *storage.mounts,
        *reached.get("volume_mounts", []),
        *told,
    ]
    return {
        **reached,
        "name": "registry",
        "image": server.image,
        # By path: the images of 2.x and 3.x keep their own file in different places, with other defaults.
        "command": command,
        "env": [
            # Version 3 otherwise sends traces to a collector on its own host, and logs an error every 5 s.
            {"name": "OTEL_TRACES_EXPORTER", "value": "none"},
            {"name": "GOMEMLIMIT", "value": memory.collected_at(server.memory)},
            # Beside the CAs of the image, which Go reads from one file.
            *([{"name": "SSL_CERT_DIR", "value": CONFIG_FOLDER}] if storage.files else []),
            *storage.environment,
        ],
        "security_context": HARDENED,
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "2", "memory": server.memory, "ephemeral-storage": "64Mi"},
        },
        "volume_mounts": mounts,
        "termination_message_policy": "FallbackToLogsOnError",
    }


def _command(
    server: Server, storage: Storage, certificates: Certificates | None, collected: str, socket: str
) -> list[str]:
    """Give the container's first process, which serves with these certificates if it has any."""
    # A lower limit of the container runtime itself stays.
    files, config = str(memory.open_files(server.memory)), CONFIG
    # One that was killed leaves its socket, which would keep the next one from it.
    first = f"rm -f {socket}; " if socket else ""
    if certificates and certificates.secret and not server.collection_time:
        at = str(seconds_of_day(certificates.renewal_time)) if certificates.renewal_time else ""
        return ["sh", "-c", renewal.SCRIPT, "registry", files, config, TLS_FOLDER, at, str(renewal.WINDOW)]
    if not server.collection_time:
        script = f'{first}ulimit -n "$1" || true; exec registry serve "$2"'
        return ["sh", "-c", script, "registry", files, config]
    at = str(seconds_of_day(server.collection_time))
    flags = collection.flags(report_only=server.collection_report_only, untagged=server.collection_untagged)
    images = IMAGES if storage.mounts else ""
    collecting = f"{CONFIG_FOLDER}/{COLLECTING}"
    script = first + collection.SCRIPT
    return ["sh", "-c", script, "registry", files, config, collecting, at, images, collected, *flags]

"""Where the images lie: a folder on one node. Owns its volume, its ownership and its removal.

From the kind of storage follow the strategy and the number of Pods: one node's folder has one writer at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    SecurityContextArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)

OWNER = 10001
"""User and group id of the registry and of its files; above 10000, so that no account of a node has it."""

ROOT = "/var/lib/registry"
"""The folder in the container."""

_VOLUME = "data"

_OWN_DATA = f"""
set -eu
if [ "$(stat -c %u {ROOT})" != {OWNER} ]; then
  for file in {ROOT}/*; do
    [ ! -e "$file" ] || chown -R {OWNER}:{OWNER} "$file"
  done
fi
chown {OWNER}:{OWNER} {ROOT}
"""

HARDENED: SecurityContextArgsDict = {
    "run_as_non_root": True,
    "run_as_user": OWNER,
    "run_as_group": OWNER,
    "allow_privilege_escalation": False,
    "read_only_root_filesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What every container of ours runs with; the one exception is the container that owns the folder."""


@dataclass(frozen=True)
class HostFolder:
    """A folder of one node; the images are in its subfolder `registry`, as in the tutorial."""

    path: str
    node: str
    strategy: str = "Recreate"  # the new Pod cannot have the port and the files while the old one lives

    @property
    def node_selector(self) -> dict[str, str]:
        """Pins a Pod to the node that has the folder."""
        return {"kubernetes.io/hostname": self.node}

    @property
    def volume(self) -> VolumeArgsDict:
        """The volume for a Pod's spec; a missing folder is made."""
        return {"name": _VOLUME, "host_path": {"path": self.path, "type": "DirectoryOrCreate"}}

    @property
    def mount(self) -> VolumeMountArgsDict:
        """The mount for a container's spec."""
        return {"name": _VOLUME, "mount_path": ROOT, "sub_path": "registry"}

    def owning_container(self, image: str) -> ContainerArgsDict:
        """An init container that gives the folder to the registry: fsGroup does not reach a hostPath."""
        return {
            "name": "own-data",
            "image": image,
            # Walks the files only once, since with a large store that takes minutes; the folder itself comes last,
            # so that a walk that was cut off is done again, and each time, since a read-only disk refuses it.
            "command": ["sh", "-c", _OWN_DATA],
            "security_context": {
                "run_as_user": 0,
                "run_as_non_root": False,
                "allow_privilege_escalation": False,
                "read_only_root_filesystem": True,
                "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_READ_SEARCH"]},
            },
            "resources": RESOURCES_OF_A_STEP,
            "volume_mounts": [self.mount],
            "termination_message_policy": "FallbackToLogsOnError",
        }


RESOURCES_OF_A_STEP: kubernetes.core.v1.ResourceRequirementsArgsDict = {
    "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"},
    "limits": {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
}


def remove_data(
    name: str, folder: HostFolder, image: str, namespace: str, opts: pulumi.ResourceOptions
) -> kubernetes.batch.v1.Job:
    """Declare the Job that empties the folder; `up` ends when it is empty. Its registry must be stopped first."""
    return kubernetes.batch.v1.Job(
        f"{name}-data-removal",
        metadata={"namespace": namespace},
        spec={
            "backoff_limit": 0,
            "template": {
                "spec": {
                    "restart_policy": "Never",
                    "node_selector": folder.node_selector,
                    "automount_service_account_token": False,
                    "enable_service_links": False,
                    "security_context": {"seccomp_profile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": "remove-data",
                            "image": image,
                            "command": ["sh", "-c", f"rm -rf {ROOT}/* {ROOT}/.[!.]*"],
                            "security_context": HARDENED,
                            "resources": RESOURCES_OF_A_STEP,
                            "volume_mounts": [folder.mount],
                            "termination_message_policy": "FallbackToLogsOnError",
                        }
                    ],
                    "volumes": [folder.volume],
                },
            },
        },
        opts=opts,
    )

"""The images in a folder of one node: its rules, its volume and its ownership.

From this kind of storage follow the strategy and the number of Pods: a folder of one node has one writer at a time.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from ..cluster.names import check_object_name
from ..cluster.placement import on_node
from ..cluster.pods import OWNER, RESOURCES_OF_A_STEP, ROOT
from ..problems import PROJECT, Problems
from ..sections import config_set
from .folders import host_folder

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import AffinityArgsDict, ContainerArgsDict, VolumeArgsDict, VolumeMountArgsDict

IMAGES: Final = "/var/lib/registry"
"""The folder in the container."""

ALL_OWNERS: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""What root needs for files of any owner and mode. The Pod Security level baseline allows these."""

_VOLUME: Final = "data"

_OWN_DATA: Final = f"""
set -eu
find {IMAGES} \\( ! -user {OWNER} -o -type d ! -perm -700 -o -type f ! -perm -400 \\) \\
  -exec chown -h {OWNER}:{OWNER} {{}} + \\
  -exec sh -c 'for file; do [ -L "$file" ] || chmod u+rwX "$file"; done' sh {{}} +
chown {OWNER}:{OWNER} {IMAGES}
"""


@dataclass(frozen=True, kw_only=True)
class HostFolder:
    """A folder of one node; the images are in its subfolder `registry`, as in the tutorial."""

    node: str = ""
    tolerate_taints: bool = True
    host_path: str = "/data/registry"
    remove_data: bool = False

    strategy: ClassVar = "Recreate"
    """The new Pod cannot have the port and the files while the old one lives."""

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        with problems.caught("node", f"{config_set('node <name>')} (`kubectl get nodes` lists names)"):
            if not self.node:
                raise ValueError(
                    "must be set: images lie on one node's disk, and on another node the registry would be empty"
                )
            check_object_name(self.node)
        with problems.caught("hostPath", config_set("hostPath /data/registry")):
            host_folder(self.host_path)

    def check_replicas(self, replicas: int) -> None:
        """Refuse any number of registry Pods but one."""
        if replicas != 1:
            raise ValueError(
                f"must be 1, got {replicas}: images lie in a folder of one node, "
                "where a second Pod would need the same host port and write the same files"
            )

    @cached_property
    def folder(self) -> str:
        """The folder in its one spelling."""
        return host_folder(self.host_path)

    @property
    def place(self) -> str:
        """Where the images are. Another place has other images, or none."""
        return f"{self.node}:{self.folder}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before they say yes: a text each."""
        if not self.remove_data:
            return ()
        removal = (
            f"{PROJECT}:removeData is true: `up` stops the registry and deletes every image "
            f"in {self.folder}/registry on node {self.node}; to keep them: `pulumi config rm removeData`"
        )
        return (removal,)

    @property
    def affinity(self) -> "AffinityArgsDict":
        """Pins a Pod to the node that has the folder."""
        return on_node(self.node)

    @property
    def volume(self) -> "VolumeArgsDict":
        """The volume for a Pod's spec; a missing folder is made."""
        return {"name": _VOLUME, "host_path": {"path": self.folder, "type": "DirectoryOrCreate"}}

    @property
    def mount(self) -> "VolumeMountArgsDict":
        """The mount for a container's spec."""
        return {"name": _VOLUME, "mount_path": IMAGES, "sub_path": "registry"}

    def owning_container(self, image: str) -> "ContainerArgsDict":
        """An init container that gives the folder to the registry: fsGroup does not reach a hostPath."""
        return {
            "name": "own-data",
            "image": image,
            # Looks at every file at each start, and changes those that the registry could not use: images that
            # somebody restored as root lie anywhere, and pushes then fail by chance. 100,000 files that are right
            # take a second, or some seconds from a cold disk. The folder itself comes last and each time, since a
            # read-only disk refuses it.
            "command": ["sh", "-c", _OWN_DATA],
            # DAC_READ_SEARCH would do for walking, but the Pod Security level baseline does not allow it.
            "security_context": {**ROOT, "capabilities": {"drop": ["ALL"], "add": list(ALL_OWNERS)}},
            "resources": RESOURCES_OF_A_STEP,
            "volume_mounts": [self.mount],
            "termination_message_policy": "FallbackToLogsOnError",
        }

"""The images in a folder of one node: its rules, its volume and its ownership.

From this kind of storage follow the strategy and the number of Pods: a folder of one node has one writer at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from ..cluster.checkov import Reasons
from ..cluster.pods import OWNER, RESOURCES_OF_A_STEP, ROOT
from ..problems import PROJECT, Problems
from ..sections import config_set
from .folders import host_folder
from .paths import IMAGES, VOLUME
from .store import Store

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import ContainerArgsDict, SecurityContextArgsDict, VolumeMountArgsDict

_ALL_OWNERS: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""What root needs for files of any owner and mode. The Pod Security level baseline allows these."""

_OWN_DATA: Final = f"""
set -eu
find {IMAGES} \\( ! -user {OWNER} -o -type d ! -perm -700 -o -type f ! -perm -400 \\) \\
  -exec chown -h {OWNER}:{OWNER} {{}} + \\
  -exec sh -c 'for file; do [ -L "$file" ] || chmod u+rwX "$file"; done' sh {{}} +
chown {OWNER}:{OWNER} {IMAGES}
"""


@dataclass(frozen=True, kw_only=True)
class HostFolder(Store):
    """A folder of one node; the images are in its subfolder `registry`, as in the tutorial."""

    host_path: str = "/data/registry"
    remove_data: bool = False

    sharing_rule: ClassVar = "images lie in a folder of one node, where a second Pod would write the same files"
    owner: ClassVar["SecurityContextArgsDict"] = {
        **ROOT,
        "capabilities": {"drop": ["ALL"], "add": list(_ALL_OWNERS)},
    }
    """Who may change files of any owner, such as what somebody restored as root.

    DAC_READ_SEARCH would do for walking, but the Pod Security level baseline does not allow it.
    """

    reasons: ClassVar[Reasons] = {
        "CKV_K8S_25": "files in a folder of the node may have any owner: to give them away or remove them takes "
        f"{', '.join(_ALL_OWNERS)}, which the Pod Security level baseline allows",
    }

    def check(self, problems: Problems, *, needs_node: bool) -> None:  # noqa: ARG002 - it always names one
        """Report what cannot work."""
        self.check_node(
            problems, ": images lie on one node's disk, and on another node the registry would be empty"
        )
        with problems.caught("hostPath", config_set("hostPath /data/registry")):
            host_folder(self.host_path)

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
    def mounts(self) -> "list[VolumeMountArgsDict]":
        """The mounts for a container's spec."""
        return [{"name": VOLUME, "mount_path": IMAGES, "sub_path": "registry"}]

    def driver(self, _: Sequence[str]) -> dict[str, object]:
        """Give its part of the registry's configuration."""
        return {"filesystem": {"rootdirectory": IMAGES}}

    def init_containers(self, image: str) -> "list[ContainerArgsDict]":
        """Give what gives the folder to the registry: fsGroup does not reach a hostPath."""
        own: ContainerArgsDict = {
            "name": "own-data",
            "image": image,
            # Looks at every file at each start, and changes those that the registry could not use: images that
            # somebody restored as root lie anywhere, and pushes then fail by chance. 100,000 files that are right
            # take a second, or some seconds from a cold disk. The folder itself comes last and each time, since a
            # read-only disk refuses it.
            "command": ["sh", "-c", _OWN_DATA],
            "security_context": self.owner,
            "resources": RESOURCES_OF_A_STEP,
            "volume_mounts": self.mounts,
            "termination_message_policy": "FallbackToLogsOnError",
        }
        return [own]

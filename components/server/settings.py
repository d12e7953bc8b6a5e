"""The registry's own program: its image, its number, and what it allows."""

from dataclasses import dataclass

from ..problems import Problems
from ..references import check_registry_image
from ..sections import config_set
from ..storage.host_folder import HostFolder
from .memory import check_memory


@dataclass(frozen=True, kw_only=True)
class Server:
    """The registry's Pods."""

    image: str = "registry:3.1.2"
    allow_outdated_image: bool = False
    replicas: int = 1
    delete_enabled: bool = False
    memory: str = "4Gi"

    def check(self, problems: Problems, storage: HostFolder) -> None:
        """Report what cannot work, also with this storage."""
        with problems.caught(
            "image", f"{config_set('image registry:3.1.2')}, or {config_set('allowOutdatedImage true')}"
        ):
            check_registry_image(self.image, allow_outdated=self.allow_outdated_image)
        with problems.caught("replicas", config_set("replicas 1")):
            storage.check_replicas(self.replicas)
        with problems.caught("memory", config_set("memory 4Gi")):
            check_memory(self.memory)

"""The registry's own program: its image, its number, and what it allows."""

from dataclasses import dataclass

from ..exposure.settings import Exposure
from ..problems import Problems
from ..references import check_registry_image
from ..sections import config_set
from ..storage.settings import Storage
from .memory import check_memory
from .rollout import Rollout


@dataclass(frozen=True, kw_only=True)
class Server:
    """The registry's Pods."""

    image: str = "registry:3.1.2"
    allow_outdated_image: bool = False
    replicas: int = 1
    delete_enabled: bool = False
    read_only: bool = False
    memory: str = "4Gi"

    def check(self, problems: Problems, exposure: Exposure, storage: Storage) -> None:
        """Report what cannot work, also with this way in and this storage."""
        with problems.caught(
            "image", f"{config_set('image registry:3.1.2')}, or {config_set('allowOutdatedImage true')}"
        ):
            check_registry_image(self.image, allow_outdated=self.allow_outdated_image)
        with problems.caught("replicas", config_set("replicas 1")):
            self._check_replicas(exposure, storage)
        with problems.caught("memory", config_set("memory 4Gi")):
            check_memory(self.memory)

    def _check_replicas(self, exposure: Exposure, storage: Storage) -> None:
        if self.replicas < 1:
            raise ValueError(f"must be 1 or more, got {self.replicas}")
        if self.replicas > 1 and not storage.is_shared:
            raise ValueError(f"must be 1, got {self.replicas}: {storage.sharing_rule}")
        if self.replicas > 1 and exposure.port_on_node:
            raise ValueError(
                f"must be 1, got {self.replicas}: exposure hostPort is a port of one node, which one Pod can have"
            )

    def rollout(self, exposure: Exposure, storage: Storage) -> Rollout:
        """How Pods follow each other with this way in and this storage."""
        return Rollout(storage.is_shared and not exposure.port_on_node, self.replicas)

"""The registry's own program: its image, its number, and what it allows."""

from dataclasses import dataclass
from typing import Final

from ..access.settings import Access
from ..exposure.settings import Exposure
from ..monitoring.settings import Monitoring
from ..problems import Problems
from ..references import check_image, check_registry_image
from ..sections import config_set
from ..storage.settings import Storage
from ..time_of_day import seconds_of_day
from ..tls.settings import Issued, Provided, Tls
from . import collection
from .memory import check_memory
from .rollout import Rollout

DOOR_IMAGE: Final = "nginx:1.28"
"""The official image."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The registry's Pods."""

    image: str = "registry:3.1.2"
    allow_outdated_image: bool = False
    replicas: int = 1
    delete_enabled: bool = False
    read_only: bool = False
    door_image: str = DOOR_IMAGE
    memory: str = "4Gi"
    collection_time: str = ""
    collection_untagged: bool = False
    collection_report_only: bool = False

    def check(
        self,
        problems: Problems,
        exposure: Exposure,
        storage: Storage,
        tls: Tls,
        access: Access,
        monitoring: Monitoring,
    ) -> None:
        """Report what cannot work, also with what the other sections say."""
        with problems.caught(
            "image", f"{config_set('image registry:3.1.2')}, or {config_set('allowOutdatedImage true')}"
        ):
            check_registry_image(self.image, allow_outdated=self.allow_outdated_image)
        with problems.caught("replicas", config_set("replicas 1")):
            self._check_replicas(exposure, storage)
        with problems.caught("memory", config_set("memory 4Gi")):
            check_memory(self.memory)
        with problems.caught("doorImage", "`pulumi config rm doorImage`, or set `rights` or `metrics`"):
            if self.door_image != DOOR_IMAGE and not access.rights and not monitoring.metrics:
                raise ValueError("must not be set without rights or metrics, which alone need nginx")
        with problems.caught("doorImage", config_set(f"doorImage {DOOR_IMAGE}")):
            check_image(self.door_image)
        self._check_collection(problems, exposure, storage)
        with problems.caught("tlsRenewalTime", "`pulumi config rm tlsRenewalTime`"):
            if isinstance(tls, Provided | Issued) and tls.tls_renewal_time:
                if access.rights:
                    raise ValueError("must not be set beside rights: nginx takes a certificate over at any time")
                if self.collection_time:
                    raise ValueError("must not be set beside collectionTime, at which certificates are taken over")

    def _check_collection(self, problems: Problems, exposure: Exposure, storage: Storage) -> None:
        remove = "`pulumi config rm collectionTime`"
        if not self.collection_time:
            for key, value in (
                ("collectionUntagged", self.collection_untagged),
                ("collectionReportOnly", self.collection_report_only),
            ):
                with problems.caught(key, f"{config_set('collectionTime 03:30')}, or `pulumi config rm {key}`"):
                    if value:
                        raise ValueError("must not be set without collectionTime")
            return
        with problems.caught("collectionTime", f"{config_set('collectionTime 03:30')}, or {remove}"):
            seconds_of_day(self.collection_time)
        with problems.caught("collectionTime", remove):
            if self.rollout(exposure, storage).overlaps:
                raise ValueError(
                    "must not be set where several Pods may write: one would collect while others take pushes"
                )
        with problems.caught("collectionTime", f"{remove}, or `pulumi config rm readOnly`"):
            if self.read_only:
                raise ValueError("must not be set while readOnly is true")
        with problems.caught("collectionUntagged", "`pulumi config rm collectionUntagged`, or a newer `image`"):
            if self.collection_untagged:
                collection.check_untagged(self.image)

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

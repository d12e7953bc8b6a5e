"""The image that proves the registry, and the nodes that have to pull it."""

from dataclasses import dataclass
from typing import Final

from ..access.settings import Access
from ..cluster.names import check_object_name
from ..exposure.settings import Exposure
from ..monitoring.settings import Monitoring
from ..problems import Problems
from ..references import Address, ImageName, check_platform
from ..sections import check_each, config_set, keep_copies, listed
from ..shown import shown

_MINUTES: Final = (0, 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
"""Those that divide an hour, since the schedule of a CronJob begins anew with each."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The test image and its Pods."""

    test_image: str = "alpine_test:test_1.0"
    proof_nodes: tuple[str, ...] = ()
    platform: str = "linux/amd64"
    proof_minutes: int = 0

    def __post_init__(self) -> None:
        """Keep what the caller cannot change."""
        keep_copies(self)

    def check(self, problems: Problems, exposure: Exposure, access: Access, monitoring: Monitoring) -> None:
        """Report what cannot work, also with these addresses and accounts, and with or without metrics."""
        with problems.caught("testImage", config_set("testImage alpine_test:test_1.0")):
            repository = self.image(exposure.addresses).repository
            if not access.may_be_pulled(repository):
                raise ValueError(
                    f"must be what account {access.puller} may pull, whose rights leave out {shown(repository)}"
                )
        check_each(problems, "proofNodes", self.proof_nodes, "node", check_object_name)
        with problems.caught("platform", config_set("platform linux/amd64")):
            check_platform(self.platform)
        with problems.caught("proofMinutes", config_set("proofMinutes 15")):
            if self.proof_minutes not in _MINUTES:
                raise ValueError(f"must be one of {listed(map(str, _MINUTES), 'or')}, got {self.proof_minutes}")
        with problems.caught("proofMinutes", f"{config_set('metrics true')}, or `pulumi config rm proofMinutes`"):
            if self.proof_minutes and not monitoring.metrics:
                raise ValueError("must not be set without metrics, which tell how each pull ends")

    def image(self, own: tuple[Address, ...]) -> ImageName:
        """Give the test image without an address; `own` are the registry's, with which people may write it."""
        return ImageName.parse(self.test_image, own)

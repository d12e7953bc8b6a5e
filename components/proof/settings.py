"""The image that proves the registry, and the nodes that have to pull it."""

from dataclasses import dataclass

from ..access.settings import Access
from ..cluster.names import check_object_name
from ..exposure.settings import Exposure
from ..problems import Problems
from ..references import Address, ImageName, check_platform
from ..sections import check_each, config_set, keep_copies
from ..shown import shown


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The test image and its Pods."""

    test_image: str = "alpine_test:test_1.0"
    proof_nodes: tuple[str, ...] = ()
    platform: str = "linux/amd64"

    def __post_init__(self) -> None:
        """Keep what the caller cannot change."""
        keep_copies(self)

    def check(self, problems: Problems, exposure: Exposure, access: Access) -> None:
        """Report what cannot work, also with these addresses and accounts."""
        with problems.caught("testImage", config_set("testImage alpine_test:test_1.0")):
            repository = self.image(exposure.addresses).repository
            if not access.may_be_pulled(repository):
                raise ValueError(
                    f"must be what account {access.puller} may pull, whose rights leave out {shown(repository)}"
                )
        check_each(problems, "proofNodes", self.proof_nodes, "node", check_object_name)
        with problems.caught("platform", config_set("platform linux/amd64")):
            check_platform(self.platform)

    def image(self, own: tuple[Address, ...]) -> ImageName:
        """Give the test image without an address; `own` are the registry's, with which people may write it."""
        return ImageName.parse(self.test_image, own)

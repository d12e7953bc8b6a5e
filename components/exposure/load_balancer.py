"""The registry behind a load balancer, at an address of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..problems import Problems
from ..sections import config_set, keep_copies
from .annotations import check_annotations, check_qualified_name
from .way import Way


@dataclass(frozen=True, kw_only=True)
class LoadBalancer(Way):
    """Clients reach the registry at the address that a load balancer of the cluster gives to its Service."""

    port: int = 5000
    push_host: str = ""
    load_balancer_class: str = ""
    exposure_annotations: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar = "loadBalancer"
    service_type: ClassVar = "LoadBalancer"
    opens_later: ClassVar = True
    object_with_address: ClassVar = "service"
    host_fix: ClassVar = config_set("host <name or address of the load balancer>")

    def __post_init__(self) -> None:
        """Keep what the caller cannot change."""
        keep_copies(self)

    @property
    def pushed_to(self) -> str:
        """The same host, unless another is set."""
        return self.push_host or self.host

    @property
    def wanted_ip(self) -> str:
        """The IP address that the load balancer is asked for; empty if `host` is a name, which leads to any."""
        return self.address.host if self.address.is_ip else ""

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        super().check(problems)
        with problems.caught("loadBalancerClass", "`pulumi config rm loadBalancerClass` for the cluster's own"):
            if self.load_balancer_class:
                check_qualified_name(self.load_balancer_class)
        with problems.caught("exposureAnnotations", config_set("--path 'exposureAnnotations[\"<name>\"]' <value>")):
            check_annotations(self.exposure_annotations)

"""The registry behind an ingress controller, at a host name of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from ..cluster.names import check_object_name
from ..problems import Problems
from ..references import HTTPS, Address
from ..sections import config_set, keep_copies
from ..shown import shown
from .annotations import check_annotations
from .way import Way

_SECONDS: Final = 900
"""The longest silence that a controller bears. Before the registry answers the last request, it may read a layer of
many GB once more."""

_OF_NGINX: Final[Mapping[str, str]] = {
    "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
    # Layers are larger than the 1 MiB that is usual.
    "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    # Otherwise it writes each layer to its own disk, and begins to send only when it has all of it.
    "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
    "nginx.ingress.kubernetes.io/proxy-buffering": "off",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": str(_SECONDS),
    "nginx.ingress.kubernetes.io/proxy-send-timeout": str(_SECONDS),
}
_OF_HAPROXY: Final[Mapping[str, str]] = {
    # HAProxy Technologies' own.
    "haproxy.org/server-ssl": "true",
    "haproxy.org/timeout-server": f"{_SECONDS}s",
    # The one of the community.
    "haproxy-ingress.github.io/backend-protocol": "https",
    "haproxy-ingress.github.io/proxy-body-size": "unlimited",
    "haproxy-ingress.github.io/timeout-server": f"{_SECONDS}s",
}


@dataclass(frozen=True, kw_only=True)
class Ingress(Way):
    """Clients reach the registry by a host name at port 443, where a controller passes their requests on."""

    ingress_class: str = ""
    exposure_annotations: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar = "ingress"
    port_key: ClassVar = ""
    host_fix: ClassVar = config_set("host <name that leads to the ingress controller>")
    opens_later: ClassVar = True
    shows_another_certificate_first: ClassVar = True
    object_with_address: ClassVar = "ingress"

    def __post_init__(self) -> None:
        """Keep what the caller cannot change."""
        keep_copies(self)

    @property
    def port(self) -> int:
        """The port in each address."""
        return HTTPS

    @property
    def service_port(self) -> int:
        """The port of the Service, for the controller and for Pods in the cluster."""
        return 5000

    @property
    def annotations(self) -> Mapping[str, str]:
        """What the common controllers have to know, each by names of its own; what people set comes before it."""
        return {**_OF_NGINX, **_OF_HAPROXY, **self.exposure_annotations}

    def annotations_of_service(self, name: str, namespace: str) -> Mapping[str, str]:
        """What Traefik has to know, which reads it from the Service: TLS, by a ServersTransport of that name."""
        of_traefik = "traefik.ingress.kubernetes.io/service"
        return {
            f"{of_traefik}.serversscheme": "https",
            f"{of_traefik}.serverstransport": f"{namespace}-{name}@kubernetescrd",
        }

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        self.check_hosts(problems)
        fix = f"{config_set('ingressClass <name>')} (`kubectl get ingressclasses` lists names)"
        with problems.caught("ingressClass", fix):
            if self.ingress_class:
                check_object_name(self.ingress_class)
        with problems.caught("exposureAnnotations", config_set("--path 'exposureAnnotations[\"<name>\"]' <value>")):
            check_annotations(self.exposure_annotations)

    def check_host(self, address: Address) -> None:
        """Refuse also what no Ingress takes as a host."""
        if address.is_ip:
            raise ValueError(
                f"must be a DNS name while exposure is ingress, got {shown(address.host)}: controllers know by the "
                "name which requests are for the registry"
            )
        super().check_host(address)

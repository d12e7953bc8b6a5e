"""What the nodes are, and what they have to know of the registry."""

from dataclasses import dataclass

from ..exposure.settings import Exposure
from ..problems import Problems
from ..references import Address
from ..sections import config_set, key_of
from ..storage.folders import host_folder
from ..tls.settings import Tls
from . import plain_http
from .runtimes import CONFIGURED_BY_HAND, NODES, OFF, CertsFolders, check_nodes, config_path_hint


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """The kind of the cluster's nodes, and where their container runtimes look for registries."""

    node_trust: str = "kubeadm"
    containerd_certs: str = ""
    docker_certs: str = ""

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        with problems.caught("nodeTrust", config_set("nodeTrust kubeadm")):
            check_nodes(self.node_trust)
        for name in ("containerd_certs", "docker_certs"):
            key = key_of(name)
            with problems.caught(key, f"{config_set(f'{key} <folder>')}, or `pulumi config rm {key}`"):
                if getattr(self, name):
                    host_folder(getattr(self, name))
            with problems.caught(key, f"{config_set('nodeTrust kubeadm')}, or `pulumi config rm {key}`"):
                if getattr(self, name) and self.node_trust == OFF:
                    raise ValueError(f"must not be set while nodeTrust is {OFF}")

    @property
    def certs_folders(self) -> CertsFolders:
        """Where the nodes' runtimes look for registries: the known folders of their kind, or those that are set."""
        known = NODES[self.node_trust]
        containerd, docker = (
            host_folder(path) if path else "" for path in (self.containerd_certs, self.docker_certs)
        )
        return CertsFolders(containerd or known.containerd, docker or known.docker)

    @property
    def runtime_hint(self) -> str:
        """What people have to set up on nodes before their runtime looks there; empty if nothing."""
        folder = self.certs_folders.containerd
        return config_path_hint(folder) if folder and self.node_trust in CONFIGURED_BY_HAND else ""

    def addresses(self, exposure: Exposure, tls: Tls) -> tuple[Address, ...]:
        """Addresses of which nodes are told something: to trust a CA, or to use plain HTTP."""
        if not (self.certs_folders.containerd or self.certs_folders.docker):
            return ()
        if not tls.encrypted:
            return tuple(address for address in exposure.addresses if not address.is_loopback)
        return exposure.addresses if tls.has_own_ca else ()

    def warnings(self, exposure: Exposure, tls: Tls) -> tuple[str, ...]:
        """What has to be done by hand on nodes and Docker Engines: a text each."""
        if tls.encrypted:
            return ()
        knows = bool(self.certs_folders.containerd)
        return plain_http.warnings(exposure.address, exposure.push_address, containerd_knows=knows)

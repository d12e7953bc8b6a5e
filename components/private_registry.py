"""The one component that a program creates: a registry, who may pull from it, and the proof that it works."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi

from components.certificates import Certificates
from components.commands import commands
from components.image_proof import ImageProof
from components.node_trust import NodeTrust
from components.pull_secrets import pull_secrets
from components.server import RegistryServer
from components.settings import Settings
from components.storage import HostFolder, remove_data


class PrivateRegistry(pulumi.ComponentResource):
    """A private container registry on one node, with TLS that all nodes trust, accounts, pull secrets and a proof.

    Needs a Kubernetes and a Docker provider, as `opts.providers` or the stack's default ones. The Kubernetes
    one should have `enable_secret_mutable`, so that a new password does not remove the pull secret for a moment.
    `explain` (see `diagnosis`) is asked why a Pod did not become ready. `now` is the clock's time unless given.
    """

    address: str
    """`host:port` by which nodes pull."""
    push_address: str
    """`host:port` by which the Docker Engine pushes."""
    pull_secret_name: str
    """Name of the pull secret in each of its namespaces."""
    commands: dict[str, str]
    """What people type, by purpose; for where the Docker Engine runs."""
    proof: ImageProof | None
    """The image that was pushed and pulled back; None once the data is removed."""
    certificates: Certificates | None
    """What the registry serves TLS with; None if it speaks plain HTTP."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
        now: datetime | None = None,
    ) -> None:
        super().__init__("private-registry:index:PrivateRegistry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.address, self.push_address = str(settings.address), str(settings.push_address)
        self.pull_secret_name = settings.pull_secret_name
        self.commands = commands(settings)
        for warning in settings.warnings:
            pulumi.log.warn(warning, resource=self)

        self.certificates = None
        if settings.tls != "off":
            self.certificates = Certificates(name, settings, now or datetime.now(UTC), child)
        authorities = self.certificates.authorities if self.certificates else ""
        trust = []
        if settings.node_trust_addresses:
            trust.append(NodeTrust(f"{name}-trust", settings, authorities, child, explain).daemon_set)
        elif self.certificates and settings.has_own_ca:
            # Said here, since a stack whose first `up` fails has no outputs, and it fails while no node has the CA.
            self.certificates.authorities.apply(
                lambda pem: pulumi.log.info(
                    f"private-registry:nodeTrust is off: have each node trust this CA for {self.address}\n{pem}",
                    resource=self,
                )
            )

        folder = HostFolder(settings.host_path, settings.node)
        # A CA that follows another is trusted before it is served; with the first there is nobody to wait for.
        before = trust if settings.ca_generation > 1 else []
        server = RegistryServer(name, settings, folder, self.certificates, before, child, explain)
        self.proof = None
        if settings.remove_data:
            stopped = pulumi.ResourceOptions(parent=self, depends_on=[server.deployment])
            remove_data(name, folder, settings.image, settings.namespace, stopped)
        else:
            secrets = pull_secrets(name, settings, (settings.address, settings.push_address), child)
            self.proof = ImageProof(f"{name}-proof", settings, server, secrets, trust, authorities, child, explain)
        self.register_outputs({"address": self.address, "pushAddress": self.push_address})

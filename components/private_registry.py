"""The one component that a program creates: a registry, who may pull from it, and the proof that it works."""

from __future__ import annotations

import shlex

import pulumi

from components.image_proof import ImageProof
from components.pull_secrets import pull_secrets
from components.server import RegistryServer
from components.settings import Settings
from components.storage import HostFolder, remove_data


class PrivateRegistry(pulumi.ComponentResource):
    """A private container registry on one node, with accounts, pull secrets and a proof by push and pull.

    Needs a Kubernetes and a Docker provider, as `opts.providers` or the stack's default ones. The Kubernetes
    one should have `enable_secret_mutable`, so that a new password does not remove the pull secret for a moment.
    `explain` (see `diagnosis`) is asked why a Pod did not become ready.
    """

    address: str
    """`host:port` by which nodes pull."""
    push_address: str
    """`host:port` by which the Docker Engine pushes."""
    pull_secret_name: str
    """Name of the pull secret in each of its namespaces."""
    proof: ImageProof | None
    """The image that was pushed and pulled back; None once the data is removed."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        super().__init__("private-registry:index:PrivateRegistry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.address, self.push_address = str(settings.address), str(settings.push_address)
        self.pull_secret_name = settings.pull_secret_name
        self._image = settings.proof_image.tagged(settings.push_address)
        self._username = settings.username
        for warning in settings.warnings:
            pulumi.log.warn(warning, resource=self)

        folder = HostFolder(settings.host_path, settings.node)
        server = RegistryServer(name, settings, folder, child, explain)
        self.proof = None
        if settings.remove_data:
            stopped = pulumi.ResourceOptions(parent=self, depends_on=[server.deployment])
            remove_data(name, folder, settings.image, settings.namespace, stopped)
        else:
            secrets = pull_secrets(name, settings, (settings.address, settings.push_address), child)
            self.proof = ImageProof(f"{name}-proof", settings, server, secrets, child, explain)
        self.register_outputs({"address": self.address, "pushAddress": self.push_address})

    def commands(self) -> dict[str, str]:
        """What a person types where the Docker Engine runs; each asks for the password where it needs one."""
        return {
            "login": f"docker login {self.push_address} --username {shlex.quote(self._username)}",
            "push": f"docker push {self._image}",
            "pull": f"docker pull {self._image}",
            "catalog": f"curl --user {shlex.quote(self._username)} http://{self.push_address}/v2/_catalog",
        }

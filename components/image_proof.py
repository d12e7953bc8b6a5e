"""The proof that the registry works: an image that is built and pushed, and a Pod that pulls it back."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes

from components.labels import labels
from components.push_failures import explain_push
from components.references import digest_of
from components.server import RegistryServer
from components.settings import Settings
from components.storage import HARDENED, RESOURCES_OF_A_STEP

_CONTEXT = "test-image"


class ImageProof(pulumi.ComponentResource):
    """An image of the registry's own, running in Pods that pulled it by digest with the pull secret."""

    digest: pulumi.Output[str]
    """`sha256:...` of the pushed manifest."""
    image: pulumi.Output[str]
    """`host:port/repository@sha256:...`, as nodes pull it."""
    pod_names: list[pulumi.Output[str]]
    """A Pod for each of the nodes that have to prove it; all in the first namespace that has the pull secret."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        server: RegistryServer,
        secrets: Sequence[kubernetes.core.v1.Secret],
        after: Sequence[pulumi.Resource],
        authorities: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        """What stands in `after` is there before the push. `authorities` is PEM of the registry's CAs, if any."""
        super().__init__("private-registry:index:ImageProof", name, None, opts)
        pushed = docker.Image(
            f"{name}-image",
            image_name=settings.proof_image.tagged(settings.push_address),
            build={"context": _CONTEXT, "platform": settings.platform},
            registry={
                "server": str(settings.push_address),
                "username": settings.username,
                "password": pulumi.Output.secret(settings.password),
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # An engine on a node trusts the registry by the same files as the node.
                depends_on=[server.deployment, *after],
                hooks=pulumi.ResourceHookBinding(on_error=[explain_push(settings.push_address, authorities)]),
            ),
        )
        self.digest = pushed.repo_digest.apply(digest_of)
        self.image = self.digest.apply(lambda digest: settings.proof_image.pinned(settings.address, digest))

        def pod(resource: str, node: str) -> kubernetes.core.v1.Pod:
            return kubernetes.core.v1.Pod(
                resource,
                metadata={
                    "namespace": settings.pull_namespaces[0],
                    "labels": labels("proof", name),
                    # The provider's own wait for a Pod starts anew at each event of any Pod around it (4.25).
                    "annotations": {"pulumi.com/waitFor": "condition=Ready"},
                },
                spec={
                    "image_pull_secrets": [{"name": secrets[0].metadata["name"]}],
                    "node_selector": {"kubernetes.io/hostname": node} if node else None,
                    "automount_service_account_token": False,
                    "enable_service_links": False,
                    "termination_grace_period_seconds": 5,
                    "security_context": {"seccomp_profile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": "proof",
                            "image": self.image,
                            # The node's copy would run without any password, and prove nothing.
                            "image_pull_policy": "Always",
                            "security_context": HARDENED,
                            "resources": RESOURCES_OF_A_STEP,
                        }
                    ],
                },
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[server.deployment, *secrets],
                    replace_on_changes=["spec"],
                    # New accounts are proven by a new pull.
                    replacement_trigger=server.revision,
                    custom_timeouts=settings.time_limit,
                    hooks=pulumi.ResourceHookBinding(on_error=[explain]) if explain else None,
                ),
            )

        if settings.proof_nodes:
            pods = [pod(f"{name}-pod-{node}", node) for node in settings.proof_nodes]
        else:
            pods = [pod(f"{name}-pod", "")]
        self.pod_names = [made.metadata["name"].apply(str) for made in pods]
        self.register_outputs({"digest": self.digest, "image": self.image, "podNames": self.pod_names})

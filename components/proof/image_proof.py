"""The proof that the registry works: an image that is built and pushed, and a Pod that pulls it back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes

from ..access.settings import Access
from ..cluster.checkov import skipped
from ..cluster.diagnosis import bound
from ..cluster.labels import labels
from ..cluster.names import object_name
from ..cluster.settings import Cluster
from ..cluster.taints import Taints
from ..exposure.settings import Exposure
from ..references import digest_of
from ..server.registry_server import RegistryServer
from ..tls.settings import Tls
from .pulling_pod import pulling_pod
from .push_failures import explain_push
from .settings import Proof
from .stored_image import BOUND_TO, PUSHED_AGAIN, StoredImage

_PACKAGE: Final = Path(__file__).parents[1]
_CONTEXTS: Final = (_PACKAGE / "test_image", _PACKAGE.parent / "test-image")
"""Where the test image's files are: within an installed package, and in this project."""
_RUNS: Final = "nobody connects to it: it has proven a pull as soon as it runs"


class ImageProof(pulumi.ComponentResource):
    """An image of the registry's own, running in Pods that pulled it by digest with the pull secret.

    It is pushed and pulled again when something changes that lies between push and pull.
    """

    digest: pulumi.Output[str]
    """`sha256:...` of the pushed manifest."""
    image: pulumi.Output[str]
    """`host:port/repository@sha256:...`, as nodes pull it."""
    pod_names: list[pulumi.Output[str]]
    """A Pod for each of the nodes that have to prove it; all in the first namespace that has the pull secret."""

    def __init__(
        self,
        name: str,
        proof: Proof,
        exposure: Exposure,
        tls: Tls,
        access: Access,
        cluster: Cluster,
        accounts: pulumi.Output[dict[str, str]],
        server: RegistryServer,
        secrets: Sequence[kubernetes.core.v1.Secret],
        taints: Taints,
        registry_node: str,
        after: Sequence[pulumi.Resource],
        authorities: pulumi.Input[str],
        stored: StoredImage,
        bound_to: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        """`accounts` are those of `Access.accounts`; what stands in `after` is there before the push.

        `authorities` is PEM of the registry's CAs, if any. `bound_to` is public: what the proof holds for, accounts
        aside. A change of it makes a new proof.
        """
        super().__init__("private-registry:index:ImageProof", name, None, opts)
        name_in_registry = proof.image(exposure.addresses)
        binding = pulumi.Output.from_input(bound_to).apply(_hash)
        leads = ""
        if exposure.object_with_address:
            leads = exposure.leads(server.name, cluster.namespace, registry_node)
        pushed = docker.Image(
            f"{name}-image",
            image_name=name_in_registry.tagged(exposure.push_address),
            build={"context": _context(), "platform": proof.platform, "args": {BOUND_TO: binding}},
            registry={
                "server": str(exposure.push_address),
                "username": access.username,
                "password": accounts.apply(lambda known: known[access.username]),
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # A Docker Engine on a node trusts the registry by the same files as the node.
                depends_on=[server.deployment, *server.ways_in, *after],
                # Only the transform sets it, and it stays until the next time.
                ignore_changes=[f"build.args.{PUSHED_AGAIN}"],
                transforms=[stored.push_again],
                hooks=pulumi.ResourceHookBinding(
                    on_error=[
                        explain_push(
                            f"explain-push-{name}",
                            exposure,
                            authorities,
                            access.username,
                            encrypted=tls.encrypted,
                            leads=leads,
                            within=cluster.timeout_seconds,
                        )
                    ]
                ),
            ),
        )
        self.digest = pushed.repo_digest.apply(digest_of)
        self.image = pulumi.Output.all(self.digest, pushed.urn).apply(
            lambda pushed: stored.confirm(pushed[0], pushed[1], self)
        )

        def pod(resource: str, node: str) -> kubernetes.core.v1.Pod:
            return kubernetes.core.v1.Pod(
                resource,
                metadata={
                    # A fixed name: after an `up` that was killed, the next one finds the Pod again.
                    "name": object_name(resource),
                    "namespace": access.pull_namespaces[0],
                    "labels": labels("proof", name),
                    # The provider's own wait for a Pod starts anew at each event of any Pod around it (4.25).
                    "annotations": {
                        "pulumi.com/waitFor": "condition=Ready",
                        **skipped({"CKV_K8S_8": _RUNS, "CKV_K8S_9": _RUNS}),
                    },
                },
                # Where no node is named, the only one may be the registry's.
                spec=pulling_pod(
                    {"name": "proof"}, self.image, secrets[0], node, taints.tolerated_on(node or registry_node)
                ),
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[server.deployment, *secrets],
                    replace_on_changes=["spec"],
                    delete_before_replace=True,
                    # The same image may have been pushed anew, and new accounts are proven by a new pull.
                    replace_with=[pushed],
                    replacement_trigger=pulumi.Output.concat(server.revision, "-", binding),
                    custom_timeouts=cluster.time_limit,
                    hooks=bound(explain),
                ),
            )

        if proof.proof_nodes:
            pods = [pod(f"{name}-pod-{node}", node) for node in proof.proof_nodes]
        else:
            pods = [pod(f"{name}-pod", "")]
        self.pod_names = [made.metadata["name"].apply(str) for made in pods]
        self.register_outputs({"digest": self.digest, "image": self.image, "podNames": self.pod_names})


def _context() -> str:
    """Give the folder of the test image, seen from the program's: the state then is the same on each machine."""
    folder = next(folder for folder in _CONTEXTS if folder.is_dir())
    return os.path.relpath(folder)


def _hash(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

"""What makes every node trust the registry: its CA, in the folders that container runtimes read at each pull.

A DaemonSet writes it on each node there is and on each that joins; nothing is restarted. Nodes without a container
runtime of their own are left out, and so are those of Windows. It touches files of its own only, refuses to replace
another tool's, puts its own back where somebody removed them, and takes them away when it is destroyed. It has no
access to the Kubernetes API and sees no other folder of a node.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgsDict,
    EnvVarSourceArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from .. import pem
from ..cluster.checkov import AS_ROOT, of_images, skipped
from ..cluster.diagnosis import bound
from ..cluster.labels import labels, selector
from ..cluster.placement import LINUX, on_nodes_with_a_runtime
from ..cluster.pods import POD, RESOURCES_OF_A_STEP, ROOT
from ..cluster.settings import Cluster
from ..exposure.settings import Exposure
from ..tls.settings import Tls
from .settings import Nodes

_SCRIPT: Final = Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")

_REASONS: Final = {
    **AS_ROOT,
    "CKV_K8S_8": "a restart takes the CA from its node until the container is back, and pulls fail meanwhile",
    "CKV_K8S_9": "nobody connects to it; its startup probe waits until the CA is on the node",
}


def _field(path: str) -> EnvVarSourceArgsDict:
    """Take a value from the Pod itself. Without the version, a second creation would conflict with the first."""
    return {"field_ref": {"api_version": "v1", "field_path": path}}


class NodeTrust(pulumi.ComponentResource):
    """Nodes that trust the registry, as soon as this component is there."""

    daemon_set: kubernetes.apps.v1.DaemonSet
    """The DaemonSet, for what must wait until the nodes trust the registry."""

    def __init__(
        self,
        name: str,
        nodes: Nodes,
        exposure: Exposure,
        tls: Tls,
        cluster: Cluster,
        registry_node: str,
        image: str,
        authorities: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        """`registry_node` is where a loopback address leads to the registry.

        `image` is one with a shell, such as the registry's own. `authorities` is PEM. With plain HTTP there are
        none, and containerd is told to use plain HTTP.
        """
        super().__init__("private-registry:index:NodeTrust", name, None, opts)
        bounded = pulumi.ResourceOptions(parent=self, custom_timeouts=cluster.time_limit, hooks=bound(explain))
        known = nodes.certs_folders
        # Docker has no file for plain HTTP by registry.
        runtimes = [
            path for path in dict.fromkeys((known.containerd, known.docker if tls.has_own_ca else "")) if path
        ]
        folders: dict[bool, list[str]] = {False: [], True: []}
        for path in runtimes:
            for address in nodes.addresses(exposure, tls):
                folders[address.is_loopback].append(f"/nodes{path}/{address}")
        volumes: list[VolumeArgsDict] = [
            {"name": f"certs-{i}", "host_path": {"path": path, "type": "DirectoryOrCreate"}}
            for i, path in enumerate(runtimes)
        ]
        mounts: list[VolumeMountArgsDict] = [
            {"name": f"certs-{i}", "mount_path": f"/nodes{path}"} for i, path in enumerate(runtimes)
        ]
        # What `confirm` needs later.
        self._bounded = bounded
        self._digest = pulumi.Output.from_input(authorities).apply(pem.fingerprint)
        self._served = served = f"{name}-served"
        self._metadata: ObjectMetaArgsDict = {"namespace": cluster.namespace, "labels": labels("node-trust", name)}
        if tls.has_own_ca:
            config_maps: dict[str, ConfigMapVolumeSourceArgsDict] = {
                "authorities": {"name": _bundle(name, cluster.namespace, authorities, bounded)},
                # It follows the registry, so that a new stack has none yet.
                "served": {"name": served, "optional": True},
            }
            volumes += [{"name": use, "config_map": source} for use, source in config_maps.items()]
            mounts += [{"name": use, "mount_path": f"/{use}", "read_only": True} for use in config_maps]
        self.daemon_set = kubernetes.apps.v1.DaemonSet(
            f"{name}-daemon",
            # A fixed name: an `up` that was killed while it waited for this would otherwise make a second one.
            metadata={
                "name": name,
                "namespace": cluster.namespace,
                "labels": labels("node-trust", name),
                "annotations": skipped(_REASONS, of_images([image])),
            },
            spec={
                "selector": {"match_labels": selector("node-trust", name)},
                # The new Pod first, and on all nodes at once: between two Pods a node would trust nobody.
                "update_strategy": {
                    "type": "RollingUpdate",
                    "rolling_update": {"max_surge": "100%", "max_unavailable": 0},
                },
                "template": {
                    "metadata": {"labels": labels("node-trust", name)},
                    "spec": {
                        "automount_service_account_token": False,
                        "enable_service_links": False,
                        "termination_grace_period_seconds": 10,
                        # A node that is tainted, drained or short of something pulls images all the same.
                        "tolerations": [{"operator": "Exists"}],
                        "node_selector": LINUX,
                        "affinity": on_nodes_with_a_runtime(),
                        "security_context": POD,
                        "containers": [
                            {
                                "name": "node-trust",
                                "image": image,
                                "command": ["sh", "-c", _SCRIPT],
                                "env": [
                                    {"name": "CONTAINERD", "value": known.containerd},
                                    # New CAs start new Pods, which write them.
                                    {"name": "DIGEST", "value": self._digest if tls.has_own_ca else ""},
                                    {"name": "FOLDERS", "value": "\n".join(folders[False])},
                                    {"name": "LOOPBACK_FOLDERS", "value": "\n".join(folders[True])},
                                    {"name": "NODE", "value_from": _field("spec.nodeName")},
                                    {"name": "POD", "value_from": _field("metadata.uid")},
                                    {"name": "REGISTRY_NODE", "value": registry_node},
                                    {"name": "SCHEME", "value": "https" if tls.encrypted else "http"},
                                ],
                                # SELinux lets no other type of container write to the folders of a runtime.
                                "security_context": {**ROOT, "se_linux_options": {"type": "spc_t"}},
                                "resources": RESOURCES_OF_A_STEP,
                                "startup_probe": {
                                    "exec_": {"command": ["test", "-e", "/ready/yes"]},
                                    "period_seconds": 1,
                                    "failure_threshold": 60,
                                },
                                "volume_mounts": [*mounts, {"name": "ready", "mount_path": "/ready"}],
                                "termination_message_policy": "FallbackToLogsOnError",
                            }
                        ],
                        "volumes": [*volumes, {"name": "ready", "empty_dir": {"size_limit": "1Mi"}}],
                    },
                },
            },
            opts=bounded,
        )
        self.register_outputs({})

    def confirm(self, server: pulumi.Resource) -> None:
        """Let nodes forget the CAs before, once `server` serves a certificate of these.

        Until then they trust both: an `up` that cannot tell one node of new CAs leaves the registry as it is.
        """
        kubernetes.core.v1.ConfigMap(
            self._served,
            metadata={"name": self._served, **self._metadata},
            data={"digest": self._digest},
            opts=pulumi.ResourceOptions.merge(self._bounded, pulumi.ResourceOptions(depends_on=[server])),
        )


def _bundle(
    name: str, namespace: str, authorities: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Declare the ConfigMap of the CAs, and give its name.

    A variable of a process ends at 128 KiB, and companies have bundles of more. Its name is fixed, so that the next
    `up` finds it again. A Pod takes from it only the content that it was made for.
    """
    bundle = f"{name}-authorities"
    made = kubernetes.core.v1.ConfigMap(
        bundle,
        metadata={"name": bundle, "namespace": namespace, "labels": labels("node-trust", name)},
        data={"ca.crt": authorities},
        opts=opts,
    )
    return made.metadata["name"].apply(str)

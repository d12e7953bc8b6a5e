"""How the images are removed from where they are."""

from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import VolumeArgsDict

from ..cluster.checkov import AS_ROOT, of_images, skipped
from ..cluster.pods import HARDENED, POD, RESOURCES_OF_A_STEP
from ..cluster.settings import Cluster
from ..cluster.taints import Tolerations
from .paths import IMAGES
from .settings import Storage

_REMOVE: Final = f"""
set -eu
rm -rf {IMAGES}/* {IMAGES}/.[!.]* {IMAGES}/..?*
left="$(ls -A {IMAGES})"
[ -z "$left" ] || {{ echo "not removed:" $left >&2; exit 1; }}
"""


def remove_data(
    name: str,
    storage: Storage,
    volumes: list[VolumeArgsDict],
    image: str,
    cluster: Cluster,
    tolerations: Tolerations,
    opts: pulumi.ResourceOptions,
) -> kubernetes.batch.v1.Job:
    """Declare the Job that empties the storage; `up` ends when it is empty. Its registry must be stopped first."""
    job = f"{name}-data-removal"
    return kubernetes.batch.v1.Job(
        job,
        metadata={
            "name": job,
            "namespace": cluster.namespace,
            # A Job that failed stays failed: the next `up` makes a new one.
            "annotations": {
                "pulumi.com/replaceUnready": "true",
                **skipped(
                    {} if storage.owner is HARDENED else AS_ROOT,
                    storage.reasons,
                    of_images([image]),
                ),
            },
        },
        spec={
            "backoff_limit": 0,
            # Without it, a Job that waits for its node would empty the storage at any later time, when nobody wants
            # that any more. The provider's own wait starts anew at each event of any Pod (4.25).
            "active_deadline_seconds": cluster.timeout_seconds,
            "template": {
                "spec": {
                    "restart_policy": "Never",
                    **({"affinity": affinity} if (affinity := storage.affinity) else {}),
                    "tolerations": tolerations,
                    "automount_service_account_token": False,
                    "enable_service_links": False,
                    "security_context": {**POD, **storage.pod_security},
                    "containers": [
                        {
                            "name": "remove-data",
                            "image": image,
                            "command": ["sh", "-c", _REMOVE],
                            "security_context": storage.owner,
                            "resources": RESOURCES_OF_A_STEP,
                            "volume_mounts": storage.mounts,
                            "termination_message_policy": "FallbackToLogsOnError",
                        }
                    ],
                    "volumes": volumes,
                },
            },
        },
        opts=opts,
    )

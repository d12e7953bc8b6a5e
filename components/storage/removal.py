"""How the images are removed from the node."""

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.pods import HARDENED, POD, RESOURCES_OF_A_STEP
from .host_folder import IMAGES, HostFolder


def remove_data(
    name: str, folder: HostFolder, image: str, namespace: str, opts: pulumi.ResourceOptions
) -> kubernetes.batch.v1.Job:
    """Declare the Job that empties the folder; `up` ends when it is empty. Its registry must be stopped first."""
    return kubernetes.batch.v1.Job(
        f"{name}-data-removal",
        metadata={"namespace": namespace},
        spec={
            "backoff_limit": 0,
            "template": {
                "spec": {
                    "restart_policy": "Never",
                    "node_selector": folder.node_selector,
                    "automount_service_account_token": False,
                    "enable_service_links": False,
                    "security_context": POD,
                    "containers": [
                        {
                            "name": "remove-data",
                            "image": image,
                            "command": ["sh", "-c", f"rm -rf {IMAGES}/* {IMAGES}/.[!.]*"],
                            "security_context": HARDENED,
                            "resources": RESOURCES_OF_A_STEP,
                            "volume_mounts": [folder.mount],
                            "termination_message_policy": "FallbackToLogsOnError",
                        }
                    ],
                    "volumes": [folder.volume],
                },
            },
        },
        opts=opts,
    )

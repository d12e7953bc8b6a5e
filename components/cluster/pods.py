"""What every Pod and container of ours has in common: its user, its rights and its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import (
        PodSecurityContextArgsDict,
        ResourceRequirementsArgsDict,
        SecurityContextArgsDict,
    )

OWNER: Final = 10001
"""User and group id of the registry and of its files; above 10000, so that no account of a node has it."""

POD: Final[PodSecurityContextArgsDict] = {"seccomp_profile": {"type": "RuntimeDefault"}}
"""The security context of every Pod."""

HARDENED: Final[SecurityContextArgsDict] = {
    "run_as_non_root": True,
    "run_as_user": OWNER,
    "run_as_group": OWNER,
    "allow_privilege_escalation": False,
    "read_only_root_filesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of every container that needs no root."""

ROOT: Final[SecurityContextArgsDict] = {
    "run_as_user": 0,
    "run_as_non_root": False,
    "allow_privilege_escalation": False,
    "read_only_root_filesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of a container that works on a folder of the node, which is root's."""

RESOURCES_OF_A_STEP: Final[ResourceRequirementsArgsDict] = {
    "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"},
    "limits": {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
}
"""The resources of a container that runs a shell."""

"""The images in a volume that the cluster provides: the rules of a PersistentVolumeClaim, new or existing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..cluster.names import check_object_name
from ..cluster.pods import OWNER
from ..problems import PROJECT, Problems
from ..quantities import bytes_of
from ..sections import config_set, key_of, listed
from ..shown import shown
from .paths import IMAGES, VOLUME
from .store import AT_A_PORT_OF_ITS_NODE, Store

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import PodSecurityContextArgsDict, VolumeMountArgsDict

_SHARED: Final = "ReadWriteMany"
_ACCESS_MODES: Final = ("ReadWriteOnce", "ReadWriteOncePod", _SHARED)
_OF_A_NEW_ONE: Final = ("claim_class", "claim_size")
_LEAST: Final = "1Mi"


def of_claim(name: str, namespace: str) -> list[str]:
    """Give the words by which kubectl is asked for a claim."""
    return [
        "get",
        f"persistentvolumeclaim/{name}",
        f"--namespace={namespace}",
        "--ignore-not-found",
        "--output=json",
    ]


@dataclass(frozen=True, kw_only=True)
class Claim(Store):
    """A PersistentVolumeClaim. The one that is made here stays when the stack is destroyed."""

    claim_name: str = ""
    claim_class: str = ""
    claim_size: str = "10Gi"
    claim_access_mode: str = "ReadWriteOnce"
    remove_data: bool = False

    pod_security: ClassVar["PodSecurityContextArgsDict"] = {
        "fs_group": OWNER,
        # Else each start would look at every file.
        "fs_group_change_policy": "OnRootMismatch",
    }
    """The kubelet gives the volume to the registry's group."""

    def check(self, problems: Problems, *, needs_node: bool) -> None:
        """Report what cannot work. With `needs_node`, clients reach the registry at a port of one node."""
        self.check_node(problems, AT_A_PORT_OF_ITS_NODE if needs_node else "")
        for name, value in (("claimName", self.claim_name), ("claimClass", self.claim_class)):
            with problems.caught(name, config_set(f"{name} <name>")):
                if value:
                    check_object_name(value)
        for item in fields(self):
            with problems.caught("claimName", "`pulumi config rm claimName` for a new claim, or remove the other"):
                if self.claim_name and item.name in _OF_A_NEW_ONE and getattr(self, item.name) != item.default:
                    raise ValueError(f"must not be set beside {key_of(item.name)}, which is for a new claim")
        with problems.caught("claimSize", config_set("claimSize 10Gi")):
            if bytes_of(self.claim_size, "storage such as 10Gi") < bytes_of(_LEAST, ""):
                raise ValueError(f"must be {_LEAST} or more, got {shown(self.claim_size)}")
        with problems.caught("claimAccessMode", config_set("claimAccessMode ReadWriteOnce")):
            if self.claim_access_mode not in _ACCESS_MODES:
                raise ValueError(f"must be {listed(_ACCESS_MODES, 'or')}, got {shown(self.claim_access_mode)}")

    def check_there(self, there: Mapping[str, Any] | None, name: str, namespace: str) -> None:
        """Refuse what the claim that is there cannot become; `there` is JSON of Kubernetes. Raises RunError."""
        problems = Problems()
        if there is None:
            with problems.caught("claimName", f"`kubectl get pvc --namespace {namespace}` lists claims"):
                if self.claim_name:
                    raise ValueError(f"must be the name of a claim in namespace {namespace}, got {shown(name)}")
            problems.raise_late()
            return
        with problems.caught("storage", f"`kubectl get pvc {name} --namespace {namespace}` until it is gone"):
            if "deletionTimestamp" in there.get("metadata", {}):
                raise ValueError(f"must not be claim {name}, which is being deleted, and its images with it")
        spec = there["spec"]
        modes, size = spec["accessModes"], spec["resources"]["requests"]["storage"]
        storage_class = spec.get("storageClassName", "")
        with problems.caught("claimAccessMode", config_set(f"claimAccessMode {modes[0]}")):
            if self.claim_access_mode not in modes:
                raise ValueError(f"must be that of claim {name}, which never changes: {' or '.join(modes)}")
        if not self.claim_name:
            with problems.caught("claimClass", f"{config_set(f'claimClass {storage_class}')}, or another claim"):
                if storage_class and self.claim_class not in {"", storage_class}:
                    raise ValueError(f"must be that of claim {name}, which never changes: {storage_class}")
            unclaimed = f"`kubectl delete pvc {name} --namespace {namespace} --timeout=60s`"
            with problems.caught(
                "claimClass", f"`pulumi config rm claimClass`, or, while the claim is Pending, {unclaimed}"
            ):
                if self.claim_class and not storage_class:
                    raise ValueError(f"must not be set: claim {name} was made without a class, and never gets one")
            with problems.caught("claimSize", config_set(f"claimSize {size}")):
                if bytes_of(self.claim_size, "storage") < bytes_of(size, "storage"):
                    raise ValueError(f"must not be less than claim {name} has, {size}: no volume shrinks")
        problems.raise_late()

    def check_left(self, there: Mapping[str, Any], name: str, namespace: str) -> None:
        """Refuse growth of the claim that this stack has left when it was destroyed. Raises RunError."""
        problems, size = Problems(), there["spec"]["resources"]["requests"]["storage"]
        patch = json.dumps({"spec": {"resources": {"requests": {"storage": self.claim_size}}}})
        grow = f"`kubectl patch pvc {name} --namespace {namespace} --patch '{patch}'`"
        with problems.caught("claimSize", f"{config_set(f'claimSize {size}')}, or {grow}"):
            if bytes_of(self.claim_size, "storage") > bytes_of(size, "storage"):
                raise ValueError(
                    f"must be that of claim {name}, {size}: the stack left it when it was destroyed, and takes "
                    "it as it is"
                )
        problems.raise_late()

    @property
    def is_shared(self) -> bool:
        """Whether several Pods may write at a time."""
        return self.claim_access_mode == _SHARED

    @property
    def sharing_rule(self) -> str:
        """Why only one Pod may write, and what would let more do so."""
        return (
            f"a claim of access mode {self.claim_access_mode} has one writer at a time; claimAccessMode {_SHARED}, "
            "or storage s3, takes more"
        )

    @property
    def place(self) -> str:
        """Where the images are. Another place has other images, or none."""
        return f"claim {self.claim_name}" if self.claim_name else "claim of the stack"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before they say yes: a text each."""
        if not self.remove_data:
            return ()
        which = (
            f"claim {self.claim_name}"
            if self.claim_name
            else "the claim, which `destroy` then removes too unless the stack found it there"
        )
        removal = (
            f"{PROJECT}:removeData is true: `up` stops the registry and deletes every image in {which}; "
            "to keep them: `pulumi config rm removeData`"
        )
        return (removal,)

    @property
    def mounts(self) -> "list[VolumeMountArgsDict]":
        """The mounts for a container's spec."""
        return [{"name": VOLUME, "mount_path": IMAGES}]

    def driver(self, _: Sequence[str]) -> dict[str, object]:
        """Give its part of the registry's configuration."""
        return {"filesystem": {"rootdirectory": IMAGES}}

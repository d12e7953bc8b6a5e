"""Why our workloads are not in all as checkov wants them: a reason for each of its findings, on the object itself.

checkov, a scanner of Kubernetes objects, reads these annotations and shows such a finding as skipped, with its
reason. Each concern has its reasons beside what it declares; here are those of several. The live tests refuse a
finding without a reason, and a reason without a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import pulumi

Reasons = Mapping[str, str]
"""By the number of the check. checkov ends at an equals sign within a reason."""

PREFIX: Final = "checkov.io/skip-"

AS_ROOT: Final[Reasons] = {
    "CKV_K8S_23": "its container works on a folder of the node that is root's, and has nothing else of the node",
    "CKV_K8S_40": "root, as CKV_K8S_23 says",
}
"""Of a Pod whose only container is `pods.ROOT`."""

_BY_TAG: Final[Reasons] = {
    "CKV_K8S_15": "a Pod that starts again must not depend on where images come from, which may be down",
    "CKV_K8S_43": "the stack chooses its images, and may choose them by digest (`image`, `doorImage`)",
}
_IN_DEFAULT: Final[Reasons] = {
    "CKV_K8S_21": "the stack chooses the namespace (`namespace`; for Pods that prove pulls, `pullNamespaces`)",
}
_OPEN: Final[Reasons] = {
    "CKV2_K8S_6": "`networkAddresses` is not set: a policy that does not know the nodes would refuse their pulls",
}
_CRON_JOB: Final = "kubernetes:batch/v1:CronJob"
_WORKLOADS: Final = {
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:apps/v1:Deployment",
    _CRON_JOB,
    "kubernetes:batch/v1:Job",
    "kubernetes:core/v1:Pod",
}


def skipped(*reasons: Reasons) -> dict[str, str]:
    """Give the annotations for these reasons; a check may have several."""
    texts: dict[str, list[str]] = {}
    for each in reasons:
        for check, reason in each.items():
            texts.setdefault(check, []).append(reason)
    return {f"{PREFIX}{check}": f"{check}={'; '.join(found)}" for check, found in texts.items()}


def of_images(images: Iterable[str]) -> Reasons:
    """Give the reasons of a Pod with these images, as the stack names them."""
    return {} if all("@" in image for image in images) else _BY_TAG


def of_place(
    *, policed: bool
) -> Callable[[pulumi.ResourceTransformationArgs], pulumi.ResourceTransformationResult | None]:
    """Give the transformation that adds what follows from a workload's place.

    `policed` tells whether there are NetworkPolicies.
    """

    def explain(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in _WORKLOADS:
            return None
        metadata: Any = args.props["metadata"]
        found = skipped(
            _IN_DEFAULT if metadata["namespace"] == "default" else {},
            # checkov does not look for the policy of a CronJob's Pods (3.3).
            {} if policed or args.type_ == _CRON_JOB else _OPEN,
        )
        annotations = {**(metadata.get("annotations") or {}), **found}
        return pulumi.ResourceTransformationResult(
            {**args.props, "metadata": {**metadata, "annotations": annotations}}, args.opts
        )

    return explain

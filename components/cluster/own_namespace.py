"""The namespace of the registry, where the stack makes it."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes


def own_namespace(
    name: str, namespace: str, level: str, opts: pulumi.ResourceOptions
) -> pulumi.ResourceTransformation:
    """Declare the namespace, with labels of this Pod Security level.

    Gives a transformation for `ResourceOptions`, by which objects of the cluster wait for it.
    """
    made = kubernetes.core.v1.NamespacePatch(
        # A patch makes the namespace, and takes the one that this stack has left: to make that once more would fail
        # from Kubernetes provider 4.29 on.
        f"{name}-namespace",
        metadata={
            "name": namespace,
            "labels": {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")},
            # One that the stack has left was written by the patch before.
            "annotations": {"pulumi.com/patchForce": "true"},
        },
        # Its deletion would delete all that is in it: a claim that was kept, and objects of others.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(retain_on_delete=True)),
    )

    def after(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("kubernetes:"):
            return None
        waits = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(depends_on=[made]))
        return pulumi.ResourceTransformationResult(args.props, waits)

    return after

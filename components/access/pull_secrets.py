"""The pull secret, in each namespace whose Pods may pull."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from ..references import Address
from .accounts import dockerconfigjson
from .settings import Access


def pull_secrets(
    name: str,
    access: Access,
    namespaces: Sequence[str],
    passwords: pulumi.Output[dict[str, str]],
    addresses: Sequence[Address],
    opts: pulumi.ResourceOptions,
) -> list[kubernetes.core.v1.Secret]:
    """Declare a Secret of type dockerconfigjson per namespace, with an entry for each of the addresses.

    `passwords` are those of `Access.accounts`.
    """
    content = passwords.apply(
        lambda known: dockerconfigjson(map(str, addresses), access.puller, known[access.puller])
    )
    return [
        kubernetes.core.v1.Secret(
            f"{name}-pull-secret-{namespace}",
            # A fixed name, since people's own manifests say it in imagePullSecrets.
            metadata={"name": access.pull_secret_name, "namespace": namespace},
            type="kubernetes.io/dockerconfigjson",
            string_data={".dockerconfigjson": content},
            opts=opts,
        )
        for namespace in namespaces
    ]

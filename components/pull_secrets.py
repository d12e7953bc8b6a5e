"""The pull secret, in each namespace whose Pods may pull."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components import accounts
from components.references import Address
from components.settings import Settings


def pull_secrets(
    name: str, settings: Settings, addresses: Sequence[Address], opts: pulumi.ResourceOptions
) -> list[kubernetes.core.v1.Secret]:
    """Declare a Secret of type dockerconfigjson per namespace, with an entry for each of the addresses."""
    content = pulumi.Output.secret(settings.password).apply(
        lambda password: accounts.dockerconfigjson(map(str, addresses), settings.username, password)
    )
    return [
        kubernetes.core.v1.Secret(
            f"{name}-pull-secret-{namespace}",
            # A fixed name, since people's own manifests say it in imagePullSecrets.
            metadata={"name": settings.pull_secret_name, "namespace": namespace},
            type="kubernetes.io/dockerconfigjson",
            string_data={".dockerconfigjson": content},
            opts=opts,
        )
        for namespace in settings.pull_namespaces
    ]

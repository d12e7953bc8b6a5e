"""Names by which others find the registry's parts; here, since they need not load the SDK for them."""

from typing import Final

CONFIG_FOLDER: Final = "/etc/private-registry"
CONFIG: Final = f"{CONFIG_FOLDER}/config.yml"
"""The registry's configuration inside its container."""

COLLECTING: Final = "collecting.yml"
"""The configuration while images are collected, in the same folder."""

ACCOUNTS_FOLDER: Final = "/auth"

CONTAINER_PORT: Final = 5000
"""The port that clients are led to."""

TLS_FOLDER: Final = "/tls"
"""Certificate and key, inside the container that serves clients."""

REVISION: Final = "private-registry/revision"
"""An annotation of the Pods: what they serve and allow."""

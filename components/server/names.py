"""Names by which others find the registry's parts; here, since they need not load the SDK for them."""

from typing import Final

CONFIG_FOLDER: Final = "/etc/private-registry"
CONFIG: Final = f"{CONFIG_FOLDER}/config.yml"
"""The registry's configuration inside its container."""

REVISION: Final = "private-registry/revision"
"""An annotation of the Pods: what they serve and allow."""

"""Where the images are inside the registry's container, for kinds of storage that are mounted there."""

from typing import Final

IMAGES: Final = "/var/lib/registry"
"""The folder in the container."""

VOLUME: Final = "data"
"""The volume's name in the Pod's spec."""

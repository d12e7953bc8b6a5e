"""The kinds of storage, a type each: what belongs to one kind cannot be set for another.

From the kind follow the Pods' volumes and their owner, how many Pods may write, and a part of the registry's
configuration. Nothing else asks which kind it is.
"""

from collections.abc import Mapping
from typing import Final

from .bucket import Bucket
from .claim import Claim
from .host_folder import HostFolder

Storage = HostFolder | Claim | Bucket

KINDS: Final[Mapping[str, type[Storage]]] = {"hostPath": HostFolder, "claim": Claim, "s3": Bucket}
"""By the value of the stack's key `storage`."""

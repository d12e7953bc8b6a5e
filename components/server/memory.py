"""How much memory the registry takes, and how it is kept from taking more than it may.

For each layer that is being pulled, the registry holds a buffer of 4 MiB until the client has all of it. It has no
limit of its own, and with more pulls at a time than fit, Kubernetes would kill it and cut all of them. What it does
have is a limit of open files, of which each pull takes one, and each connection one: at that limit new connections
wait, and requests that need a file get an answer of 500, after which nodes and Docker Engines try again.
A broken rule is a `ValueError` whose text begins with "must".
"""

from typing import Final

from .. import quantities
from ..shown import shown

_MIB: Final = 2**20

_OF_ITSELF: Final = 64 * _MIB
"""What the registry takes without pulls."""
_OF_A_PULL: Final = 9 * _MIB // 2
"""What it takes for each, with the connection's own buffers: 4.3 MiB were measured."""
_SHARE: Final = 0.8
"""Of the limit. The rest is for what waits to be collected, and for the kernel's buffers."""
_OWN_FILES: Final = 16
"""Files that the registry has open without clients: 10 were seen."""

_LEAST: Final = "256Mi"


def bytes_of(quantity: str) -> int:
    """Give the bytes of a quantity of memory. Raises ValueError."""
    return quantities.bytes_of(quantity, "memory such as 512Mi or 4Gi")


def check_memory(quantity: str) -> None:
    """Refuse what is no quantity of memory, or too little for a node that pulls a few layers at a time."""
    if bytes_of(quantity) < bytes_of(_LEAST):
        raise ValueError(f"must be {_LEAST} or more, got {shown(quantity)}")


def pulls(quantity: str) -> int:
    """Give how many layers can be pulled at a time with this limit of memory."""
    return int(bytes_of(quantity) * _SHARE - _OF_ITSELF) // _OF_A_PULL


def open_files(quantity: str) -> int:
    """Give how many files and connections the registry may have open with this limit of memory."""
    return pulls(quantity) + _OWN_FILES


def collected_at(quantity: str) -> str:
    """Give the use of memory at which the registry collects what it no longer needs, as Go reads GOMEMLIMIT."""
    return str(int(bytes_of(quantity) * _SHARE))

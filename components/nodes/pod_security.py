"""The strictest Pod Security level that all Pods in the registry's namespace pass."""

from ..exposure.settings import Exposure
from ..storage.settings import Storage
from ..tls.settings import Tls
from .settings import Nodes


def pod_security_level(exposure: Exposure, storage: Storage, tls: Tls, nodes: Nodes) -> str:
    """Give the level. `baseline` is none for us: ports and folders of a node are forbidden there as well."""
    of_the_node = exposure.port_on_node or storage.folder or nodes.addresses(exposure, tls)
    return "privileged" if of_the_node else "restricted"

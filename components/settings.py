"""All settings of a registry: the sections of its concerns, each with its own defaults and checks.

Here they are put together, checked in order, and all that is wrong is reported at once. `Pulumi.yaml` repeats the
defaults for Pulumi (a test holds the two together).
"""

from dataclasses import dataclass, field, fields

from .access.settings import Access
from .cluster.settings import Cluster
from .exposure.host_port import HostPort
from .exposure.ingress import Ingress
from .exposure.load_balancer import LoadBalancer
from .exposure.node_port import NodePort
from .exposure.settings import Exposure
from .monitoring.settings import Monitoring
from .network.settings import Network
from .nodes.settings import Nodes
from .problems import Problems
from .proof.settings import Proof
from .retention.settings import Retention
from .sections import check_types
from .server.settings import Server
from .storage.bucket import Bucket
from .storage.claim import Claim
from .storage.host_folder import HostFolder
from .storage.settings import Storage
from .tls.settings import Generated, Issued, Plain, Provided, Tls

__all__ = [
    "Access",
    "Bucket",
    "Claim",
    "Cluster",
    "Generated",
    "HostFolder",
    "HostPort",
    "Ingress",
    "Issued",
    "LoadBalancer",
    "Monitoring",
    "Network",
    "NodePort",
    "Nodes",
    "Plain",
    "Proof",
    "Provided",
    "Retention",
    "Server",
    "Settings",
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings: a section for each concern.

    Made by `stack_configuration` from a stack's flat keys, or directly by another program. Raises SettingsError for
    what cannot work.
    """

    exposure: Exposure
    storage: Storage
    tls: Tls = field(default_factory=Generated)
    access: Access
    nodes: Nodes = field(default_factory=Nodes)
    monitoring: Monitoring = field(default_factory=Monitoring)
    server: Server = field(default_factory=Server)
    retention: Retention = field(default_factory=Retention)
    network: Network = field(default_factory=Network)
    proof: Proof = field(default_factory=Proof)
    cluster: Cluster = field(default_factory=Cluster)

    def __post_init__(self) -> None:
        """Check everything. A section may look at those before it."""
        problems = Problems()
        check_types(problems, (getattr(self, item.name) for item in fields(self)))
        # The rules below rely on the types, so what they would say beside a wrong type is noise.
        problems.raise_any()
        self.cluster.check(problems)
        self.exposure.check(problems)
        self.storage.check(problems, needs_node=bool(self.exposure.port_on_node))
        self.tls.check(problems, self.exposure)
        self.access.check(problems)
        self.nodes.check(problems)
        self.server.check(problems, self.exposure, self.storage, self.tls, self.access, self.monitoring)
        self.retention.check(problems, self.server)
        self.network.check(problems, self.monitoring)
        self.proof.check(problems, self.exposure, self.access, self.monitoring)
        problems.raise_any()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before they say yes: a text each."""
        return (*self.storage.warnings, *self.nodes.warnings(self.exposure, self.tls))

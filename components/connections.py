"""Which cluster and which Docker Engine a stack uses. A program that makes its own providers needs none of this."""

from dataclasses import dataclass, field

from .cluster import kubeconfig
from .problems import Problems
from .references import check_docker_host
from .sections import config_set


@dataclass(frozen=True, kw_only=True)
class Connections:
    """What the stack's two providers are made from."""

    kubeconfig: str = field(default="", repr=False)
    kube_context: str = ""
    docker_host: str = ""

    def check(self, problems: Problems) -> None:
        """Report what cannot work. What the kubeconfig says is read, and refused, by `cluster.kubeconfig`."""
        with problems.caught(
            "kubeconfig",
            "`pulumi config set kubeconfig <path>`, or "
            "`kubectl config view --raw --flatten | pulumi config set --secret kubeconfig`",
        ):
            kubeconfig.check(self.kubeconfig)
        with problems.caught("dockerHost", config_set("dockerHost unix:///var/run/docker.sock")):
            check_docker_host(self.docker_host)

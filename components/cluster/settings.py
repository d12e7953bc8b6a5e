"""Where in the cluster the registry's objects are, and how long to wait for each."""

from dataclasses import dataclass

import pulumi

from ..problems import Problems
from ..sections import config_set
from .names import check_namespace


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The registry's place in the cluster."""

    namespace: str = "default"
    create_namespace: bool = False
    timeout_seconds: int = 120

    def check(self, problems: Problems) -> None:
        """Report what cannot work."""
        with problems.caught("namespace", config_set("namespace default")):
            check_namespace(self.namespace)
        with problems.caught(
            "createNamespace", f"{config_set('namespace <name>')}, or `pulumi config rm createNamespace`"
        ):
            if self.create_namespace and (self.namespace == "default" or self.namespace.startswith("kube-")):
                raise ValueError(f"must not be true while namespace is {self.namespace}, which is Kubernetes' own")
        with problems.caught("timeoutSeconds", config_set("timeoutSeconds 120")):
            if not 5 <= self.timeout_seconds <= 3600:
                raise ValueError(f"must be from 5 to 3600 seconds, got {self.timeout_seconds}")

    @property
    def time_limit(self) -> pulumi.CustomTimeouts:
        """How long to wait for one resource, whatever is done to it."""
        limit = f"{self.timeout_seconds}s"
        return pulumi.CustomTimeouts(create=limit, update=limit, delete=limit)

"""Whether the cluster can issue certificates at all."""

from typing import Final

from ..cluster.kinds import kinds
from ..cluster.taints import Ask
from ..problems import Problems
from ..sections import config_set

GROUP: Final = "cert-manager.io"


def check_installed(ask: Ask) -> None:
    """Refuse a certificate of cert-manager where that is not installed: it would be waited for in vain."""
    problems = Problems()
    with problems.caught("tls", f"install cert-manager, or {config_set('tls generated')}"):
        found = kinds(ask, GROUP)
        if found is not None and f"certificates.{GROUP}" not in found:
            raise ValueError("must not be issued in a cluster without cert-manager, which has no Certificates")
    problems.raise_any()

"""Whether the cluster can issue certificates at all."""

from typing import Final

from ..cluster.kubectl import KubectlError
from ..cluster.taints import Ask
from ..problems import Problems
from ..sections import config_set

OF_KINDS: Final = ("api-resources", "--api-group=cert-manager.io", "--output=name")
"""The words by which kubectl is asked what cert-manager has brought."""


def check_installed(ask: Ask) -> None:
    """Refuse a certificate of cert-manager where that is not installed: it would be waited for in vain."""
    problems = Problems()
    with problems.caught("tls", f"install cert-manager, or {config_set('tls generated')}"):
        try:
            kinds = ask(OF_KINDS)
        except KubectlError:
            return
        if "certificates.cert-manager.io" not in kinds.split():
            raise ValueError("must not be issued in a cluster without cert-manager, which has no Certificates")
    problems.raise_any()

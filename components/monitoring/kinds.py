"""Whether the cluster has the kinds of a Prometheus operator."""

from __future__ import annotations

from typing import Final

from ..cluster.kubectl import KubectlError
from ..cluster.taints import Ask

_GROUP: Final = "monitoring.coreos.com"

OF_KINDS: Final = ("api-resources", f"--api-group={_GROUP}", "--output=name")
"""The words by which kubectl is asked what the operator has brought."""


def has(ask: Ask | None, kind: str) -> bool:
    """Whether a kind, by its plural, is there; taken for there if nobody answers.

    What is declared then stays declared: a preview without a cluster would announce its end.
    """
    if not ask:
        return True
    try:
        return f"{kind}.{_GROUP}" in ask(OF_KINDS).split()
    except KubectlError:
        return True

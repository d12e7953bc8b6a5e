"""Which kinds of objects another program has brought to the cluster."""

from __future__ import annotations

from .kubectl import KubectlError
from .taints import Ask


def of_kinds(group: str) -> tuple[str, ...]:
    """Give the words by which kubectl is asked for the kinds of an API group."""
    return ("api-resources", f"--api-group={group}", "--output=name")


def kinds(ask: Ask, group: str) -> list[str] | None:
    """Give their plurals with the group, such as `certificates.cert-manager.io`; None if nobody answers."""
    try:
        return ask(of_kinds(group)).split()
    except KubectlError:
        return None

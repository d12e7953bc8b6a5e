"""The namespaces that get the pull secret: those that are named, and those that a label selector finds."""

from __future__ import annotations

import json
from typing import Final

from ..cluster.kubectl import KubectlError
from ..cluster.taints import Ask
from ..problems import Problems
from ..sections import config_set
from .settings import Access

_KEY: Final = "pullNamespaceSelector"


def of_namespaces(selector: str) -> list[str]:
    """Give the words by which kubectl is asked for the namespaces that a selector finds."""
    return ["get", "namespaces", f"--selector={selector}", "--output=json"]


def pull_namespaces(access: Access, ask: Ask | None) -> tuple[str, ...]:
    """Give all, those that are named first. Raises RunError if it is not known which ones are selected.

    Without that, an `up` would take the pull secret away from those of before.
    """
    if not access.pull_namespace_selector:
        return access.pull_namespaces
    problems = Problems()
    found: list[str] = []
    fix = f"let this account list namespaces, {config_set(f'{_KEY} <selector>')}, or `pulumi config rm {_KEY}`"
    with problems.caught(_KEY, fix):
        if not ask:
            raise ValueError("must not be set where the cluster is not asked, or does not answer")
        try:
            items = json.loads(ask(of_namespaces(access.pull_namespace_selector)))["items"]
        except KubectlError as problem:
            raise ValueError(f"must be a label selector that the cluster answers: {problem}") from None
        # One that is being deleted takes no new objects.
        found = [item["metadata"]["name"] for item in items if "deletionTimestamp" not in item["metadata"]]
    problems.raise_any()
    return tuple(dict.fromkeys((*access.pull_namespaces, *sorted(found))))

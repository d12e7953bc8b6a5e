"""What the Pods of a cluster use: the images that retention never touches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True)
class Usage:
    """Digests, and names as `repository:tag`, each with a Pod that uses it."""

    digests: Mapping[str, str]
    names: Mapping[str, str]

    @classmethod
    def of(cls, pods: Iterable[Mapping[str, Any]]) -> Usage:
        """Read Pods as `kubectl get pods --output=json` lists them, in whatever phase they are.

        The registry's address in a name does not matter: a registry has several, and one name too many is kept.
        """
        digests: dict[str, str] = {}
        names: dict[str, str] = {}
        for pod in pods:
            holder = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            for text in _images(pod):
                digests |= dict.fromkeys(_DIGEST.findall(text), holder)
                name = _name(text)
                if name:
                    names[name] = holder
        return cls(digests, names)

    def holder(self, repository: str, tag: str, contents: Iterable[str]) -> str:
        """Give a Pod that uses a tag by its name, or by the digest of anything in it; else an empty text."""
        named = self.names.get(f"{repository}:{tag}", "")
        return named or next((self.digests[digest] for digest in contents if digest in self.digests), "")


def _images(pod: Mapping[str, Any]) -> Iterable[str]:
    spec, status = pod.get("spec", {}), pod.get("status", {})
    for container in (each for key in _CONTAINERS for each in spec.get(key) or ()):
        yield str(container.get("image") or "")
    for state in (each for key in _STATUSES for each in status.get(key) or ()):
        yield str(state.get("image") or "")
        yield str(state.get("imageID") or "")


def _name(image: str) -> str:
    """Give `repository:tag` of an image that is named by a tag, without the registry's address."""
    name, at, _ = image.partition("@")
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        name = rest
    repository, colon, tag = name.partition(":")
    if not repository or repository == "sha256" or (at and not colon):
        return ""
    return f"{repository}:{tag or 'latest'}"

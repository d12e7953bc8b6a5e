"""What advice about a failure depends on: facts of the settings, without the sections that they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One registry, as messages about its failures have to call it."""

    name: str
    """Of its Deployment."""
    namespace: str
    pull_secret: str
    address: str
    """`host:port` by which nodes pull, or `host` alone."""
    host: str
    """The host in it."""
    leads: str
    """What to look after where clients do not reach the registry there."""
    clash: str
    """What to do where something else answers there."""
    tls: str
    """generated, provided or off."""
    has_own_ca: bool
    """Whether nodes have to be told of a CA."""
    node_trust: str
    """The kind of nodes that are told of it, or off."""
    certs_folders: tuple[str, ...]
    """Where that kind's container runtimes look for registries."""
    runtime_hint: str = ""
    """What else the nodes' container runtimes need to look there."""
    node: str
    """The node that the registry is to run on; empty if any will do."""
    tolerate_taints: bool
    """Whether Pods that belong there tolerate its taints."""
    folder: str
    """The folder with the images, on that node; empty if they are elsewhere."""
    storage: str
    """What holds the images, as messages call it."""
    port: int
    """In the address."""
    image: str
    """The registry's own image."""
    door_image: str
    """That of nginx, for rights and metrics; empty where there are none."""
    memory: str
    """The memory limit of the registry."""
    timeout_seconds: int

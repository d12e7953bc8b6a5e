"""All that a node is started from, built in order where the cache lacks it, with one line of progress each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import images, packages, plugins, preflight, tools
from lab.cache import Entry
from lab.ui import Steps

_ROOM_OF_A_PART = 2  # GB; all twelve, from nothing and with Go's own caches, have used 18


@dataclass(frozen=True)
class Parts:
    """Finished folders of the cache."""

    packages: Path
    runtimes: tuple[Path, ...]
    """containerd and the Docker Engine of the first node, in place of the Debian packages' own."""
    kubernetes: Path
    images: Path
    programs: tuple[Path, ...]
    """What a person runs on the node beside the Debian packages' programs."""
    pulumi: Path
    kubernetes_plugin: Path


@dataclass(frozen=True)
class _Job:
    title: str
    entry: Entry
    build: Callable[[Path], None]


def prepare(left: int = 1, also: Sequence[tools.Tool] = ()) -> tuple[Parts, Steps]:
    """Build what is missing, and `also` what no node needs; also give the steps, with some left to start nodes."""
    go = tools.Go()
    needed = tools.needed()
    entries = {tool.name: tool.entry() for tool in needed}
    debian = packages.entry()
    images_entry = images.entry(debian, entries)
    own = tools.pulumi_on_path()
    pulumi = own or entries["pulumi"].path / "pulumi"
    plugin = plugins.kubernetes_entry(entries["kubernetes-provider"])

    jobs = [_Job("fetching Debian packages (containerd, Docker Engine, CNI)", debian, packages.unpack)]
    jobs += [_Job(f"building {tool.title}", entries[tool.name], tool.builder(go)) for tool in needed]
    jobs.append(
        _Job(
            "putting the images together",
            images_entry,
            lambda folder: images.make(folder, debian.path, {name: entries[name].path for name in images.TOOLS}),
        )
    )
    jobs.append(
        _Job(
            "installing the Kubernetes provider",
            plugin,
            lambda folder: plugins.install_kubernetes(folder, pulumi, entries["kubernetes-provider"].path),
        )
    )
    jobs += [_Job(f"building {tool.title}", tool.entry(), tool.builder(go)) for tool in also]
    missing = [job for job in jobs if not job.entry.is_whole()]
    if missing:
        room = len(missing) * _ROOM_OF_A_PART
        preflight.check_room(missing[0].entry.path.parent, room, "building the lab's tools takes", "XDG_CACHE_HOME")
    steps = Steps(len(missing) + left)
    for job in missing:
        with steps.step(job.title):
            job.entry.ensure(job.build)
    named = ("kubernetes", "registry", "regctl")
    programs = [program for name in named for program in _programs(entries[name].path, "*")]
    # Beside a Pulumi of the person's own may lie a Docker CLI that is too new for the node's Docker Engine.
    programs += _programs(pulumi.parent, "pulumi*")
    parts = Parts(
        packages=debian.path,
        runtimes=(entries["containerd"].path, entries["docker"].path),
        kubernetes=entries["kubernetes"].path,
        images=images_entry.path,
        programs=tuple(programs),
        pulumi=pulumi,
        kubernetes_plugin=plugin.path,
    )
    return parts, steps


def _programs(folder: Path, pattern: str) -> list[Path]:
    return [path for path in sorted(folder.glob(pattern)) if path.is_file() and os.access(path, os.X_OK)]


def actionlint() -> Path:
    """The actionlint program, built when the cache lacks it."""
    return built(tools.ACTIONLINT)


def tls_check() -> Path:
    """The program that asks Go's TLS about certificates, built when the cache lacks it."""
    return built(tools.TLS_CHECK)


def metallb() -> Path:
    """The folder of MetalLB's programs, for tests: a load balancer, which no lab has from the start."""
    return built(tools.METALLB).parent


def network_policies() -> Path:
    """What enforces NetworkPolicies, for tests: no node of a lab does so from the start."""
    return built(tools.NETWORK_POLICIES)


def cert_manager() -> Path:
    """The folder of cert-manager's definitions, for tests."""
    return built(tools.CERT_MANAGER)


def prometheus() -> list[Path]:
    """Prometheus and Alertmanager, for tests."""
    return [built(tools.PROMETHEUS), built(tools.ALERTMANAGER)]


def prometheus_operator() -> Path:
    """The folder of the Prometheus operator's definitions, for tests."""
    return built(tools.PROMETHEUS_OPERATOR)


def checkov() -> Path:
    """checkov, a scanner of Kubernetes objects, for tests."""
    return built(tools.CHECKOV)


def conformance() -> Path:
    """The OCI conformance suite, for tests."""
    return built(tools.CONFORMANCE)


def crane() -> Path:
    """The program crane, a client of registries, for tests."""
    return built(tools.CRANE)


def built(tool: tools.Tool) -> Path:
    """A program, built when the cache lacks it."""
    return tool.entry().ensure(tool.builder(tools.Go())) / tool.name

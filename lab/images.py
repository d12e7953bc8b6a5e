"""The container images of the lab, put together from the cached programs: no image registry is needed.

`docker save` format, which both `ctr images import` and `docker load` read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.cache import Entry, digest_of

PAUSE = "localhost/pause:lab"
REGISTRY = "docker.io/library/registry:3.1.2"
OLD_REGISTRY = "docker.io/library/registry:2.8.2"
ALPINE = "docker.io/library/alpine:latest"
NGINX = "localhost/nginx:lab"
"""Debian's, which is older than the official image."""
S3 = "localhost/versitygw:lab"
"""An S3 server, for tests; it has the shell's tools beside it."""
TOOLS = ("registry", "pause", "versitygw")
"""The programs that images are made of, by the names of their tools."""


@dataclass
class _Layer:
    """Files and symbolic links of one layer, by their path in the image."""

    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)

    def tar(self) -> bytes:
        """The layer as a tar whose bytes depend on its content alone: no times, no owners."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, mode in sorted(self.folders.items()):
                entry = tarfile.TarInfo(path)
                entry.type, entry.mode = tarfile.DIRTYPE, mode
                archive.addfile(entry)
            for path, (content, mode) in sorted(self.files.items()):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), mode
                archive.addfile(entry, io.BytesIO(content))
            for path, target in sorted(self.links.items()):
                entry = tarfile.TarInfo(path)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                archive.addfile(entry)
        return buffer.getvalue()


def _busybox(packages: Path) -> _Layer:
    """A small userland like alpine's: a shell and its tools, passwd, and the folders that programs expect."""
    program = packages / "usr" / "bin" / "busybox"
    listing = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    layer = _Layer()
    layer.folders = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755}
    layer.folders |= {"tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "var": 0o755, "var/lib": 0o755}
    layer.files["bin/busybox"] = (program.read_bytes(), 0o755)
    layer.files["etc/passwd"] = (
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
        0o644,
    )
    layer.files["etc/group"] = (b"root:x:0:\nnogroup:x:65534:\n", 0o644)
    layer.links = {f"bin/{name}": "busybox" for name in listing.split() if name != "busybox"}
    return layer


def _program(path: Path, target: str) -> _Layer:
    return _Layer(files={target: (path.read_bytes(), 0o755)})


def _with_libraries(path: Path, target: str) -> _Layer:
    """A dynamically linked program with the shared libraries that it names, at the paths it looks for."""
    layer = _program(path, target)
    listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listing):
        layer.files[library.lstrip("/")] = (Path(library).resolve().read_bytes(), 0o755)
    return layer


def entry(packages: Entry, programs: Mapping[str, Entry]) -> Entry:
    """The place of the images, keyed by what they are made from: packages, and TOOLS out of these programs."""
    keys = [each.key.encode() for each in (packages, *(programs[name] for name in TOOLS))]
    return Entry("images", digest_of([*keys, Path(__file__).read_bytes()]))


def make(folder: Path, packages: Path, programs: Mapping[str, Path]) -> None:
    """Write images.tar, for containerd, and alpine.tar, for the Docker Engine to build upon."""
    userland = _busybox(packages)
    serve = ["registry", "serve", "/etc/distribution/config.yml"]
    old = packages / "usr" / "bin" / "docker-registry"
    images = {
        PAUSE: ([_program(programs["pause"] / "pause", "pause")], ["/pause"]),
        ALPINE: ([userland], ["/bin/sh"]),
        REGISTRY: ([userland, _program(programs["registry"] / "registry", "bin/registry")], serve),
        OLD_REGISTRY: ([userland, _with_libraries(old, "bin/registry")], serve),
        NGINX: ([userland, _with_libraries(packages / "usr" / "sbin" / "nginx", "bin/nginx")], ["nginx"]),
        S3: ([userland, _program(programs["versitygw"] / "versitygw", "bin/versitygw")], ["versitygw"]),
    }
    _save(folder / "images.tar", images)
    _save(folder / "alpine.tar", {ALPINE: images[ALPINE]})


def _save(path: Path, images: dict[str, tuple[list[_Layer], list[str]]]) -> None:
    manifest = []
    with tarfile.open(path, "w") as archive:
        written: set[str] = set()

        def add(name: str, content: bytes) -> None:
            if name not in written:
                written.add(name)
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))

        for reference, (layers, command) in images.items():
            tars = [layer.tar() for layer in layers]
            digests = [hashlib.sha256(tar).hexdigest() for tar in tars]
            config = json.dumps(
                {
                    "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, ""),
                    "os": platform.system().lower(),
                    "config": {"Cmd": command, "Env": ["PATH=/usr/bin:/bin"]},
                    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
                }
            ).encode()
            name = hashlib.sha256(config).hexdigest() + ".json"
            add(name, config)
            for digest, tar in zip(digests, tars, strict=True):
                add(f"{digest}/layer.tar", tar)
            manifest.append(
                {"Config": name, "RepoTags": [reference], "Layers": [f"{d}/layer.tar" for d in digests]}
            )
        add("manifest.json", json.dumps(manifest).encode())

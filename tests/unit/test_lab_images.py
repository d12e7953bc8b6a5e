"""The lab's images are made of the same bytes each time, and hold what a container needs to start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from lab import images
from lab.cache import Entry


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Images put together from stand-in programs; the recipe only copies their bytes."""
    packages = tmp_path / "packages"
    programs = packages / "usr" / "bin"
    programs.mkdir(parents=True)
    (programs / "busybox").write_text('#!/bin/sh\nprintf "busybox\\nsh\\nls\\n"\n')
    (programs / "busybox").chmod(0o755)
    (packages / "usr" / "sbin").mkdir()
    for program in (programs / "docker-registry", packages / "usr" / "sbin" / "nginx"):
        shutil.copyfile("/bin/true", program)
        program.chmod(0o755)
    for name in images.TOOLS:
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(name.encode() * 100)
    folder = tmp_path / "made"
    folder.mkdir()
    images.make(folder, packages, _programs(tmp_path))
    return folder


def _programs(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in images.TOOLS}


def _read(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as file:
        member = file.extractfile(name)
        assert member is not None
        return member.read()


def _manifest(archive: Path) -> dict[str, dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(_read(archive, "manifest.json"))
    return {entry["RepoTags"][0]: entry for entry in entries}


def _layer(archive: Path, reference: str, number: int) -> dict[str, tarfile.TarInfo]:
    content = _read(archive, _manifest(archive)[reference]["Layers"][number])
    with tarfile.open(fileobj=BytesIO(content)) as layer:
        return {member.name: member for member in layer.getmembers()}


def test_the_same_programs_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    """Other times, owners and modes of the sources change nothing: two machines get one digest."""
    for path in [*tmp_path.rglob("*")]:
        if path.is_file() and made not in path.parents:
            os.utime(path, (1, 1))
    again = tmp_path / "again"
    again.mkdir()
    images.make(again, tmp_path / "packages", _programs(tmp_path))

    for name in ("images.tar", "alpine.tar"):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def test_another_program_gives_another_image(made: Path, tmp_path: Path) -> None:
    """And leaves the images without it as they were."""
    (tmp_path / "registry" / "registry").write_bytes(b"newer")
    again = tmp_path / "again"
    again.mkdir()
    images.make(again, tmp_path / "packages", _programs(tmp_path))
    old, new = _manifest(made / "images.tar"), _manifest(again / "images.tar")

    assert old[images.REGISTRY]["Config"] != new[images.REGISTRY]["Config"]
    assert old[images.ALPINE] == new[images.ALPINE]


def test_every_digest_is_that_of_its_bytes(made: Path) -> None:
    """Configurations and layers are named by what they hold, which both runtimes check."""
    for archive in (made / "images.tar", made / "alpine.tar"):
        for entry in _manifest(archive).values():
            config = _read(archive, entry["Config"])
            assert hashlib.sha256(config).hexdigest() + ".json" == entry["Config"]
            layers = [hashlib.sha256(_read(archive, name)).hexdigest() for name in entry["Layers"]]
            assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in layers]


def test_containerd_gets_all_images_and_the_docker_engine_the_base(made: Path) -> None:
    """The Docker Engine builds upon alpine; the rest runs in Pods."""
    assert set(_manifest(made / "images.tar")) == {
        images.PAUSE,
        images.ALPINE,
        images.REGISTRY,
        images.OLD_REGISTRY,
        images.NGINX,
        images.S3,
    }
    assert set(_manifest(made / "alpine.tar")) == {images.ALPINE}


def test_the_base_image_has_what_programs_expect(made: Path) -> None:
    """A shell, /tmp for all, and the names of root and nobody."""
    layer = _layer(made / "alpine.tar", images.ALPINE, 0)

    assert layer["bin/sh"].linkname == "busybox"
    assert layer["bin/busybox"].mode == 0o755
    assert layer["tmp"].mode == 0o1777
    assert {"etc/passwd", "etc/group", "usr/bin", "var/lib"} <= layer.keys()


def test_an_old_registry_brings_its_libraries(made: Path) -> None:
    """Debian links it dynamically; the base image has no libc."""
    layer = _layer(made / "images.tar", images.OLD_REGISTRY, 1)

    assert "bin/registry" in layer
    assert any(name.rpartition("/")[2].startswith("libc.so") for name in layer)


def test_images_are_made_anew_with_their_parts() -> None:
    """Their key holds those of the packages and of each program in them."""
    packages = Entry("packages", "0" * 16)
    programs = {name: Entry(name, "0" * 16) for name in images.TOOLS}
    first = images.entry(packages, programs)

    assert images.entry(packages, programs) == first
    for name in images.TOOLS:
        assert images.entry(packages, programs | {name: Entry(name, "1" * 16)}) != first

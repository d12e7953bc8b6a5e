"""A preview builds nothing, pushes nothing, and does not contact the registry."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.harness import Node, Stack, Update

_LISTENER = """
import pathlib, socket, sys
folder = pathlib.Path(sys.argv[1])
server = socket.create_server(("0.0.0.0", 5000))
server.settimeout(0.1)
log = folder / "visitors"
log.touch()
while not (folder / "stop").exists():
    try:
        connection, peer = server.accept()
    except TimeoutError:
        continue
    with log.open("a") as file:
        file.write(f"{peer[0]}\\n")
    connection.close()
"""
"""Stands where the registry will be, and notes who comes. It ends by itself when the file `stop` is there."""


def _wait_until(condition: Callable[[], bool], what: str, seconds: int = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def _images(lab: Node) -> set[str]:
    """What the Docker Engine holds, unnamed images of a build included."""
    return set(lab.run(["docker", "images", "--all", "--quiet", "--no-trunc"]).stdout.split())


def _change_image(stack: Stack) -> None:
    """Give the test image content that was never built before: a build of it leaves a new image."""
    dockerfile = stack.folder / "test-image" / "Dockerfile"
    dockerfile.write_text(f"{dockerfile.read_text()}LABEL changed={secrets.token_hex(8)}\n")


@pytest.fixture
def visitors(lab: Node, tmp_path: Path) -> Iterator[Path]:
    """A file with a line for each connection to the registry's port, while no registry is there."""
    process = lab.start_process(["python3", "-c", _LISTENER, str(tmp_path)], tmp_path / "output")
    try:
        _wait_until((tmp_path / "visitors").exists, "the listener on port 5000")
        yield tmp_path / "visitors"
    finally:
        (tmp_path / "stop").touch()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def up(stack: Stack) -> Update:
    """The stack brought up."""
    return stack.up()


def test_the_first_preview_needs_no_registry(stack: Stack, visitors: Path) -> None:
    """With the registry absent it shows the whole plan, and nobody calls the port."""
    preview = stack.preview(check=False)

    assert preview.code == 0, preview.output
    assert "Image registry-proof-image create" in preview.output
    assert re.search(r"\+ \d+ to create\n\n", preview.output), preview.output
    assert visitors.read_text() == ""


def test_the_first_preview_builds_and_makes_nothing(stack: Stack, lab: Node, visitors: Path) -> None:
    """With a running Docker Engine the same preview leaves no image in it, and no object in the cluster."""
    _change_image(stack)
    images = _images(lab)
    preview = stack.preview()

    assert "Image registry-proof-image create" in preview.output
    assert _images(lab) == images
    assert lab.get("deployments,pods,secrets", "--namespace=default")["items"] == []
    assert visitors.read_text() == ""


def test_the_listener_notes_a_visitor(lab: Node, visitors: Path) -> None:
    """Proof that an empty list of visitors says something."""
    lab.run(["curl", "--silent", "--max-time", "5", "http://localhost:5000/v2/"], check=False)
    _wait_until(lambda: len(visitors.read_text().splitlines()) == 1, "the listener's note")


def _requests(lab: Node) -> list[str]:
    """What the registry was asked so far, the kubelet's probes of `/` aside."""
    lines = lab.kubectl("logs", "deployment/registry", "--container=registry").splitlines()
    return [line for line in lines if "/v2/" in line]


def test_a_preview_of_a_changed_image_neither_builds_nor_pushes(up: Update, stack: Stack, lab: Node) -> None:
    """It shows the new image and Pod; the Docker Engine has no new image and the registry was not asked."""
    assert up.code == 0
    _change_image(stack)
    images, requests = _images(lab), _requests(lab)

    preview = stack.preview()

    assert "Image registry-proof-image update" in preview.output
    assert "Pod registry-proof-pod replace" in preview.output
    assert _images(lab) == images
    assert requests, "the push of `up` is in the log: else the next line says nothing"
    assert _requests(lab) == requests

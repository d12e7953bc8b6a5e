"""What the test image runs: it stays up for as long as the proof is wanted, and no longer."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCKERFILE = Path(__file__).resolve().parents[2] / "test-image" / "Dockerfile"


def command() -> list[str]:
    """The command of the image, which Docker runs as it stands."""
    [line] = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("CMD ")]
    words: list[str] = json.loads(line.removeprefix("CMD "))
    return words


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """A clock that runs fast: each sleep ends at once and leaves a line."""
    log = tmp_path / "hours"
    log.touch()
    sleep = tmp_path / "sleep"
    sleep.write_text(f"#!/bin/sh\necho $1 >> {log}\nexec /bin/sleep 0.01\n")
    sleep.chmod(0o755)
    return log


@pytest.fixture
def running(hours: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, with that clock."""
    process = subprocess.Popen(command(), env={"PATH": f"{hours.parent}:/usr/bin:/bin"})
    yield process
    process.kill()
    process.wait()


def test_f9_the_proof_stays_up_after_the_first_hour(running: subprocess.Popen[bytes], hours: Path) -> None:
    """Kubernetes would start an ended container again, each hour."""
    deadline = time.monotonic() + 20
    while len(hours.read_text().splitlines()) < 3:
        assert time.monotonic() < deadline
        assert running.poll() is None, "ended by itself"
        time.sleep(0.01)

    assert running.poll() is None


def test_f9_the_proof_ends_at_once_when_it_is_told_to(running: subprocess.Popen[bytes], hours: Path) -> None:
    """As the first process a shell ignores TERM unless it traps it: each replacement would wait for KILL."""
    deadline = time.monotonic() + 20
    while not hours.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)

    assert running.wait(timeout=5) == 0

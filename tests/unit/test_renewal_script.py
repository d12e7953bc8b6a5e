"""How the registry's container takes over a renewed certificate, with a program that only waits in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from components.server import renewal

REGISTRY = """\
#!/bin/sh
# Ends well when it is asked to, or badly where the test says so.
trap 'kill $!; exit 0' TERM
echo "$@ $(readlink "$TLS/..data")" >> "$LIVES"
[ -z "$BROKEN" ] || exit 3
sleep 60 & wait $!
"""
ANY_TIME = None


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    """The folder of a certificate, as Kubernetes makes it."""
    folder = tmp_path / "tls"
    folder.mkdir()
    renew(folder, "first")
    program = tmp_path / "bin" / "registry"
    program.parent.mkdir()
    program.write_text(REGISTRY)
    program.chmod(0o755)
    return folder


def renew(folder: Path, version: str) -> None:
    """Have the link lead to another version."""
    link = folder / "..new"
    link.symlink_to(version)
    link.rename(folder / "..data")


@contextmanager
def running(tls: Path, at: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the script; it looks every tenth of a second."""
    folder = tls.parent
    words = ["sh", "-c", renewal.SCRIPT.replace("sleep 5", "sleep 0.1"), "registry"]
    words += ["1024", "config", str(tls), at, str(renewal.WINDOW)]
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "LIVES": str(folder / "lives"),
        "TLS": str(tls),
        "BROKEN": "",
        **more,
    }
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield process
        finally:
            # What follows the Secret outlives the script, which is a container's first process elsewhere.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def lives(tls: Path) -> list[str]:
    """With which certificate each life of the server began."""
    file = tls.parent / "lives"
    return [line.split()[-1] for line in file.read_text().splitlines()] if file.exists() else []


def eventually(tls: Path, expected: list[str]) -> bool:
    """Whether it comes to these lives."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends and lives(tls) != expected:
        time.sleep(0.05)
    return lives(tls) == expected


def seconds(since: int | None) -> str:
    """The time of the day that many seconds ago, as the script takes it."""
    return "" if since is ANY_TIME else str((int(time.time()) - since) % 86400)


@pytest.mark.parametrize("since", [ANY_TIME, 60, 0])
def test_a_renewed_certificate_begins_another_life(tls: Path, since: int | None) -> None:
    """At any time, or within an hour after the one that is set; as often as it is renewed."""
    with running(tls, seconds(since)) as process:
        assert eventually(tls, ["first"])
        renew(tls, "second")
        assert eventually(tls, ["first", "second"])
        renew(tls, "third")
        assert eventually(tls, ["first", "second", "third"])
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("since", [-600, 7200])
def test_at_another_time_the_server_lives_on(tls: Path, since: int) -> None:
    """Before its time, and long after it."""
    with running(tls, seconds(since)):
        assert eventually(tls, ["first"])
        renew(tls, "second")
        time.sleep(1)
        assert lives(tls) == ["first"]


def test_a_server_that_ends_by_itself_ends_the_container(tls: Path) -> None:
    """With its code, for Kubernetes to tell of."""
    with running(tls, "", BROKEN="yes") as process:
        assert process.wait(10) == 3


def test_asked_to_end_it_waits_for_the_server(tls: Path) -> None:
    """And begins no other life."""
    with running(tls, "") as process:
        assert eventually(tls, ["first"])
        process.terminate()
        assert process.wait(10) == 0
    assert lives(tls) == ["first"]

"""What the container for metrics writes for Prometheus, with a program in nginx's place that only waits."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.monitoring import exporter
from components.pem import not_after
from components.tls import issuing
from tests.waiting import eventually

NGINX = f"""\
#!{sys.executable}
# A shell cannot trap what it was started with as ignored, and nginx can.
import pathlib, signal, sys
signal.signal(signal.SIGQUIT, lambda *_: sys.exit(0))
pathlib.Path(sys.argv[-1]).with_name("serving").touch()
signal.pause()
"""
SHELLS = [name for name in ("sh", "busybox") if shutil.which(name)]
"""Those of nginx's images: Debian's, and Alpine's busybox."""
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


class Exporter:
    """The script in a folder of its own."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.run = folder / "run"
        self.shell = ["busybox", "sh"] if shell == "busybox" else [shell]
        programs = folder / "programs"
        for path in (self.run, programs):
            path.mkdir()
        (programs / "nginx").write_text(NGINX)
        (programs / "nginx").chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    @contextmanager
    def writes(
        self, *proofs: str, images: str = "", certificate: str = "", collects: str = "", logins: str = ""
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Let it write every tenth of a second."""
        script = exporter._SCRIPT.replace("sleep 15", "sleep 0.1")
        words = [str(self.run), images, certificate, collects, logins]
        command = [*self.shell, "-c", script, "metrics", *words, "5002", "5003", "127.0.0.1:5001/metrics", *proofs]
        with subprocess.Popen(command, env={"PATH": self.path}, start_new_session=True) as process:
            try:
                eventually((self.run / "metrics").exists)
                yield process
            finally:
                # What writes outlives the script, which is a container's first process elsewhere.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def values(self) -> dict[str, int]:
        """What is shown, by name and labels."""
        lines = (self.run / "metrics").read_text().splitlines()
        return {
            name: int(value)
            for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith(("#", "<")))
        }


@pytest.fixture(params=SHELLS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Exporter:
    """An exporter that does not run yet."""
    return Exporter(tmp_path, request.param)


def test_the_last_line_includes_what_the_registry_says(made: Exporter) -> None:
    """By the page that nginx keeps from everybody else."""
    with made.writes():
        assert (made.run / "metrics").read_text() == '<!--# include virtual="/registry" -->\n'


def test_the_space_of_the_images_is_that_of_their_file_system(made: Exporter, tmp_path: Path) -> None:
    """In bytes."""
    with made.writes(images=str(tmp_path)):
        shown = made.values()

    assert shown["private_registry_storage_size_bytes"] == shutil.disk_usage(tmp_path).total
    assert 0 < shown["private_registry_storage_available_bytes"] < shown["private_registry_storage_size_bytes"]


@pytest.mark.parametrize("days", [365, 365 * 30], ids=["two-digit years", "four-digit year at the end"])
def test_a_certificate_has_the_times_that_it_says(made: Exporter, tmp_path: Path, days: int) -> None:
    """Of the first one, which is the server's own; years from 2050 on are written differently."""
    authority = issuing.make_ca(NOW)
    pair = issuing.make_leaf(authority, ["10.0.0.5"], days, NOW)
    file = tmp_path / "tls.crt"
    file.write_text(pair.certificate + authority.certificate)
    with made.writes(certificate=str(file)):
        shown = made.values()

    end = not_after(pair.certificate)
    assert shown["private_registry_certificate_end_timestamp_seconds"] == end.timestamp()
    begin = shown["private_registry_certificate_begin_timestamp_seconds"]
    assert 0 <= NOW.timestamp() - begin <= 60 * 60


def test_a_renewed_certificate_is_shown(made: Exporter, tmp_path: Path) -> None:
    """And one that is none is not, and spoils nothing else."""
    authority, file = issuing.make_ca(NOW), tmp_path / "tls.crt"
    first, second = (issuing.make_leaf(authority, ["10.0.0.5"], days, NOW) for days in (30, 60))
    file.write_text(first.certificate)
    name = "private_registry_certificate_end_timestamp_seconds"
    with made.writes("proof-a", certificate=str(file)):
        file.write_text(second.certificate)
        eventually(lambda: made.values().get(name) == not_after(second.certificate).timestamp())
        file.write_text("no certificate")
        eventually(lambda: name not in made.values())
        assert 'private_registry_proof_timestamp_seconds{proof="proof-a"}' in made.values()


def test_the_last_collection_is_when_the_registry_said_so(made: Exporter) -> None:
    """Before the first one it is the start of the container, so that none at all is noticed as well."""
    name, started = "private_registry_collection_timestamp_seconds", int(time.time())
    with made.writes(collects="yes"):
        assert made.values()[name] - started in range(10)
        (made.run / "collected").touch()
        os.utime(made.run / "collected", (1_700_000_000, 1_700_000_000))
        eventually(lambda: made.values()[name] == 1_700_000_000)


def test_every_failed_login_is_counted_once(made: Exporter, tmp_path: Path) -> None:
    """Also what nginx writes into a file that has just been moved away; and no file grows."""
    folder = tmp_path / "logins"
    folder.mkdir()

    def write(number: int) -> None:
        for _ in range(number):
            with (folder / "at-5000").open("ab") as line:
                time.sleep(0.0005)
                line.write(b"\n")

    name = "private_registry_failed_logins_total"
    write(7)
    with made.writes(logins=str(folder)):
        assert made.values() == {name: 7}
        write(1000)
        eventually(lambda: made.values()[name] == 1007)
        eventually(lambda: [path.stat().st_size for path in folder.iterdir()] == [0])
        assert made.values() == {name: 1007}
        assert f"# TYPE {name} counter\n" in (made.run / "metrics").read_text()


def test_a_proof_is_as_old_as_its_last_report(made: Exporter) -> None:
    """Others that report are nobody's, and no report is kept for good."""
    started = int(time.time())
    with made.writes("proof-a", "proof-b.example"):
        with (made.run / "reports").open("a") as reports:
            print("proof-a 1800000001.123\nproof-x 1800000002.123\nproof-a 1800000003.999", file=reports)
        a, b = (
            f'private_registry_proof_timestamp_seconds{{proof="{name}"}}' for name in ("proof-a", "proof-b.example")
        )
        eventually(lambda: made.values()[a] == 1800000003)
        assert made.values().keys() == {a, b}
        assert made.values()[b] - started in range(10)
        assert len((made.run / "reports").read_text().splitlines()) == 2


def test_it_ends_when_it_is_asked_to(made: Exporter) -> None:
    """At once and well, though nginx is the one who serves."""
    with made.writes() as process:
        eventually((made.run / "serving").exists)
        process.terminate()
        assert process.wait(5) == 0

"""Which process is meant: one of the same id is another one, and is left alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import record
from lab.processes import Process, own_parent
from lab.record import Record


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_ended(sleeper: subprocess.Popen[bytes]) -> None:
    """At once, and a second time does no harm, reaped or not."""
    process = Process.now(sleeper.pid)
    process.kill()

    assert sleeper.wait(timeout=10) == -9
    assert not process.is_alive()
    process.kill()


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}], ids=["later", "another-boot"])
def test_f13_a_later_process_with_the_same_id_is_never_ended(
    sleeper: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    """Ids come again: after a restart of the machine, or once many processes have been started."""
    before = replace(Process.now(sleeper.pid), **change)  # type: ignore[arg-type] # mypy does not look into dicts
    before.kill()

    assert not before.is_alive()
    assert sleeper.poll() is None


def test_the_parent_is_the_one_that_proc_shows() -> None:
    """The node compares it with its keeper's id in the record, which is one of the machine's."""
    assert own_parent() == os.getppid()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Until it is cleared."""
    written = Record(Process.now("self"), "a-group")
    written.write(tmp_path)

    assert Record.read(tmp_path) == written
    record.clear(tmp_path)
    assert Record.read(tmp_path) is None
    assert (tmp_path / record.FILE).is_file()


@pytest.mark.parametrize("text", ["", "{", '{"keeper": 1}'])
def test_half_a_record_names_no_node(text: str, tmp_path: Path) -> None:
    """A start that was killed while it wrote: the node that it has begun sees no record, and ends."""
    (tmp_path / record.FILE).write_text(text)

    assert Record.read(tmp_path) is None

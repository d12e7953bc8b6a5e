"""What a person sees of the lab: numbered steps with their time, and an error as the last word."""

from __future__ import annotations

import threading
import time

import pytest

from lab import __main__ as command_line
from lab import ui
from lab.lifecycle import Lab
from lab.ui import LabError, Steps


def _clock(monkeypatch: pytest.MonkeyPatch, *times: float) -> None:
    moments = iter(times)
    monkeypatch.setattr("lab.ui.time.monotonic", lambda: next(moments))


def test_steps_are_numbered_and_long_ones_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Step n of m and what it does; how long it took only where that says something."""
    _clock(monkeypatch, 0, 0.5, 10, 75.04)
    steps = Steps(2)
    with steps.step("fetching"):
        pass
    with steps.step("building"):
        pass

    assert capsys.readouterr().out.splitlines() == ["[1/2] fetching", "[2/2] building", "[2/2] done in 65.0 s"]


def test_a_long_step_says_that_it_still_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A build of six minutes does not look hung."""
    monkeypatch.setattr(ui, "_REMIND_EVERY", 0.05)
    with Steps(1).step("building"):
        time.sleep(0.5)

    assert "[1/1] building … 0 s" in capsys.readouterr().out.splitlines()


def test_a_step_that_fails_stops_its_reminder() -> None:
    """The error passes through, and no thread goes on talking."""
    before = threading.active_count()

    with pytest.raises(LabError, match="the disk is full"), Steps(1).step("building"):
        raise LabError("the disk is full")
    assert threading.active_count() == before


def test_an_error_is_the_last_word_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the error stream, with exit code 1."""

    def refuse(*_: object) -> None:
        raise LabError("free some disk")

    monkeypatch.setattr("lab.preflight.check_person", lambda: None)
    monkeypatch.setattr(Lab, "start", refuse)
    code = command_line.main(["--lab", "/nowhere", "start"])
    printed = capsys.readouterr()

    assert code == 1
    assert printed.out == ""
    assert printed.err == "error: free some disk\n"


def test_an_interrupt_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control-C during a build: no traceback, and the shell's usual exit code."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.preflight.check_person", lambda: None)
    monkeypatch.setattr(Lab, "start", interrupted)
    code = command_line.main(["--lab", "/nowhere", "start"])

    assert code == 130
    assert "run the command again" in capsys.readouterr().out

"""How far a command is, on the screen and in its log."""

import io
from pathlib import Path

import pytest

from operations.progress import Progress, amount


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (5 * 10**9, "5.0 GB"),
        (10**13, "10.0 TB"),
    ],
)
def test_bytes_as_people_read_them(size: int, text: str) -> None:
    """Powers of ten, as disks are sold."""
    assert amount(size) == text


def test_a_phase_ends_with_its_numbers_on_the_screen_and_in_the_log(tmp_path: Path) -> None:
    """The log tells when."""
    screen = io.StringIO()
    with Progress(tmp_path / "log", screen) as progress:
        progress.begin("blobs", 2, 3_000_000)
        progress.done(1, 1_000_000)
        progress.done(1, 2_000_000)
        progress.finish()

    assert screen.getvalue() == "blobs: 2 of 2, 3.0 MB of 3.0 MB\n"
    assert (tmp_path / "log").read_text().endswith("+00:00 blobs: 2 of 2, 3.0 MB of 3.0 MB\n")


def test_a_terminal_has_one_line_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is wiped before anything that stays."""
    monkeypatch.setattr("operations.progress._ON_TERMINAL", 0.001)
    screen = _Terminal()
    with Progress(tmp_path / "log", screen) as progress:
        progress.begin("blobs", 2)
        while "\rblobs: 0 of 2" not in screen.getvalue():
            pass
        progress.say("something")

    assert "\r" + " " * len("blobs: 0 of 2") + "\rsomething\n" in screen.getvalue()


def test_a_run_that_fails_says_so_in_the_log(tmp_path: Path) -> None:
    """Somebody may look there only."""
    with pytest.raises(ValueError, match="x"), Progress(tmp_path / "log", io.StringIO()):
        raise ValueError("x")

    assert "ended by ValueError: x" in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """A backup may be on a disk that is mounted read-only."""
    screen = io.StringIO()
    with Progress(tmp_path / "no" / "log", screen) as progress:
        progress.say("goes on")

    assert screen.getvalue().splitlines()[-1] == "goes on"

"""How far a command is: on a terminal in one line that changes, elsewhere and in a log line by line."""

from __future__ import annotations

import datetime
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

_ON_TERMINAL: Final = 0.2
_IN_LOG: Final = 10.0


def amount(size: int) -> str:
    """Give a number of bytes as people read it."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


class Progress:
    """Counts what is done of a phase, and says so now and then. Threads may share it."""

    def __init__(self, log: Path | None = None, screen: TextIO | None = None) -> None:
        self._screen = screen or sys.stdout
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._title = ""
        self._items = self._bytes = self._all_bytes = 0
        self._all_items: int | None = None
        self._shown = 0
        self._log: TextIO | None = None
        if log:
            try:
                self._log = log.open("a", encoding="utf-8")
            except OSError as problem:
                self.say(f"no log is written: {log}: {problem.strerror}")
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._wipe()
            if self._log:
                if kind:
                    self._write(f"ended by {kind.__name__}: {error}")
                self._log.close()

    def begin(self, title: str, items: int | None = None, size: int = 0) -> None:
        """Begin a phase of so many items and bytes; of items, the number may not be known."""
        with self._lock:
            self._title, self._items, self._all_items, self._bytes, self._all_bytes = title, 0, items, 0, size

    def done(self, items: int = 0, size: int = 0) -> None:
        """Count what is done."""
        with self._lock:
            self._items += items
            self._bytes += size

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Count the bytes that pass."""
        for piece in pieces:
            self.done(size=len(piece))
            yield piece

    def finish(self) -> None:
        """End a phase, with its last numbers as a line."""
        with self._lock:
            line, self._title = self._line(), ""
            self.say(line)

    def say(self, text: str) -> None:
        """Tell something that stays, on the screen and in the log."""
        with self._lock:
            self._wipe()
            print(text, file=self._screen, flush=True)
            for line in text.splitlines():
                self._write(line)

    def _line(self) -> str:
        text = f"{self._title}: {self._items}"
        if self._all_items is not None:
            text += f" of {self._all_items}"
        if self._all_bytes:
            text += f", {amount(self._bytes)} of {amount(self._all_bytes)}"
        return text

    def _tell(self) -> None:
        on_terminal = self._screen.isatty()
        said = time.monotonic()
        while not self._ended.wait(_ON_TERMINAL):
            with self._lock:
                if not self._title:
                    said = time.monotonic()
                    continue
                if on_terminal:
                    line = self._line()
                    self._screen.write("\r" + line.ljust(self._shown))
                    self._screen.flush()
                    self._shown = len(line)
                if time.monotonic() - said >= _IN_LOG:
                    said = time.monotonic()
                    self._write(self._line())
                    if not on_terminal:
                        print(self._line(), file=self._screen, flush=True)

    def _wipe(self) -> None:
        if self._shown:
            self._screen.write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _write(self, line: str) -> None:
        if self._log:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self._log.write(f"{now} {line}\n")
            self._log.flush()

"""The lab's cache: built once, found again by content, mended when damaged, shared by builders that meet."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import tools
from lab.cache import Entry, cache_root, digest_of, digest_of_folder, locked

KEY = "0123456789abcdef"
OTHER_KEY = "fedcba9876543210"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, as XDG_CACHE_HOME sets it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "private-registry"


class Builder:
    """Fills a folder as a tool's build does, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        """Build into an empty folder."""
        assert list(folder.iterdir()) == []
        self.calls += 1
        (folder / "share").mkdir()
        (folder / "program").write_bytes(b"program" * 1000)
        (folder / "share" / "data").write_bytes(b"data")
        (folder / "link").symlink_to("program")


def _age(path: Path, *, days: float) -> None:
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


def test_the_cache_lies_where_xdg_says(root: Path) -> None:
    """XDG_CACHE_HOME moves it, for instance to a larger disk."""
    assert cache_root() == root


def test_an_empty_xdg_variable_means_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the XDG specification says: empty counts as unset."""
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache_root() == tmp_path / ".cache" / "private-registry"


def test_a_folder_is_built_once_and_found_again() -> None:
    """A second process with the same key builds nothing."""
    builder = Builder()
    first = Entry("tool", KEY).ensure(builder)
    second = Entry("tool", KEY).ensure(builder)

    assert builder.calls == 1
    assert first == second
    assert (first / "link").read_bytes() == b"program" * 1000


def test_another_key_is_another_folder() -> None:
    """The old version stays beside the new one, for the clone that still wants it."""
    builder = Builder()
    first = Entry("tool", KEY).ensure(builder)
    second = Entry("tool", OTHER_KEY).ensure(builder)

    assert builder.calls == 2
    assert first != second
    assert Entry("tool", KEY).is_whole()


def _cut(folder: Path) -> None:
    (folder / "program").write_bytes(b"program" * 999)


def _damage(folder: Path) -> None:
    (folder / "program").write_bytes(b"PROGRAM" + b"program" * 999)


def _lose(folder: Path) -> None:
    (folder / "share" / "data").unlink()


def _lose_link(folder: Path) -> None:
    (folder / "link").unlink()


def _lose_record(folder: Path) -> None:
    (folder / ".complete.json").unlink()


def _cut_record(folder: Path) -> None:
    text = (folder / ".complete.json").read_text()
    (folder / ".complete.json").write_text(text[: len(text) // 2])


def _empty_record(folder: Path) -> None:
    (folder / ".complete.json").write_text("{}")


@pytest.mark.parametrize(
    "harm", [_cut, _damage, _lose, _lose_link, _lose_record, _cut_record, _empty_record, shutil.rmtree]
)
def test_a_damaged_folder_is_built_anew(harm: Callable[[Path], None]) -> None:
    """A cut, changed or lost file, or a record that says nothing: noticed and mended without a hand."""
    builder = Builder()
    folder = Entry("tool", KEY).ensure(builder)
    harm(folder)

    assert not Entry("tool", KEY).is_whole()
    assert Entry("tool", KEY).ensure(builder) == folder
    assert builder.calls == 2
    assert Entry("tool", KEY).is_whole()
    assert (folder / "program").read_bytes() == b"program" * 1000


def test_a_new_time_stamp_alone_is_no_damage() -> None:
    """A copied or touched cache is read once and kept."""
    builder = Builder()
    folder = Entry("tool", KEY).ensure(builder)
    os.utime(folder / "program", (1, 1))

    Entry("tool", KEY).ensure(builder)

    assert builder.calls == 1


def test_a_build_that_fails_leaves_nothing_that_counts() -> None:
    """The error reaches the caller, and the next try begins with an empty folder."""

    def broken(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        Entry("tool", KEY).ensure(broken)
    assert not Entry("tool", KEY).path.exists()
    builder = Builder()
    Entry("tool", KEY).ensure(builder)

    assert builder.calls == 1
    assert not (Entry("tool", KEY).path / "half").exists()


def test_an_entry_unused_for_long_goes_at_the_next_build_of_its_name() -> None:
    """Old versions do not pile up, and other names are left alone."""
    old, other = Entry("tool", KEY).ensure(Builder()), Entry("tools-more", KEY).ensure(Builder())
    for folder in (old, other):
        _age(folder / ".complete.json", days=31)

    Entry("tool", OTHER_KEY).ensure(Builder())

    assert not old.exists()
    assert other.exists()


def test_an_entry_that_is_looked_at_counts_as_used() -> None:
    """A warm start asks only whether a folder is whole; that keeps it from being cleared away."""
    used = Entry("tool", KEY)
    used.ensure(Builder())
    _age(used.path / ".complete.json", days=31)
    assert used.is_whole()

    Entry("tool", OTHER_KEY).ensure(Builder())

    assert used.is_whole()


def _build_slowly(folder: Path) -> None:
    # Both processes write who built; a second build would begin while the first still sleeps.
    (folder / "builder").write_text(str(os.getpid()))
    time.sleep(0.3)
    with (folder.parent / "builds").open("a") as file:
        file.write("built\n")


def _ensure(_: int) -> str:
    return (Entry("tool", KEY).ensure(_build_slowly) / "builder").read_text()


def test_two_builders_wait_for_each_other(root: Path) -> None:
    """Of two clones that start at once, one builds and both get what it built."""
    root.mkdir(parents=True)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        builders = pool.map(_ensure, range(2), chunksize=1)

    assert builders[0] == builders[1]
    assert (root / "builds").read_text() == "built\n"


def test_a_lock_is_held_until_its_block_ends() -> None:
    """The second waits, also within one process."""
    order = []

    def second() -> None:
        with locked("name"):
            order.append("second")

    with locked("name"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(timeout=0.2)
        order.append("first")
    waiting.join(timeout=20)

    assert order == ["first", "second"]


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    """Where one part ends and the next begins counts."""
    assert digest_of([b"ab", b"c"]) != digest_of([b"a", b"bc"])
    assert digest_of([b"ab"]) != digest_of([b"ab", b""])


def test_a_folder_has_one_key_wherever_it_lies(tmp_path: Path) -> None:
    """Two clones find the same entry; compiled Python files and times do not count, names do."""
    for clone in ("a", "b", "c"):
        (tmp_path / clone / "sub").mkdir(parents=True)
        (tmp_path / clone / "sub" / "go.mod").write_text("module x")
    (tmp_path / "b" / "__pycache__").mkdir()
    (tmp_path / "b" / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    os.utime(tmp_path / "b" / "sub" / "go.mod", (1, 1))
    (tmp_path / "c" / "sub" / "go.mod").rename(tmp_path / "c" / "sub" / "go.sum")

    first, second, renamed = (digest_of_folder(tmp_path / clone) for clone in ("a", "b", "c"))

    assert first == second
    assert renamed != first


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go"])
def test_a_tool_is_built_anew_when_its_pins_or_source_change(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """go.mod, go.sum and the source are in its key; a clone elsewhere has the same one."""
    own = tools.KUBERNETES.entry()
    clone = tmp_path / "clone"
    shutil.copytree(Path(tools.__file__).parent / "tools", clone)
    monkeypatch.setattr(tools, "_SOURCES", clone)
    assert tools.KUBERNETES.entry() == own

    with (clone / "kubernetes" / file).open("a") as changed:
        changed.write("\n")

    assert tools.KUBERNETES.entry() != own

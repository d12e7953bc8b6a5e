"""The files of a backup: never half of one, and each damage found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operations.failure import OperationError
from operations.inventory import FILE, Inventory, layout_of
from operations.layout import DamagedError, Hashed, Layout, folder_of
from operations.manifests import Blob, Manifest, digest_of

CONTENT = b"some layer"
BLOB = Blob(digest_of(CONTENT), len(CONTENT))


def checked(layout: Layout, hashed: Hashed | None = None) -> int:
    """Hash the blob; give the bytes that were counted."""
    counted: list[int] = []
    (hashed or Hashed()).check(layout, BLOB, counted.append)
    return sum(counted)


def test_folders_of_repositories_never_lie_in_each_other() -> None:
    """A repository may be called as a part of a layout: app and app/blobs."""
    assert folder_of("app/blobs/sha256") == "app+blobs+sha256"
    assert layout_of(Path("/x"), "a/b").folder == Path("/x/repositories/a+b")


def test_a_blob_is_written_and_found_right(tmp_path: Path) -> None:
    """And nothing else is left there."""
    layout = Layout(tmp_path)
    layout.put(BLOB.digest, [CONTENT[:3], CONTENT[3:]], BLOB.size)

    assert layout.file(BLOB.digest).read_bytes() == CONTENT
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [BLOB.digest[7:]]
    assert checked(layout) == len(CONTENT)


@pytest.mark.parametrize("pieces", [[b"some"], [b"some layeR"], []])
def test_what_came_wrong_leaves_no_file(tmp_path: Path, pieces: list[bytes]) -> None:
    """A connection that ends early looks like the end of a blob."""
    with pytest.raises(ValueError, match="has another content"):
        Layout(tmp_path).put(BLOB.digest, pieces, BLOB.size)

    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("content", [b"some laye", b"some layeR", b""])
def test_a_file_with_another_content_is_named(tmp_path: Path, content: bytes) -> None:
    """A power cut can leave one under its last name; it must not be taken as done."""
    layout = Layout(tmp_path)
    layout.put(BLOB.digest, [CONTENT])
    layout.file(BLOB.digest).write_bytes(content)

    with pytest.raises(DamagedError, match=BLOB.digest[7:]):
        checked(layout)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the reason of the system."""
    with pytest.raises(DamagedError, match="No such file"):
        checked(Layout(tmp_path))


def test_a_file_of_two_repositories_is_hashed_once(tmp_path: Path) -> None:
    """Base images are in many; they take their place on the disk once too."""
    first, second = Layout(tmp_path / "a"), Layout(tmp_path / "b")
    first.put(BLOB.digest, [CONTENT])
    hashed = Hashed()

    assert second.link(BLOB.digest, first)
    assert second.file(BLOB.digest).stat().st_ino == first.file(BLOB.digest).stat().st_ino
    assert checked(first, hashed) == checked(second, hashed) == len(CONTENT)
    assert len(hashed._right) == 1


def test_a_file_that_was_changed_after_it_was_hashed_is_hashed_again(tmp_path: Path) -> None:
    """Its time and size tell."""
    layout, hashed = Layout(tmp_path), Hashed()
    layout.put(BLOB.digest, [CONTENT])
    checked(layout, hashed)
    layout.file(BLOB.digest).write_bytes(b"some layeR")

    with pytest.raises(DamagedError):
        checked(layout, hashed)


def test_what_a_cut_run_had_not_finished_is_removed(tmp_path: Path) -> None:
    """It would stay for ever: nothing names it."""
    layout = Layout(tmp_path)
    layout.put(BLOB.digest, [CONTENT])
    (tmp_path / "blobs" / "sha256" / "x.partial").write_bytes(b"some")
    layout.remove_partial()

    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [BLOB.digest[7:]]


def test_the_index_is_an_oci_layout(tmp_path: Path) -> None:
    """Other tools read the folder too, and it keeps the type of a manifest that does not say its own."""
    kind = "application/vnd.oci.image.index.v1+json"
    manifest = Manifest.read(b'{"manifests": []}', kind)
    layout = Layout(tmp_path)
    layout.write_index({"v1": manifest})

    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((tmp_path / "index.json").read_text())["manifests"] == [
        {
            "mediaType": kind,
            "digest": manifest.digest,
            "size": len(manifest.body),
            "annotations": {"org.opencontainers.image.ref.name": "v1"},
        }
    ]
    assert layout.media_types() == {manifest.digest: kind}


def test_the_list_of_a_backup_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And the one before stays beside it."""
    first = Inventory("10.0.0.5:5000", "2026-01-01T00:00:00+00:00", {"app": {"v1": BLOB.digest}}, ("app:v2: gone",))
    first.write(tmp_path)
    second = Inventory("10.0.0.5:5000", "2026-01-02T00:00:00+00:00", {})
    assert Inventory.read(tmp_path) == first
    second.write(tmp_path)

    assert Inventory.read(tmp_path) == second
    assert len(list(tmp_path.glob("backup-*.json"))) == 1


def test_a_folder_without_the_list_holds_no_finished_backup(tmp_path: Path) -> None:
    """It is written last."""
    with pytest.raises(OperationError, match=r"holds no finished backup: backup.json is missing; fix: "):
        Inventory.read(tmp_path)


@pytest.mark.parametrize("change", ["v1", "v2", "{", ""])
def test_a_list_that_was_changed_is_refused(tmp_path: Path, change: str) -> None:
    """A flipped byte in it could bring back another image, or under another tag."""
    Inventory("10.0.0.5:5000", "2026-01-01T00:00:00+00:00", {"app": {"v1": BLOB.digest}}).write(tmp_path)
    file = tmp_path / FILE
    text = file.read_text()
    file.write_text(text.replace('"v1"', '"v3"') if change == "v1" else text[:40] if change == "v2" else change)

    with pytest.raises(OperationError, match=r"is not as `make backup` wrote it; fix: "):
        Inventory.read(tmp_path)

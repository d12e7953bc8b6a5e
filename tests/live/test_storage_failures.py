"""The folder for images: missing, somebody else's, a file, or on a read-only disk (C40)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.harness import FAILS_WITHIN, Node, Stack

FOLDER = "/data/registry"


@pytest.fixture
def read_only_disk(lab: Node) -> Iterator[None]:
    """A read-only disk at the folder, on which the images' own folder already belongs to the registry."""
    script = f"""
        mkdir -p {FOLDER} && mount -t tmpfs tmpfs {FOLDER}
        mkdir {FOLDER}/registry && chown 10001:10001 {FOLDER}/registry && mount -o remount,ro {FOLDER}"""
    lab.run(["sh", "-ec", script])
    yield
    lab.run(["umount", FOLDER], check=False)


@pytest.mark.parametrize(
    "before",
    [f"rm -rf {FOLDER}", f"mkdir -p {FOLDER} && chown -R root:root {FOLDER} && chmod 755 {FOLDER}"],
    ids=["missing", "of-root"],
)
def test_c40_a_missing_folder_and_one_of_root_take_the_push(fresh_stack: Stack, lab: Node, before: str) -> None:
    """The first `up` makes the folder, or takes the images' part of it over, and pushes into it."""
    lab.run(["sh", "-c", before])

    assert fresh_stack.up().code == 0
    assert lab.run(["stat", "-c", "%u", f"{FOLDER}/registry"]).stdout.strip() == "10001"
    assert lab.run(["stat", "-c", "%u", FOLDER]).stdout.strip() == "0"
    assert lab.registry("/v2/alpine_test/tags/list").body.strip() == '{"name":"alpine_test","tags":["test_1.0"]}'


def test_c40_a_file_in_the_folders_place_is_named_and_a_later_up_goes_on(fresh_stack: Stack, lab: Node) -> None:
    """`up` ends within its limit with the mount's own words; once the file is gone it only needs another `up`."""
    lab.run(["sh", "-c", f"rm -rf {FOLDER} && mkdir -p /data && touch {FOLDER}"])
    failed = fresh_stack.up_that_fails()
    lab.run(["rm", FOLDER])
    mended = fresh_stack.type_the_fix(failed.output)

    assert failed.code != 0
    assert failed.seconds < FAILS_WITHIN
    assert f"{FOLDER} is not a directory" in failed.output
    assert "'registry' timed out waiting to be Ready" in failed.output
    assert mended.changed >= {("created", "registry-proof-image"), ("created", "registry-proof-pod")}
    assert ("created", "registry") not in mended.changed


@pytest.mark.usefixtures("read_only_disk")
def test_c40_a_read_only_disk_is_named_before_any_push_and_a_later_up_goes_on(
    fresh_stack: Stack, lab: Node
) -> None:
    """The registry does not start on a disk on which each push would fail, even where the folder is its own."""
    failed = fresh_stack.up_that_fails()
    lab.run(["umount", FOLDER])
    mended = fresh_stack.type_the_fix(failed.output)

    assert failed.code != 0
    assert failed.seconds < FAILS_WITHIN
    assert "container own-data: chown: /var/lib/registry: Read-only file system" in failed.output
    assert "registry-proof-image" not in failed.output
    assert mended.changed >= {("created", "registry-proof-image"), ("created", "registry-proof-pod")}

"""Whether accounts may delete images: as the setting says, and not unless it says so."""

from __future__ import annotations

import pytest

from tests.live.harness import Node, Stack
from tests.live.observation import MANIFEST, push_keepsake, stored


@pytest.fixture(scope="module")
def unset(stack: Stack) -> Stack:
    """Up without the setting."""
    stack.unset("deleteEnabled")
    stack.up()
    return stack


def _delete(lab: Node) -> int:
    """Push an image and delete its manifest; give the registry's answer."""
    push_keepsake(lab)
    digest = stored(lab, "keepsake").digest
    return lab.registry(f"/v2/keepsake/manifests/{digest}", method="DELETE").status


def test_c43_delete_is_refused_unless_switched_on(unset: Stack, lab: Node) -> None:
    """Unset, false, true: 405, 405, 202; after the last the image is gone, and a push brings it back."""
    when_unset = _delete(lab)
    unset.set("deleteEnabled", "false")
    same = unset.up("--expect-no-changes")
    when_false = _delete(lab)
    unset.set("deleteEnabled", "true")
    unset.up()
    when_true = _delete(lab)

    assert same.changed == set()
    assert (when_unset, when_false, when_true) == (405, 405, 202)
    assert lab.registry("/v2/keepsake/manifests/1", headers=[MANIFEST]).status == 404
    push_keepsake(lab)
    assert stored(lab, "keepsake").blobs

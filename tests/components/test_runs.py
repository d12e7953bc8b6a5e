"""What a preview, and a second run, register."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pulumi.runtime.rpc import UNKNOWN

from tests.components.declaration import CERTIFICATES, NODE_TRUST, POD, PROOF, REGISTRY, SERVER, STASH, declared
from tests.components.recorder import Recorder

USERS: Final = {"zoe": "zoe's password", "alice": "alice's password"}


def inputs(recorder: Recorder) -> dict[str, Any]:
    """Give all inputs by URN, but for those of Stashes, which Pulumi is told to ignore."""
    return {item.urn: item.inputs for item in recorder if item.type != STASH}


@pytest.mark.parametrize("values", [{"users": USERS}, {"remove_data": True}], ids=["kept", "removed"])
def test_c01_second_run_with_the_same_state_registers_the_same(values: dict[str, Any]) -> None:
    """Salts, upload key, CA and certificate come from the state, though each run makes new ones."""
    first, second = declared(**values), declared(**values)

    assert inputs(first) == inputs(second)
    for name in ("registry-seed", "registry-ca-1", "registry-certificate"):
        assert first.one(STASH, name).inputs != second.one(STASH, name).inputs


def test_order_of_users_does_not_matter() -> None:
    """A stack's file that was sorted anew is no change."""
    reordered = dict(reversed(USERS.items()))

    assert inputs(declared(users=USERS)) == inputs(declared(users=reordered))


@pytest.mark.parametrize("component", [REGISTRY, CERTIFICATES, NODE_TRUST, SERVER, PROOF])
def test_preview_registers_what_an_up_does(component: str) -> None:
    """Nothing below a component waits for a value that only an `up` can know."""
    previewed, up = declared(preview=True), declared()
    parent = up.one(component).urn

    below = {item.urn for item in up if item.parent == parent}
    assert below
    assert {item.urn for item in previewed if item.parent == parent} == below


def test_preview_shows_all_of_the_pod_but_the_digest() -> None:
    """The image is not built before `up`."""
    previewed, up = (declared(preview=preview).one(POD).inputs for preview in (True, False))
    [container] = previewed["spec"]["containers"]

    assert container["image"] == UNKNOWN
    container["image"] = up["spec"]["containers"][0]["image"]
    assert previewed == up

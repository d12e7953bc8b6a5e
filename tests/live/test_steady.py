"""What nobody edited stays as it is, however often `pulumi up` runs."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import bcrypt
import pytest

from tests.live import checkov
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.observation import named, versions


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """The stack after its first `up`."""
    stack.up()
    return stack


def test_c01_a_second_up_and_one_after_a_refresh_change_nothing(deployed: Stack, lab: Node) -> None:
    """No Secret is written, no Pod replaced."""
    before = versions(lab)
    second = deployed.up("--expect-no-changes")
    refreshed = deployed.refresh()
    third = deployed.up("--expect-no-changes")

    assert {kind.partition("/")[0] for kind in before} == {"Secret", "Service", "Deployment", "Pod"}
    assert versions(lab) == before
    for update in (second, refreshed, third):
        assert update.changed == set()


def test_refresh_finds_no_difference_to_the_state(deployed: Stack) -> None:
    """What the cluster adds to the objects is not taken for a change that somebody made."""
    refresh = deployed.pulumi(
        "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", deployed.name, check=False
    )

    assert refresh.code == 0, refresh.output


def test_c01_another_checkout_on_the_same_state_changes_nothing(deployed: Stack, lab: Node, tmp_path: Path) -> None:
    """A colleague's clone, at another path and without anything but the state and the settings."""
    before = versions(lab)
    clone = Stack.make(lab, tmp_path / "clone")
    clone.environment = dict(deployed.environment)
    shutil.copy(deployed.file, clone.folder)

    preview = clone.preview("--expect-no-changes")
    update = clone.up("--expect-no-changes")

    assert preview.code == update.code == 0
    assert update.changed == set()
    assert versions(lab) == before


def test_c01_the_stored_line_is_bcrypt_and_verifies_the_password(deployed: Stack, lab: Node) -> None:
    """The line is the account's, of the bcrypt kind, and made from this password alone."""
    name = next(name for name in versions(lab) if name.startswith("Secret/registry-htpasswd"))
    content = base64.b64decode(lab.get(name)["data"]["htpasswd"]).decode()
    user, _, hashed = content.strip().partition(":")

    assert deployed.outputs()["pullSecret"] == "regcred"
    assert content.count("\n") == 1
    assert user == USER
    assert hashed.startswith("$2")
    assert bcrypt.checkpw(PASSWORD.encode(), hashed.encode())
    assert not bcrypt.checkpw(b"another", hashed.encode())


def test_checkov_finds_nothing_without_a_reason_on_the_object(deployed: Stack, lab: Node, tmp_path: Path) -> None:
    """With a folder and a port of the node, which scanners like least; and each reason is still needed."""
    assert deployed.node is lab
    report = checkov.scan(lab, tmp_path)

    assert report.kinds == {"DaemonSet", "Deployment", "Pod"}
    assert report.unexplained == set()
    assert report.explained == report.found


def test_refresh_and_up_put_back_what_somebody_changed_by_hand(deployed: Stack, lab: Node) -> None:
    """A pull secret deleted by hand comes back; nothing else is touched."""
    before = versions(lab)
    lab.kubectl("delete", "secret", "regcred")
    deployed.refresh()

    update = deployed.up()

    assert ("created", "registry-pull-secret-default") in update.changed
    after = versions(lab)
    assert named(after, "Secret/regcred") != named(before, "Secret/regcred")
    assert {k: v for k, v in after.items() if k.startswith(("Deployment", "Secret/registry-", "Service"))} == {
        k: v for k, v in before.items() if k.startswith(("Deployment", "Secret/registry-", "Service"))
    }

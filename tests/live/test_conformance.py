"""The OCI conformance suite: what the registry answers, the door lets through, and neither more nor less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab import parts
from lab.images import NGINX
from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, USER, Node, Stack

ACCOUNT = ("conformance", "conformance-password-1")
_LACKING = re.compile("sha512|subject|referrer|non-distributable|Test$")
_CASE = re.compile(r'<testcase name="([^"]+)"[^>]* status="(\w+)"')


@pytest.fixture(scope="module")
def alone(stack: Stack, lab: Node, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The verdicts on the registry alone, by the name of the test."""
    stack.set("deleteEnabled", "true")
    stack.up()
    return verdicts(lab, tmp_path_factory.mktemp("alone"), (USER, PASSWORD))


def verdicts(lab: Node, folder: Path, account: tuple[str, str]) -> dict[str, str]:
    """Run the suite with an account."""
    user, password = account
    settings = {
        "SSL_CERT_FILE": CA_FILE,
        "OCI_REGISTRY": ADDRESS,
        "OCI_USERNAME": user,
        "OCI_PASSWORD": password,
        "OCI_REPO1": f"conformance/{user}-1",
        "OCI_REPO2": f"conformance/{user}-2",
        "OCI_RESULTS_DIR": str(folder),
        "OCI_LOG": "error",
    }
    lab.run([str(parts.conformance())], env=settings, check=False)
    return dict(_CASE.findall((folder / "junit.xml").read_text()))


def without_what_is_lacking(cases: dict[str, str]) -> dict[str, str]:
    """The others; some of these depend on what was pushed before them."""
    return {name: verdict for name, verdict in cases.items() if not _LACKING.search(name)}


def test_what_the_registry_lacks_is_what_it_is_known_to_lack(alone: dict[str, str]) -> None:
    """Referrers, digests of SHA-512, and manifests whose layers are elsewhere."""
    assert sum(verdict == "passed" for verdict in alone.values()) > 250
    assert "failure" not in without_what_is_lacking(alone).values()


def test_the_door_changes_no_verdict(alone: dict[str, str], stack: Stack, lab: Node, tmp_path: Path) -> None:
    """For an account that may push and delete there, and nowhere else."""
    stack.set("doorImage", NGINX)
    stack.set(f"users.{ACCOUNT[0]}", ACCOUNT[1], secret=True, path=True)
    stack.set(f"rights.{ACCOUNT[0]}", "push conformance/*, delete conformance/*", path=True)
    stack.up()

    assert without_what_is_lacking(verdicts(lab, tmp_path, ACCOUNT)) == without_what_is_lacking(alone)

"""A certificate of cert-manager is refused where nobody would issue it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from components.cluster.kubectl import KubectlError
from components.problems import SettingsError
from components.tls.cert_manager import check_installed


def test_a_cluster_that_knows_certificates_will_do() -> None:
    """As cert-manager's definitions make it."""
    check_installed(lambda _: "certificaterequests.cert-manager.io\ncertificates.cert-manager.io\n")


@pytest.mark.parametrize("kinds", ["", "certificaterequests.cert-manager.io\n"])
def test_another_is_refused(kinds: str) -> None:
    """With what to do."""
    with pytest.raises(SettingsError) as refused:
        check_installed(lambda _: kinds)

    [problem] = refused.value.problems
    assert problem == (
        "private-registry:tls must not be issued in a cluster without cert-manager, which has no Certificates; "
        "fix: install cert-manager, or `pulumi config set tls generated`"
    )


def test_what_is_not_known_is_left_to_the_up() -> None:
    """An account may not be allowed to ask."""

    def forbidden(_: Sequence[str]) -> str:
        raise KubectlError("forbidden")

    check_installed(forbidden)

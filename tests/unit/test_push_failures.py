"""What is said of a push that failed."""

from __future__ import annotations

import base64

from components.proof.push_failures import advice
from components.references import Address

PEM = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"


def test_advice_names_who_has_to_reach_what_and_the_setting() -> None:
    """Not the machine that the error is read on."""
    [line] = advice(Address("registry.test", 5000), "").splitlines()

    assert line == (
        "the Docker Engine, not the machine that runs pulumi, has to reach registry.test:5000; "
        "fix: mend that, or `pulumi config set pushHost <address>`"
    )


def test_advice_holds_the_ca_and_the_folder_with_the_port() -> None:
    """A stack whose first `up` fails has no outputs to read them from."""
    *_, command = advice(Address("registry.test", 5443), PEM).splitlines()
    folder = "/etc/docker/certs.d/registry.test:5443"
    start, _, rest = command.partition("echo ")
    content, _, end = rest.partition(" | ")

    assert start == f"mkdir -p {folder} && "
    assert base64.b64decode(content).decode() == PEM
    assert end == f"base64 -d > {folder}/ca.crt"


def test_no_ca_is_needed_on_loopback() -> None:
    """A Docker Engine verifies no certificate there."""
    assert "certs.d" not in advice(Address("localhost", 5000), PEM)

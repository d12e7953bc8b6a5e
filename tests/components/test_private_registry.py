"""What the registry tells those who declare it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from components.commands import commands
from components.private_registry import PrivateRegistry
from components.stack_configuration import compose
from tests.authority import DAY
from tests.components.declaration import (
    CERTIFICATES,
    NEEDED,
    NODE_TRUST,
    PROOF,
    REGISTRY,
    SECRET,
    SERVER,
    STASH,
    declared,
)
from tests.components.recorder import Recorder


def test_commands_are_those_of_the_settings() -> None:
    """Ready to paste, for whoever declares the registry to export."""
    values: dict[str, Any] = {**NEEDED, "push_host": "127.0.0.1"}
    settings = compose(values)
    given: list[dict[str, str]] = []
    Recorder().run(lambda: given.append(PrivateRegistry("registry", settings).commands))

    exposure, image = settings.exposure, settings.proof.image(())
    assert given == [commands(exposure, settings.tls, "registry", image)]


def test_outputs_are_both_addresses() -> None:
    """As images spell them; an IPv6 address stands in brackets."""
    assert declared(host="fd00::5", port=5443).one(REGISTRY).outputs == {
        "address": "[fd00::5]:5443",
        "pushAddress": "localhost:5443",
    }


def test_plain_http_outside_loopback_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """C14: with Docker on the nodes it works only once they are told; the text says how."""
    with caplog.at_level(logging.WARNING, logger="pulumi"):
        declared(tls="off", allow_plain_http=True, host="10.0.0.5", push_host="localhost")

    [warning] = caplog.records
    assert '{"insecure-registries": ["10.0.0.5:5000"]}' in warning.message


def test_tls_is_the_default_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """C14: with it, nothing is left to do on any node."""
    with caplog.at_level(logging.WARNING, logger="pulumi"):
        declared(push_host="push.test")

    assert caplog.records == []


def test_every_resource_hangs_below_the_component() -> None:
    """So that one provider, and one `--target`, reaches all of it."""
    recorder = declared(pull_namespaces=("default", "team-a"))
    roots = [item.type for item in recorder if item.parent == recorder.one("pulumi:pulumi:Stack").urn]

    assert roots == [REGISTRY]
    assert {item.type for item in recorder if item.parent == recorder.one(REGISTRY).urn} == {
        CERTIFICATES,
        NODE_TRUST,
        SERVER,
        PROOF,
        SECRET,
        STASH,
    }


def test_without_tls_there_is_no_certificate() -> None:
    """Neither as a component nor anything that it would keep."""
    recorder = declared(tls="off", allow_plain_http=True)

    assert recorder.all(CERTIFICATES) == {}
    assert recorder.all(STASH).keys() == {"registry-seed", "registry-owner"}


def test_time_is_the_clocks_unless_it_is_given() -> None:
    """Programs of other people need not say it."""
    recorder = Recorder()
    needed: dict[str, Any] = {**NEEDED}
    recorder.run(lambda: PrivateRegistry("registry", compose(needed)))
    end = datetime.fromisoformat(recorder.one(CERTIFICATES).outputs["notAfter"]).replace(tzinfo=UTC)

    assert abs(end - datetime.now(UTC) - 365 * DAY) < 2 * DAY

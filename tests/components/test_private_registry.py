"""What the registry tells those who declare it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from components.private_registry import PrivateRegistry
from components.settings import Settings
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


def commands(**values: Any) -> dict[str, str]:  # noqa: ANN401 - any setting
    """Give the commands of a registry with these settings."""
    given: dict[str, str] = {}
    Recorder().run(lambda: given.update(PrivateRegistry("registry", Settings(**{**NEEDED, **values})).commands))
    return given


def test_commands_name_push_address_account_and_image() -> None:
    """Ready to paste where the Docker Engine runs, hence through its address; none holds the password."""
    assert commands(push_host="127.0.0.1", port=5443, username="ci", test_image="team/app:2") == {
        "login": "docker login 127.0.0.1:5443 --username ci",
        "push": "docker push 127.0.0.1:5443/team/app:2",
        "pull": "docker pull 127.0.0.1:5443/team/app:2",
        "catalog": "curl --cacert <(pulumi stack output ca) --user ci https://127.0.0.1:5443/v2/_catalog",
        "trust": (
            "mkdir -p /etc/docker/certs.d/10.0.0.5:5443 && "
            "pulumi stack output ca > /etc/docker/certs.d/10.0.0.5:5443/ca.crt"
        ),
    }


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
    }


def test_without_tls_there_is_no_certificate() -> None:
    """Neither as a component nor anything that it would keep."""
    recorder = declared(tls="off", allow_plain_http=True)

    assert recorder.all(CERTIFICATES) == {}
    assert recorder.all(STASH).keys() == {"registry-seed"}


def test_time_is_the_clocks_unless_it_is_given() -> None:
    """Programs of other people need not say it."""
    recorder = Recorder()
    needed: dict[str, Any] = {**NEEDED}
    recorder.run(lambda: PrivateRegistry("registry", Settings(**needed)))
    end = datetime.fromisoformat(recorder.one(CERTIFICATES).outputs["notAfter"]).replace(tzinfo=UTC)

    assert abs(end - datetime.now(UTC) - 365 * DAY) < 2 * DAY

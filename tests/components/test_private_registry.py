"""What the registry tells those who declare it."""

from __future__ import annotations

import logging
import shlex
from typing import Any

import pytest

from components import PrivateRegistry, Settings
from tests.components.declaration import NEEDED, PROOF, REGISTRY, SERVER, declared
from tests.components.recorder import Recorder


def commands(**values: Any) -> dict[str, str]:  # noqa: ANN401 - any setting
    """Give the commands of a registry with these settings."""
    given: dict[str, str] = {}
    Recorder().run(lambda: given.update(PrivateRegistry("registry", Settings(**{**NEEDED, **values})).commands()))
    return given


def test_commands_name_push_address_account_and_image() -> None:
    """Ready to paste where the Docker Engine runs, hence through its address; none holds the password."""
    assert commands(push_host="127.0.0.1", port=5443, username="ci", test_image="team/app:2") == {
        "login": "docker login 127.0.0.1:5443 --username ci",
        "push": "docker push 127.0.0.1:5443/team/app:2",
        "pull": "docker pull 127.0.0.1:5443/team/app:2",
        "catalog": "curl --user ci http://127.0.0.1:5443/v2/_catalog",
    }


def test_commands_survive_a_shell() -> None:
    """An account may be called anything that basic auth carries."""
    name = "o'brien $HOME; echo"

    assert shlex.split(commands(username=name)["login"])[-1] == name


def test_outputs_are_both_addresses() -> None:
    """As images spell them; an IPv6 address stands in brackets."""
    assert declared(host="fd00::5", port=5443).one(REGISTRY).outputs == {
        "address": "[fd00::5]:5443",
        "pushAddress": "localhost:5443",
    }


def test_plain_http_outside_loopback_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """C14: it works only once nodes are told; the text says how."""
    with caplog.at_level(logging.WARNING, logger="pulumi"):
        declared(host="10.0.0.5", push_host="localhost")

    [warning] = caplog.records
    assert "10.0.0.5:5000/hosts.toml" in warning.message


def test_every_resource_hangs_below_the_component() -> None:
    """So that one provider, and one `--target`, reaches all of it."""
    recorder = declared(pull_namespaces=("default", "team-a"))
    roots = [item.type for item in recorder if item.parent == recorder.one("pulumi:pulumi:Stack").urn]

    assert roots == [REGISTRY]
    assert {item.type for item in recorder if item.parent == recorder.one(REGISTRY).urn} == {
        SERVER,
        PROOF,
        "kubernetes:core/v1:Secret",
    }

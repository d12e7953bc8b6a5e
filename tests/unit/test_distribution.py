"""The registry's configuration file."""

import json
from typing import Any

import pytest
import yaml

from components import distribution


def rendered(*, delete_enabled: bool = False) -> dict[str, Any]:
    """Render and read back as the registry does, as YAML."""
    text = distribution.render(
        http_secret="0e1",
        delete_enabled=delete_enabled,
        root="/var/lib/registry",
        htpasswd_path="/auth/htpasswd",
        port=5000,
    )
    document = yaml.safe_load(text)

    assert document == json.loads(text)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("enabled", [True, False])
def test_delete_is_always_said(*, enabled: bool) -> None:
    """On, off and left out are three cases to the registry's versions; ours are two."""
    assert rendered(delete_enabled=enabled)["storage"]["delete"] == {"enabled": enabled}


def test_version_and_secret_stay_text() -> None:
    """YAML would read 0.1 and 0e1 as numbers, and the registry refuses a number as its version."""
    document = rendered()

    assert document["version"] == "0.1"
    assert document["http"]["secret"] == "0e1"


def test_accounts_are_required() -> None:
    """Without this section the registry is open to everybody."""
    assert rendered()["auth"] == {"htpasswd": {"realm": "private-registry", "path": "/auth/htpasswd"}}


def test_listens_on_all_addresses_and_lets_pushes_end() -> None:
    """The kubelet and the host port come from outside, and a stop must not cut a push."""
    http = rendered()["http"]

    assert http["addr"] == ":5000"
    assert http["draintimeout"] == "20s"
    assert http["headers"] == {"X-Content-Type-Options": ["nosniff"]}


def test_debug_server_is_off() -> None:
    """It serves profiles and variables without a password."""
    assert "debug" not in rendered()["http"]


def test_images_go_to_the_mounted_folder_and_its_health_is_watched() -> None:
    """One storage driver only, or the registry panics; probes see when it fails."""
    document = rendered()

    assert set(document["storage"]) == {"filesystem", "delete"}
    assert document["storage"]["filesystem"] == {"rootdirectory": "/var/lib/registry"}
    assert document["health"]["storagedriver"] == {"enabled": True, "interval": "10s", "threshold": 3}

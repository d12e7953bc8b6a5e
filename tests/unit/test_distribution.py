"""The registry's configuration file."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from components.monitoring import exporter
from components.server import configuration


def rendered(
    *,
    delete_enabled: bool = False,
    read_only: bool = False,
    debug: Mapping[str, object] | None = None,
    **paths: str,
) -> dict[str, Any]:
    """Render and read back as the registry does, as YAML."""
    text = configuration.render(
        http_secret="0e1",
        delete_enabled=delete_enabled,
        read_only=read_only,
        driver={"filesystem": {"rootdirectory": "/var/lib/registry"}},
        drain_seconds=20,
        htpasswd_path="/auth/htpasswd",
        address=":5000",
        **paths,
        debug=debug,
    )
    document = yaml.safe_load(text)

    assert document == json.loads(text)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("enabled", [True, False])
def test_delete_is_always_said(*, enabled: bool) -> None:
    """On, off and left out are three cases to the registry's versions; ours are two."""
    assert rendered(delete_enabled=enabled)["storage"]["delete"] == {"enabled": enabled}


def test_read_only_is_said_only_when_it_is_asked_for() -> None:
    """In the form that 2.8 and 3.x read alike."""
    assert rendered(read_only=True)["storage"]["maintenance"] == {"readonly": {"enabled": True}}
    assert "maintenance" not in rendered()["storage"]


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


def test_debug_server_for_metrics_is_on_the_loopback_address() -> None:
    """Nobody else in the cluster reaches it."""
    debug = rendered(debug=exporter.debug())["http"]["debug"]

    assert debug == {"addr": "127.0.0.1:5001", "prometheus": {"enabled": True, "path": "/metrics"}}


def test_images_go_to_the_mounted_folder_and_its_health_is_watched() -> None:
    """One storage driver only, or the registry panics; probes see when it fails."""
    document = rendered()

    assert set(document["storage"]) == {"filesystem", "delete"}
    assert document["storage"]["filesystem"] == {"rootdirectory": "/var/lib/registry"}
    assert document["health"]["storagedriver"] == {"enabled": True, "interval": "10s", "threshold": 3}


def test_without_a_certificate_there_is_no_tls() -> None:
    """Not even an empty section, of which the registry would make up the rest."""
    assert "tls" not in rendered()["http"]


def test_certificate_and_key_are_served_from_their_files() -> None:
    """And all else stays as it is."""
    plain, encrypted = rendered(), rendered(certificate_path="/tls/tls.crt", key_path="/tls/tls.key")
    tls = encrypted["http"].pop("tls")

    assert (tls["certificate"], tls["key"]) == ("/tls/tls.crt", "/tls/tls.key")
    assert tls.keys() == {"certificate", "key", "minimumtls", "ciphersuites"}
    assert encrypted == plain


def test_oldest_version_of_tls_is_1_2() -> None:
    """Whatever the default of an image is."""
    assert (
        rendered(certificate_path="/tls/tls.crt", key_path="/tls/tls.key")["http"]["tls"]["minimumtls"] == "tls1.2"
    )


def test_cipher_suites_are_authenticated_and_keep_the_past_secret() -> None:
    """AEAD, with a key of its own for each connection; and for both kinds of certificates."""
    suites = rendered(certificate_path="/tls/tls.crt", key_path="/tls/tls.key")["http"]["tls"]["ciphersuites"]

    assert [
        name for name in suites if not re.fullmatch(r"TLS_ECDHE_(ECDSA|RSA)_WITH_(AES_\d+_GCM|CHACHA20)_\w+", name)
    ] == []
    assert {name.split("_")[2] for name in suites} == {"ECDSA", "RSA"}
    assert len(set(suites)) == len(suites)

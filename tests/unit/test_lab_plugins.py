"""Downloads of the lab go the way that the person's other downloads go."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import plugins, tools

DIRECT = ("get.pulumi.com", 443)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person without a proxy."""
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


@pytest.mark.parametrize(
    ("variables", "hop"),
    [
        ({}, DIRECT),
        ({"HTTPS_PROXY": "http://proxy.example.test:3128"}, ("proxy.example.test", 3128)),
        ({"https_proxy": "http://me:secret@10.0.0.1:8080/"}, ("10.0.0.1", 8080)),
        ({"HTTPS_PROXY": "proxy.example.test:3128"}, ("proxy.example.test", 3128)),
        ({"HTTPS_PROXY": "http://proxy.example.test"}, ("proxy.example.test", 80)),
        ({"HTTP_PROXY": "http://proxy.example.test:3128"}, DIRECT),
        ({"HTTPS_PROXY": "http://proxy.example.test:3128", "NO_PROXY": "pulumi.com"}, DIRECT),
        ({"HTTPS_PROXY": "http://proxy.example.test:3128", "no_proxy": "*"}, DIRECT),
    ],
)
def test_f16_whether_a_plugin_can_be_downloaded_is_asked_of_the_proxy(
    variables: dict[str, str], hop: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a company's proxy the server itself cannot be reached, and the official plugin can be had."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert plugins._first_hop() == hop


def test_f16_go_downloads_through_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build starts from the person's variables, unlike a node."""
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\n[ "$1" = version ] && echo go version go1.26.6 linux/amd64 || echo "$HTTPS_PROXY"\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.test:3128")

    assert tools.Go().run(tmp_path, "mod", "download") == "http://proxy.example.test:3128\n"

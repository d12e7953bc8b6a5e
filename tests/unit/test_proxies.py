"""Which requests go through a proxy, by the rules of Kubernetes' clients."""

from __future__ import annotations

import pytest

from components.cluster.proxies import proxy_variable

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("url", "environment", "variable"),
    [
        ("https://api.test:6443", {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        ("https://api.test:6443", {"https_proxy": PROXY}, "https_proxy"),
        ("https://api.test:6443", {"HTTPS_PROXY": PROXY, "https_proxy": PROXY}, "HTTPS_PROXY"),
        ("https://api.test:6443", {"HTTPS_PROXY": "", "https_proxy": PROXY}, "https_proxy"),
        ("https://api.test:6443", {"HTTP_PROXY": PROXY}, ""),
        ("https://api.test:6443", {"ALL_PROXY": PROXY}, ""),
        ("http://api.test:8080", {"HTTP_PROXY": PROXY}, "HTTP_PROXY"),
        ("http://api.test:8080", {"HTTPS_PROXY": PROXY}, ""),
        ("https://api.test:6443", {}, ""),
        ("no url", {"HTTPS_PROXY": PROXY}, ""),
        ("https://api.test:port", {"HTTPS_PROXY": PROXY}, ""),
        ("https://[::1", {"HTTPS_PROXY": PROXY}, ""),
    ],
)
def test_the_variable_belongs_to_the_scheme(url: str, environment: dict[str, str], variable: str) -> None:
    """In capitals first; an empty one counts as unset."""
    assert proxy_variable(url, environment) == variable


@pytest.mark.parametrize(
    "url", ["https://localhost:6443", "https://127.0.0.1:6443", "https://127.8.9.1", "https://[::1]:6443"]
)
def test_loopback_goes_straight(url: str) -> None:
    """Whatever NO_PROXY says."""
    assert proxy_variable(url, {"HTTPS_PROXY": PROXY}) == ""


@pytest.mark.parametrize(
    ("host", "excluded"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "other.test, 10.1.2.3"),
        ("10.1.2.3", "10.1.2.3:6443"),
        ("[fd00::1]", "fd00::/8"),
        ("[fd00::1]", "fd00:0::1"),
        ("[fd00::1]", "[fd00::1]:6443"),
        ("api.test", "*"),
        ("api.test", "api.test"),
        ("API.test", "Api.TEST"),
        ("api.test.", "api.test"),
        ("api.test", "test"),
        ("api.test", ".test"),
        ("api.test", "*.test"),
        ("api.test", "api.test:6443"),
    ],
)
def test_what_no_proxy_excepts_goes_straight(host: str, excluded: str) -> None:
    """Addresses, networks, domains and what is below them, each with a port or without."""
    for name in ("NO_PROXY", "no_proxy"):
        assert proxy_variable(f"https://{host}:6443", {"HTTPS_PROXY": PROXY, name: excluded}) == ""


@pytest.mark.parametrize(
    ("host", "excluded"),
    [
        ("10.1.2.3", "11.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3:443"),
        ("10.1.2.3", "10.1"),
        ("10.1.2.3", "2.3"),
        ("10.1.2.3", "10.0.0.0/99"),
        ("[fd00::1]", "10.0.0.0/8"),
        ("api.test", ".api.test"),
        ("api.test", "*.api.test"),
        ("api.test", "pi.test"),
        ("api.test", "api.test:443"),
        ("api.test", ":6443"),
        ("api.test", ", ,"),
        ("api.test", "10.0.0.0/8"),
    ],
)
def test_all_else_goes_through_it(host: str, excluded: str) -> None:
    """An entry means what it says and nothing near it."""
    assert proxy_variable(f"https://{host}:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": excluded}) == "HTTPS_PROXY"

"""Whether a connection to the cluster goes through a proxy of the environment, by the rules of Kubernetes' clients.

They are those of Go (golang.org/x/net/http/httpproxy), which differ from Python's: NO_PROXY may hold networks such
as 10.0.0.0/8, loopback addresses never go through a proxy, and ALL_PROXY is not read.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def proxy_variable(url: str, environment: Mapping[str, str]) -> str:
    """Give the name of the variable whose proxy a request to `url` goes through; empty if it goes straight."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        # No request is made to what is no URL.
        return ""
    names = (f"{parts.scheme.upper()}_PROXY", f"{parts.scheme}_proxy")
    chosen = next((name for name in names if environment.get(name)), "")
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if not chosen or not host or host == "localhost" or _is_loopback(host):
        return ""
    return "" if any(_covers(entry.strip().lower(), host, port) for entry in excluded.split(",")) else chosen


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means a host."""
    if entry in {"", "*"}:
        return entry == "*"
    if _is_address(host) and "/" in entry:
        return _is_within(host, entry)
    name, wanted = _split(entry)
    if not name or wanted not in {None, str(port)}:
        return False
    if _is_address(name) or _is_address(host):
        return _is_address(name) and _is_address(host) and ip_address(name) == ip_address(host)
    # "example.com" means itself and what is below it; ".example.com" and "*.example.com" only what is below.
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, str | None]:
    """Split an entry into its host and its port, if it has one; an IPv6 address with a port stands in brackets."""
    if _is_address(entry):
        return entry, None
    name, colon, port = entry.rpartition(":")
    name, port = (name, port) if colon and port.isdecimal() else (entry, "")
    return name.removeprefix("[").removesuffix("]"), port or None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False

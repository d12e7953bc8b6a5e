"""What the door takes a request for, by the same regular expressions as nginx."""

from __future__ import annotations

import re
import time

import pytest

from components.server import nginx

DIGEST = f"sha256:{'0a' * 32}"
TEXT = nginx.render(port=5000, run="/run/door", door="/etc/door", tls="/tls", drain_seconds=20)


def asked(method: str, target: str) -> str:
    """What stands in `$what` for a request."""
    [block] = re.findall(r"map \"\$request_method \$request_uri\" \$what \{(.*?)\n  \}", TEXT, re.DOTALL)
    for pattern, what in re.findall(r'^ *"~(.*)" "(.*)";$', block, re.MULTILINE):
        if found := re.search(pattern, f"{method} {target}"):
            return str(what).replace("$1", found[1] if found.groups() else "")
    return "none:"


@pytest.mark.parametrize(
    ("method", "target", "what"),
    [
        ("GET", "/v2/", "ping:"),
        ("HEAD", "/v2/", "ping:"),
        ("GET", "/v2/_catalog?n=10", "catalog:"),
        ("GET", "/v2/app/manifests/v1", "pull:app"),
        ("HEAD", f"/v2/team-a/app/manifests/{DIGEST}", "pull:team-a/app"),
        ("GET", f"/v2/a.b__c-d/e/blobs/{DIGEST}", "pull:a.b__c-d/e"),
        ("GET", "/v2/app/tags/list?n=1&last=a", "pull:app"),
        ("GET", f"/v2/app/referrers/{DIGEST}?artifactType=application/x.y+json", "pull:app"),
        ("POST", "/v2/app/blobs/uploads/", "push:app"),
        ("POST", f"/v2/app/blobs/uploads/?mount={DIGEST}&from=other", "push:app"),
        ("PATCH", "/v2/app/blobs/uploads/0-1-2?_state=a-b_c%3D%3D", "push:app"),
        ("PUT", f"/v2/app/blobs/uploads/0-1-2?_state=x&digest={DIGEST}", "push:app"),
        ("DELETE", "/v2/app/blobs/uploads/0-1-2", "push:app"),
        ("PUT", "/v2/app/manifests/v1", "push:app"),
        ("DELETE", f"/v2/app/manifests/{DIGEST}", "delete:app"),
        ("DELETE", f"/v2/app/blobs/{DIGEST}", "delete:app"),
        ("GET", f"/v2/app/blobs/sha512:{'0a' * 64}", "pull:app"),
        ("GET", "/v2/app/manifests/sha256:baddigeststring", "pull:app"),
    ],
)
def test_each_request_of_a_client_has_its_act_and_repository(method: str, target: str, what: str) -> None:
    """Of the OCI distribution specification, and the catalog."""
    assert asked(method, target) == what


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v2"),
        ("GET", "/v2//app/manifests/v1"),
        ("GET", "/v2/a/../b/manifests/v1"),
        ("GET", "/v2/a%2fb/manifests/v1"),
        ("GET", "/v2/App/manifests/v1"),
        ("GET", "/v2/app/manifests/v1/"),
        ("GET", f"/v2/app/manifests/{'t' * 129}"),
        ("GET", "/v2/app/blobs/sha256:0"),
        ("GET", "/v2/_catalog/"),
        ("get", "/v2/app/manifests/v1"),
        ("OPTIONS", "/v2/app/manifests/v1"),
        ("POST", "/v2/app/manifests/v1"),
        ("POST", "/v2/app/blobs/uploads"),
        ("PUT", "/v2/app/manifests/v1?x=1"),
        ("DELETE", "/v2/app/tags/list"),
    ],
)
def test_what_fits_no_request_is_nobodys_right(method: str, target: str) -> None:
    """A second reading of it, by the registry, would decide otherwise."""
    assert asked(method, target) == "none:"


def test_a_name_whose_parts_look_like_routes_is_read_as_the_registry_reads_it() -> None:
    """The last route in it counts: the right on `app` is none on `app/manifests/v1`."""
    assert asked("POST", "/v2/app/manifests/v1/blobs/uploads/") == "push:app/manifests/v1"


def test_a_long_name_that_nearly_fits_costs_little() -> None:
    """As long as nginx takes a line at all."""
    started = time.process_time()

    assert asked("GET", "/v2/" + "a-" * 2000 + "/manifests/v1") == "none:"
    assert time.process_time() - started < 1


def test_without_tls_nginx_speaks_plain_http() -> None:
    """And says so to the registry."""
    plain = nginx.render(port=5000, run="/run/door", door="/etc/door", tls="", drain_seconds=20)

    assert "listen 5000;" in plain
    assert "ssl_certificate" not in plain
    assert "X-Forwarded-Proto http;" in plain
    assert "listen 5000 ssl;" in TEXT


def test_nothing_is_left_to_fill_in() -> None:
    """No mark of the template stays."""
    assert not re.search(r"@\w+@", TEXT)

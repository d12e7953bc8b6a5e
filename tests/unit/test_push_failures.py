"""What is said of a push that failed, over errors as Docker Engines give them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from components.proof.push_failures import advice, may_open, pause_after
from components.references import Address
from components.settings import Ingress, LoadBalancer

PEM = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
ADDRESS = Address("registry.test", 5443)
NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
GET = 'Get "https://registry.test:5443/v2/": '
UNKNOWN = GET + "tls: failed to verify certificate: x509: certificate signed by unknown authority"


def said(error: str, *, address: Address = ADDRESS, authorities: str = PEM, encrypted: bool = True) -> str:
    """Give the advice about an error."""
    return advice(error, address, authorities, "ci", NOW, encrypted=encrypted, clash="free that port")


@pytest.mark.parametrize(
    "fault",
    [
        "dial tcp 10.0.0.5:5443: connect: connection refused",
        "dial tcp: lookup registry.test on 10.0.0.2:53: no such host",
        "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
        "dial tcp 10.0.0.5:5443: connect: no route to host",
    ],
)
def test_who_has_to_reach_what_is_named_with_the_setting(fault: str) -> None:
    """Not the machine that the error is read on."""
    assert said(GET + fault) == (
        "the Docker Engine, not the machine that runs pulumi, has to reach registry.test:5443; "
        "fix: mend that, or `pulumi config set pushHost <address>`"
    )


def test_loopback_is_the_registry_s_own_node() -> None:
    """The default of pushHost, with a Docker Engine elsewhere."""
    address = Address("localhost", 5000)
    error = 'Get "https://localhost:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused'

    assert said(error, address=address) == (
        "the Docker Engine, not the machine that runs pulumi, has to reach localhost:5000, which it does "
        "only on the "
        "registry's own node; fix: mend that, or `pulumi config set pushHost <address>`"
    )


def test_n05_the_ca_is_handed_over_where_it_is_what_the_engine_needs() -> None:
    """A stack whose first `up` fails has no outputs to read it from."""
    first, command = said(UNKNOWN).splitlines()
    folder = "/etc/docker/certs.d/registry.test:5443"
    start, _, rest = command.partition("echo ")
    content, _, end = rest.partition(" | ")

    assert first == "the Docker Engine does not trust the registry's CA: type once, as root on its machine:"
    assert start == f"mkdir -p {folder} && "
    assert base64.b64decode(content).decode() == PEM
    assert end == f"base64 -d > {folder}/ca.crt"


def test_n05_without_a_ca_its_setting_is_named() -> None:
    """A self-signed certificate without `tlsCa`, or a leaf alone."""
    assert said(UNKNOWN, authorities="") == (
        "the Docker Engine does not know the CA of the certificate: `pulumi config set tlsCa <file>` with "
        "the CA that "
        "signed it; with a public CA, the certificate's file must hold the intermediate certificates as well"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GET + "proxyconnect tcp: dial tcp 10.0.0.9:3128: i/o timeout", "add registry.test to NO_PROXY"),
        (GET + "x509: certificate is valid for old.test, not registry.test", "must carry registry.test"),
        (
            GET + "x509: certificate has expired or is not yet valid: current time 2026-11-25T10:00:01Z is after "
            "2026-11-01T00:00:00Z",
            "a certificate of the registry's chain is not valid now",
        ),
        (
            GET + "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before "
            "2026-11-01T00:00:00Z",
            "the clock of the Docker Engine's machine is wrong",
        ),
        (GET + "x509: certificate specifies an incompatible key usage", "the certificate or its chain cannot work"),
        (GET + "http: server gave HTTP response to HTTPS client", "something else than this registry answers"),
        ("unauthorized: authentication required", "does not take account ci"),
        ("denied: requested access to the resource is denied", "does not take account ci"),
        ("no basic auth credentials", "does not take account ci"),
        ("error parsing HTTP 413 response body: 413 Request Entity Too Large", "limits uploads"),
        ("write /var/lib/docker/tmp/x: no space left on device", "a disk of the Docker Engine's machine is full"),
        ("received unexpected HTTP status: 503 Service Unavailable", "`kubectl logs` of its Deployment shows why"),
        ("unexpected status from HEAD request to https://x/v2/: 500 Internal Server Error", "its storage (a full"),
    ],
)
def test_each_cause_has_its_own_advice_and_no_ca(error: str, words: str) -> None:
    """The CA helps against one of them alone."""
    text = said(error)

    assert words in text
    assert "certs.d" not in text


def test_plain_http_is_told_to_the_engine() -> None:
    """With `tls off` it is meant."""
    assert said(GET + "http: server gave HTTP response to HTTPS client", authorities="", encrypted=False) == (
        "the Docker Engine must be told that registry.test:5443 speaks plain HTTP: add to its "
        "/etc/docker/daemon.json "
        '{"insecure-registries": ["registry.test:5443"]} and restart it, or push through localhost'
    )


@pytest.mark.parametrize(
    "error",
    [
        "the command '/bin/sh -c apk add curl' returned a non-zero code: 1",
        (
            "pull access denied for nothere, repository does not exist or may require 'docker login': "
            "denied: requested "
            "access to the resource is denied"
        ),
        (
            'failed to resolve source metadata for docker.io/library/alpine:latest: failed to do request: Head "https://'
            'registry-1.docker.io/v2/library/alpine/manifests/latest": dial tcp: lookup '
            "registry-1.docker.io: no such host"
        ),
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        'Get "https://registry-1.docker.io/v2/": x509: certificate signed by unknown authority',
    ],
)
def test_what_is_not_about_the_push_gets_no_advice_about_it(error: str) -> None:
    """A build that failed, a base image from elsewhere, a Docker Engine that is off."""
    assert said(error) == ""


@pytest.mark.parametrize(
    "error",
    [
        GET + "dial tcp 10.0.0.5:5443: connect: connection refused",
        GET + "dial tcp: lookup registry.test on 10.0.0.2:53: no such host",
        GET + "dial tcp 10.0.0.5:5443: i/o timeout",
        "received unexpected HTTP status: 503 Service Unavailable",
        "unexpected status from HEAD request to https://registry.test:5443/v2/x: 404 Not Found",
        "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value",
    ],
)
def test_a_way_in_that_may_still_open_is_told_from_other_failures(error: str) -> None:
    """Load balancers and controllers learn of the registry some time after `up` has made it."""
    assert may_open(error, LoadBalancer(host="registry.test", port=5443))


@pytest.mark.parametrize(
    "error",
    [
        UNKNOWN,
        "unauthorized: authentication required",
        "error parsing HTTP 413 response body: 413 Request Entity Too Large",
        'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
        "the command '/bin/sh -c apk add curl' returned a non-zero code: 1",
    ],
)
def test_what_waiting_does_not_mend_is_not_waited_for(error: str) -> None:
    """People should learn of it at once."""
    assert not may_open(error, LoadBalancer(host="registry.test", port=5443))


def test_a_controller_shows_another_certificate_until_it_knows_the_registry() -> None:
    """A load balancer has none of its own."""
    error = 'Get "https://registry.test/v2/": x509: certificate is valid for ingress.local, not registry.test'

    assert may_open(error, Ingress(host="registry.test"))
    assert not may_open(error, LoadBalancer(host="registry.test", port=443))


def test_another_certificate_at_an_ingress_is_the_controller_s() -> None:
    """Ours carries the name in any case, and there is no other host to push to."""
    error = 'Get "https://registry.test/v2/": x509: certificate is valid for ingress.local, not registry.test'
    address = Ingress(host="registry.test").address

    assert advice(
        error, address, PEM, "ci", NOW, encrypted=True, clash="have it lead here", leads="have it lead there"
    ) == (
        "what answers at registry.test has a certificate of its own: have it lead here; an Ingress must be of a "
        "class that a controller takes (`ingressClass`)"
    )


def test_a_push_is_tried_until_the_time_is_over() -> None:
    """Soon at first, since most ways open within seconds."""
    assert [pause_after(tries, 0, 120) for tries in range(1, 7)] == [1, 1, 2, 2, 5, 5]
    assert pause_after(3, 119.9, 120) == 2
    assert pause_after(3, 120, 120) == 0


def test_a_load_balancer_that_is_not_reached_is_looked_up() -> None:
    """Its address is in the cluster alone."""
    text = advice(
        GET + "dial tcp 10.0.0.5:5443: connect: connection refused",
        ADDRESS,
        PEM,
        "ci",
        NOW,
        encrypted=True,
        clash="",
        leads="have registry.test lead to 10.0.0.9",
    )

    assert text == (
        "the Docker Engine, not the machine that runs pulumi, has to reach registry.test:5443; fix: have "
        "registry.test lead to 10.0.0.9"
    )

"""Causes, as container runtimes word them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from components.cluster.connection_failures import Cause, cause_of, clock_is_wrong

HEAD = 'failed to do request: Head "https://registry.test:5000/v2/a/manifests/sha256:1": '


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (HEAD + "proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused", Cause.PROXY),
        (HEAD + "Proxy Authentication Required", Cause.PROXY),
        (HEAD + "dial tcp: lookup registry.test on 10.0.0.2:53: no such host", Cause.NAME_UNKNOWN),
        (
            (
                'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 192.168.49.1:53: '
                "read udp 192.168.49.2:45007->192.168.49.1:53: i/o timeout"
            ),
            Cause.NAME_UNKNOWN,
        ),
        (HEAD + "dial tcp 10.0.0.5:5000: connect: connection refused", Cause.REFUSED),
        (HEAD + "dial tcp 10.0.0.5:5000: i/o timeout", Cause.UNREACHABLE),
        (HEAD + "dial tcp 10.0.0.5:5000: connect: no route to host", Cause.UNREACHABLE),
        (
            (
                'Get "https://k8s.gcr.io/v2/": net/http: request canceled while waiting for connection '
                "(Client.Timeout exceeded while awaiting headers)"
            ),
            Cause.UNREACHABLE,
        ),
        (
            HEAD + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            Cause.UNKNOWN_AUTHORITY,
        ),
        (
            HEAD + 'x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification '
            'failure" while trying to verify candidate authority certificate "registry CA")',
            Cause.UNKNOWN_AUTHORITY,
        ),
        (HEAD + "x509: certificate is valid for 10.0.0.5, localhost, not registry.test", Cause.OTHER_NAMES),
        (
            HEAD + "x509: certificate is not valid for any names, but wanted to match registry.test",
            Cause.OTHER_NAMES,
        ),
        (
            HEAD + "x509: cannot validate certificate for 10.0.0.5 because it doesn't contain any IP SANs",
            Cause.OTHER_NAMES,
        ),
        (
            HEAD + "x509: certificate relies on legacy Common Name field, use SANs instead",
            Cause.OTHER_NAMES,
        ),
        (
            HEAD + "x509: certificate has expired or is not yet valid: current time 2026-11-25T10:00:00Z is after "
            "2026-11-01T00:00:00Z",
            Cause.EXPIRED,
        ),
        (
            HEAD + "x509: certificate has expired or is not yet valid: current time 2020-01-01T10:00:00Z is before "
            "2026-11-01T00:00:00Z",
            Cause.NOT_YET_VALID,
        ),
        (
            (
                HEAD + 'x509: certificate signed by unknown authority (possibly because of "x509: certificate has '
                "expired or is not yet valid: current time 2026-11-25T10:00:00Z is after "
                '2026-11-01T00:00:00Z" while '
                'trying to verify candidate authority certificate "company issuer 3")'
            ),
            Cause.EXPIRED,
        ),
        (HEAD + "x509: certificate specifies an incompatible key usage", Cause.OTHER_CERTIFICATE),
        (HEAD + "http: server gave HTTP response to HTTPS client", Cause.PLAIN_SERVER),
        ("Client sent an HTTP request to an HTTPS server.", Cause.PLAIN_CLIENT),
        (
            (
                "toomanyrequests: You have reached your unauthenticated pull rate limit. "
                "https://www.docker.com/increase-rate-limit"
            ),
            Cause.RATE_LIMIT,
        ),
        ("unexpected status from HEAD request to https://registry.test:5000/v2/a: 401 Unauthorized", Cause.DENIED),
        ('Get "https://ghcr.io/v2/": denied: denied', Cause.DENIED),
        ("pull access denied, repository does not exist or may require authorization", Cause.DENIED),
        ("unauthorized: incorrect username or password", Cause.DENIED),
        ("unexpected status from PATCH request: 413 Request Entity Too Large", Cause.TOO_LARGE),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", Cause.DISK_FULL),
        ("no match for platform in manifest: not found", Cause.OTHER_PLATFORM),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", Cause.OTHER_PLATFORM),
        ("manifest unknown: manifest unknown", Cause.NOT_FOUND),
        ("docker.io/library/registry:9.9.9: not found", Cause.NOT_FOUND),
        ("received unexpected HTTP status: 503 Service Unavailable", Cause.SERVER_ERROR),
        ("the build failed: exit code 1", None),
    ],
)
def test_cause_is_read_from_the_runtime_s_words(text: str, cause: Cause | None) -> None:
    """Those of containerd and Docker, which are Go's."""
    assert cause_of(text) is cause


@pytest.mark.parametrize(
    ("clock", "wrong"),
    [("2026-11-25T10:05:00Z", False), ("2026-11-25T12:00:00Z", True), ("2020-01-01T00:00:00Z", True), ("?", False)],
)
def test_a_clock_is_wrong_if_it_is_far_from_ours(clock: str, *, wrong: bool) -> None:
    """Both times are in the text; a certificate that has really ended is not a matter of clocks."""
    text = f"certificate has expired or is not yet valid: current time {clock} is after 2019-01-01T00:00:00Z"

    assert clock_is_wrong(text, datetime(2026, 11, 25, 10, tzinfo=UTC), timedelta(minutes=10)) is wrong

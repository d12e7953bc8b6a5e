"""A certificate that cert-manager issues, by its real definitions.

Its own program cannot be built from its module. What it does with a Certificate is done here: it puts a pair into
the Secret that is named, and says that it is Ready.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lab import parts
from tests.authority import DAY, Authority
from tests.live.harness import ADDRESS, Node, Stack
from tests.live.observation import served, until
from tests.live.tls_secrets import apply_secret, chain, serves

TODAY = datetime.now(UTC)
ROOT = Authority("test-root", end=TODAY + 50 * DAY)
SECRET = "registry-issued"
HOST = ADDRESS.partition(":")[0]


class CertManager:
    """What the controller does."""

    def __init__(self, lab: Node) -> None:
        self._lab = lab
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def issue(self) -> None:
        """Issue a certificate, the first or another."""
        certificate = self._lab.get("certificate.cert-manager.io", "registry")
        pair = ROOT.issue(*certificate["spec"]["ipAddresses"], begin=TODAY - DAY, end=TODAY + 30 * DAY)
        self.issued = pair
        apply_secret(self._lab, pair, certificate["spec"]["secretName"])
        ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date"}
        ready["lastTransitionTime"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        status = json.dumps({"status": {"conditions": [ready]}})
        words = ["--subresource=status", "--type=merge", f"--patch={status}"]
        self._lab.kubectl("patch", "certificate.cert-manager.io", "registry", *words)

    def _follow(self) -> None:
        while not self._ended.wait(0.5):
            found = self._lab.get("certificates.cert-manager.io")["items"]
            if any("status" not in item for item in found):
                self.issue()

    def __enter__(self) -> CertManager:
        """Begin to follow."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()


@pytest.fixture(scope="module")
def configured(stack: Stack) -> Stack:
    """A stack whose certificate is to be issued."""
    for key, value in {"tls": "issued", "tlsIssuer": "ClusterIssuer/internal", "tlsCa": ROOT.pem}.items():
        stack.set(key, value)
    return stack


def test_without_cert_manager_a_preview_says_what_is_missing(configured: Stack) -> None:
    """An `up` would wait in vain."""
    refused = configured.preview(check=False)

    assert refused.code != 0
    assert (
        "private-registry:tls must not be issued in a cluster without cert-manager, which has no Certificates; "
        "fix: install cert-manager, or `pulumi config set tls generated`"
    ) in refused.output


@pytest.fixture(scope="module")
def cert_manager(configured: Stack, lab: Node) -> Iterator[CertManager]:
    """The stack up, with what cert-manager does."""
    definitions = f"--filename={parts.cert_manager()}"
    lab.kubectl("apply", "--server-side", definitions)
    lab.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    with CertManager(lab) as controller:
        configured.up()
        yield controller
    configured.destroy()
    lab.kubectl("delete", "secret", SECRET, "--ignore-not-found")
    lab.kubectl("delete", definitions)


def test_what_is_issued_is_served(cert_manager: CertManager, configured: Stack, lab: Node) -> None:
    """For the address that nodes use, and no other; and the proof has pulled with it."""
    spec = lab.get("certificate.cert-manager.io", "registry")["spec"]

    assert spec["ipAddresses"] == [HOST]
    assert spec.get("dnsNames", []) == []
    assert spec["issuerRef"] == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "internal"}
    assert served(lab) == chain(cert_manager.issued)
    assert configured.up("--expect-no-changes").changed == set()


def test_what_is_renewed_is_served_without_an_up(cert_manager: CertManager, lab: Node) -> None:
    """As with any Secret that others keep."""
    before = cert_manager.issued
    cert_manager.issue()

    assert cert_manager.issued != before
    until(lambda: serves(lab, cert_manager.issued), "the renewed certificate", seconds=60)

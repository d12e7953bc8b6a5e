"""Certificates in Secrets that others keep."""

from __future__ import annotations

import yaml
from cryptography import x509

from components.pem import Pair
from tests.live.harness import Node
from tests.live.observation import served


def apply_secret(lab: Node, pair: Pair, name: str) -> None:
    """Make or change a Secret as people do; `kubectl apply` leaves a copy of the key in an annotation."""
    content = {"tls.crt": pair.certificate, "tls.key": pair.key}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "stringData": content,
    }
    lab.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(secret))


def chain(pair: Pair) -> list[x509.Certificate]:
    """The certificates as a client sees them."""
    return x509.load_pem_x509_certificates(pair.certificate.encode())


def serves(lab: Node, pair: Pair) -> bool:
    """Whether the registry serves this certificate; not while it is away for a moment."""
    try:
        return served(lab) == chain(pair)
    except AssertionError:
        return False

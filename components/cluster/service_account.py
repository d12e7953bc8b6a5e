"""The account that Kubernetes gives a Pod, for a program that runs inside the cluster without a kubeconfig."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts the token and the cluster's CA; the same in every Pod."""

NAME: Final = "in-cluster"
"""What messages call the one context of such a kubeconfig."""


def is_pod(environment: Mapping[str, str]) -> bool:
    """Whether this is a Pod: Kubernetes tells each of its containers where the API server is."""
    return bool(environment.get("KUBERNETES_SERVICE_HOST") and environment.get("KUBERNETES_SERVICE_PORT"))


def has_token() -> bool:
    """Whether the Pod's account is mounted; `automountServiceAccountToken: false` leaves it out."""
    return (FOLDER / "token").exists()


def kubeconfig(environment: Mapping[str, str]) -> dict[str, Any]:
    """Describe the Pod's own cluster and account as a kubeconfig.

    The token stays in its file, which clients read again: the kubelet writes a new one every hour.
    """
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return {
        "current-context": NAME,
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "clusters": [
            {"name": NAME, "cluster": {"server": server, "certificate-authority": str(FOLDER / "ca.crt")}}
        ],
        "users": [{"name": NAME, "user": {"tokenFile": str(FOLDER / "token")}}],
    }

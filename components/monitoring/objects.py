"""What the cluster is told for metrics: their Service, and what a Prometheus operator and Grafana read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from ..cluster.kinds import kinds
from ..cluster.labels import labels, selector
from ..exposure.service import NOT_AWAITED
from .alerts import Watched
from .dashboard import dashboard
from .exporter import PATH, PORT, REPORTS_PORT
from .settings import GROUP

if TYPE_CHECKING:
    from ..cluster.taints import Ask


def metrics_service(watched: Watched, opts: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
    """Declare the Service by which metrics are read, and proofs report if there are any."""
    ports = {"metrics": PORT, **({"reports": REPORTS_PORT} if watched.proof_minutes else {})}
    return kubernetes.core.v1.Service(
        watched.service,
        metadata={
            "name": watched.service,
            "namespace": watched.namespace,
            "labels": labels("metrics", watched.registry),
            "annotations": NOT_AWAITED,
        },
        spec={
            "selector": selector("registry", watched.registry),
            "ports": [{"name": name, "port": port, "target_port": name} for name, port in ports.items()],
        },
        opts=opts,
    )


def monitor(watched: Watched, ask: Ask | None, opts: pulumi.ResourceOptions) -> None:
    """Declare dashboard, and scraping and alerts where the cluster has the kinds for them."""
    registry, namespace = watched.registry, watched.namespace
    found = kinds(ask, GROUP) if ask else None

    def has(kind: str) -> bool:
        # What is declared stays declared where nobody answers: a preview without a cluster would announce its end.
        return found is None or f"{kind}.{GROUP}" in found

    def metadata(name: str, **more: str) -> dict[str, object]:
        return {"name": name, "namespace": namespace, "labels": {**labels("metrics", registry), **more}}

    kubernetes.core.v1.ConfigMap(
        f"{registry}-dashboard",
        # The label by which Grafana's chart finds dashboards.
        metadata=metadata(f"{registry}-dashboard", grafana_dashboard="1"),
        data={f"{registry}-{namespace}.json": dashboard(watched)},
        opts=opts,
    )
    if has("servicemonitors"):
        kubernetes.apiextensions.CustomResource(
            f"{registry}-scraped",
            api_version=f"{GROUP}/v1",
            kind="ServiceMonitor",
            metadata=metadata(registry),
            spec={
                "selector": {"matchLabels": selector("metrics", registry)},
                "endpoints": [{"port": "metrics", "path": PATH, "interval": "30s"}],
            },
            opts=opts,
        )
    if has("prometheusrules"):
        rules = [alert.rule() for alert in watched.alerts()]
        kubernetes.apiextensions.CustomResource(
            f"{registry}-alerts",
            api_version=f"{GROUP}/v1",
            kind="PrometheusRule",
            metadata=metadata(registry),
            spec={"groups": [{"name": f"{registry}.{namespace}", "rules": rules}]},
            opts=opts,
        )

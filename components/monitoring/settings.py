"""Whether the registry tells Prometheus how it is."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """Metrics, alerts and a dashboard: all of them, or none."""

    metrics: bool = False

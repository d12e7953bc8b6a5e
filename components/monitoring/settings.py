"""Whether the registry tells Prometheus how it is."""

from dataclasses import dataclass
from typing import Final

GROUP: Final = "monitoring.coreos.com"
"""Of the kinds that a Prometheus operator brings."""


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """Metrics, alerts and a dashboard: all of them, or none."""

    metrics: bool = False

"""The registry at a glance, as a dashboard of Grafana: pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .alerts import Watched

_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 7, 24


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One graph: its queries by the legend of each."""

    title: str
    unit: str
    """As Grafana calls it."""
    queries: Mapping[str, str]


def panels(watched: Watched) -> Iterator[Panel]:
    """Give the graphs of one registry: how it serves first, then what may run out."""
    yield Panel(title="Pods that answer", unit="short", queries={"Pods": f"sum({watched.of('up')})"})
    requests = watched.of("registry_http_requests_total")
    yield Panel(
        title="Requests in a second, by answer",
        unit="reqps",
        queries={"{{code}}": f"sum by (code) (rate({requests}[5m]))"},
    )
    buckets = watched.of("registry_http_request_duration_seconds_bucket")
    yield Panel(
        title="Time of 95 percent of requests",
        unit="s",
        queries={"{{handler}}": f"histogram_quantile(0.95, sum by (handler, le) (rate({buckets}[5m])))"},
    )
    yield Panel(
        title="Bytes in a second",
        unit="Bps",
        queries={
            "received": f"sum(rate({watched.of('registry_http_request_size_bytes_sum')}[5m]))",
            "sent": f"sum(rate({watched.of('registry_http_response_size_bytes_sum')}[5m]))",
        },
    )
    yield Panel(title="Failed logins in a second", unit="short", queries={"logins": watched.refused})
    memory = watched.of("process_resident_memory_bytes")
    yield Panel(title="Memory of the registry", unit="bytes", queries={"{{pod}}": f"sum by (pod) ({memory})"})
    if watched.in_folder:
        queries = {"free": f"min({watched.free})", "size": f"min({watched.size})"}
        yield Panel(title="Storage", unit="bytes", queries=queries)
    if watched.encrypted:
        yield Panel(title="Until the certificate ends", unit="s", queries={"left": watched.until_end})
    if watched.collects:
        yield Panel(title="Since the last collection", unit="s", queries={"age": watched.since_collection})
    if watched.proof_minutes:
        queries = {"{{proof}}": watched.since_proof}
        yield Panel(title="Since the last pull of the proof", unit="s", queries=queries)


def dashboard(watched: Watched) -> str:
    """Give the JSON that Grafana imports; people choose their Prometheus there."""
    title = f"Private registry {watched.namespace}/{watched.registry}"
    graphs = [_graph(number, panel) for number, panel in enumerate(panels(watched))]
    choice = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return json.dumps(
        {
            "title": title,
            "tags": ["private-registry"],
            "schemaVersion": 39,
            "time": {"from": "now-6h", "to": "now"},
            "refresh": "1m",
            "templating": {"list": [choice]},
            "panels": graphs,
        },
        indent=2,
    )


def _graph(number: int, panel: Panel) -> dict[str, Any]:
    across = _COLUMNS // _WIDTH
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": {
            "x": number % across * _WIDTH,
            "y": number // across * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend, "datasource": _DATASOURCE}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }

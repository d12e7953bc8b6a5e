"""The dashboard's picture in the docs, drawn from what a real Prometheus has of a registry in use.

Grafana itself cannot be had everywhere: each graph of the dashboard is asked for as Grafana asks for it, and drawn
here in its place. It is written to docs/dashboard.svg.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

from lab.images import NGINX
from lab.topology import FIRST
from lab.ui import say
from tests.live.harness import PROJECT, USER, Node, Stack
from tests.live.monitoring import Prometheus, operator_kinds
from tests.live.registry_client import Client, Image

_PICTURE: Final = PROJECT / "docs" / "dashboard.svg"
_SECONDS, _STEP = 240, 2
_GUESSES: Final = 5
"""For each push, so that more logins fail than succeed."""
_ACROSS, _WIDTH, _HEIGHT = 3, 380, 190
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 30, 12, 42
_COLOURS: Final = ("#2f7ed8", "#d8572f", "#3c9d55", "#8a5bb5", "#c29a13", "#4b5a67")
_TIMES: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
_SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


def draw(node: Node, folder: Path) -> None:
    """Use a registry for some minutes, and draw what its dashboard shows of them."""
    with operator_kinds(node):
        stack = Stack.make(node, folder)
        for key, value in {
            "metrics": "true",
            "doorImage": NGINX,
            "collectionTime": "03:30",
            "proofMinutes": "1",
        }.items():
            stack.set(key, value)
        stack.set("proofNodes[0]", FIRST.name, path=True)
        stack.up()
        with Prometheus.watching(node) as prometheus:
            _use(node)
            [text] = node.get("configmap", "registry-dashboard")["data"].values()
            dashboard = json.loads(text)
            graphs = [_graph(number, panel, prometheus) for number, panel in enumerate(dashboard["panels"])]
        stack.remove()
    rows = math.ceil(len(graphs) / _ACROSS)
    size = f'width="{_ACROSS * _WIDTH}" height="{rows * _HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    _PICTURE.write_text("\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *graphs, "</svg>", ""]))
    say(f"{_PICTURE.relative_to(PROJECT)}: {len(graphs)} graphs")


def _use(node: Node) -> None:
    """Push and pull in waves, with somebody who guesses in one of them."""
    began = time.monotonic()
    client = Client(node)
    while (now := time.monotonic() - began) < _SECONDS:
        image = Image.random(int(3_000_000 * (1 + math.sin(now / 20))) + 1000)
        client.push("team/app", f"v{int(now)}", image)
        client.has("team/app", f"v{int(now)}", image)
        if _SECONDS / 2 < now < _SECONDS * 2 / 3:
            for _ in range(_GUESSES):
                node.registry("/v2/", account=(USER, "wrong-password"))
        time.sleep(0.3)
    client.close()


def _graph(number: int, panel: dict[str, Any], prometheus: Prometheus) -> str:
    lines: list[tuple[str, list[tuple[float, float]]]] = []
    for target in panel["targets"]:
        # Rates over five minutes would show one wave.
        for series in prometheus.history(target["expr"].replace("[5m]", "[20s]"), _SECONDS, _STEP):
            legend = target["legendFormat"]
            for label, value in series["metric"].items():
                legend = legend.replace(f"{{{{{label}}}}}", value)
            points = [(float(at), float(value)) for at, value in series["values"]]
            lines.append((legend, [(at, value) for at, value in points if math.isfinite(value)]))
    unit = panel["fieldConfig"]["defaults"]["unit"]
    left, top = number % _ACROSS * _WIDTH, number // _ACROSS * _HEIGHT
    return "\n".join([f'<g transform="translate({left},{top})">', *_drawn(panel["title"], unit, lines), "</g>"])


def _drawn(title: str, unit: str, lines: list[tuple[str, list[tuple[float, float]]]]) -> Iterator[str]:
    points = [point for _, line in lines for point in line]
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    highest = max(1e-9, *(value for _, value in points)) * 1.1
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(at: float) -> float:
        return _LEFT + (at - first) / max(last - first, 1) * width

    def down(value: float) -> float:
        return _TOP + height - max(value, 0) / highest * height

    yield f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(title)}</text>'
    for part in (0, 0.5, 1):
        y = down(highest * part)
        yield f'<path d="M{_LEFT} {y:.1f}H{_LEFT + width}" stroke="#ddd"/>'
        shown = _shown(highest * part, unit)
        yield f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{shown}</text>'
    place = float(_LEFT)
    for number, (legend, line) in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{across(at):.1f},{down(value):.1f}" for at, value in line)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        yield f'<text x="{place:.0f}" y="{_HEIGHT - 22}" fill="{colour}" font-size="10">{escape(legend)}</text>'
        place += 5.5 * len(legend) + 10


def _shown(value: float, unit: str) -> str:
    scale = {"s": _TIMES, "bytes": _SIZES, "Bps": _SIZES}.get(unit)
    if not scale or not value:
        return f"{value:.3g}"
    size, name = next(((size, name) for size, name in scale if value >= size), scale[-1])
    return f"{value / size:.3g} {name}{'/s' if unit == 'Bps' else ''}"

"""A real Prometheus with its Alertmanager in the lab, told what an operator would tell them.

The operator's own program is not here: its definitions are, and what it makes of a ServiceMonitor and of a
PrometheusRule is made here. All times of the rules are shorter, so that an alert begins and ends within a test.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lab import images, parts
from lab.topology import FIRST
from tests.live.harness import Node
from tests.live.objects import administrator, apply
from tests.live.observation import until

NAMESPACE = "monitoring"
WINDOW = "[20s]"
"""Of rates, in place of five minutes; failed logins are counted every 15 s."""
_KINDS = ("servicemonitors", "prometheusrules")
_NAME = "prometheus"


@contextmanager
def operator_kinds(node: Node) -> Iterator[None]:
    """Have the cluster know the kinds of the Prometheus operator."""
    files = [parts.prometheus_operator() / f"monitoring.coreos.com_{kind}.yaml" for kind in _KINDS]
    try:
        for file in files:
            # They are too large for the annotation of a client-side apply.
            node.kubectl("apply", "--server-side", "--filename=-", stdin=file.read_text())
            node.wait_for(
                "condition=Established",
                f"crd/{file.stem.removeprefix('monitoring.coreos.com_')}.monitoring.coreos.com",
            )
        yield
    finally:
        for file in files:
            node.kubectl("delete", "--filename=-", "--ignore-not-found", stdin=file.read_text())


@dataclass(frozen=True)
class Prometheus:
    """Both programs, running."""

    node: Node
    address: str
    """Of their Pod."""

    @classmethod
    @contextmanager
    def watching(cls, node: Node, **seconds: int) -> Iterator[Prometheus]:
        """Start them on what the cluster has of ServiceMonitors and PrometheusRules.

        `seconds` are thresholds of time, by alert, in place of its own.
        """
        monitors = node.get("servicemonitors.monitoring.coreos.com")["items"]
        rules = node.get("prometheusrules.monitoring.coreos.com")["items"]
        apply(node, [*administrator(_NAME, NAMESPACE), *_objects(_settings(monitors), _rules(rules, seconds))])
        try:
            node.wait_for("condition=Ready", f"pod/{_NAME}", namespace=NAMESPACE)
            pod = node.get("pod", _NAME, f"--namespace={NAMESPACE}")
            made = cls(node, pod["status"]["podIP"])
            # Until it has found what to watch, that is missing, and an alert of this time lasts a little.
            until(lambda: bool(made.ask("up == 1")) and not made.firing(), "Prometheus to find the registry")
            yield made
        finally:
            node.kubectl("delete", f"namespace/{NAMESPACE}", f"clusterrolebinding/{_NAME}", "--ignore-not-found")

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers, a series each."""
        answer = self._get(9090, f"/api/v1/query?query={quote(query)}")
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def history(self, query: str, seconds: int, step: int) -> list[dict[str, Any]]:
        """What it would have answered since then, a series each: pairs of time and text under `values`."""
        now = time.time()
        window = f"&start={now - seconds}&end={now}&step={step}"
        answer = self._get(9090, f"/api/v1/query_range?query={quote(query)}{window}")
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def firing(self) -> dict[str, str]:
        """The summaries of the alerts that Alertmanager would tell people of now, by name."""
        active = self._get(9093, "/api/v2/alerts?active=true")
        return {alert["labels"]["alertname"]: alert["annotations"]["summary"] for alert in active}

    def broken(self) -> list[str]:
        """What the rules could not be computed for."""
        groups = self._get(9090, "/api/v1/rules")["data"]["groups"]
        return [rule["lastError"] for group in groups for rule in group["rules"] if rule["health"] == "err"]

    def _get(self, port: int, path: str) -> Any:  # noqa: ANN401 - any JSON
        words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20"]
        return json.loads(self.node.run([*words, f"http://{self.address}:{port}{path}"]).stdout)


def _settings(monitors: list[dict[str, Any]]) -> dict[str, Any]:
    """What the operator makes of ServiceMonitors: where to look, and the labels of what is found."""
    jobs = []
    for monitor in monitors:
        [endpoint] = monitor["spec"]["endpoints"]
        wanted = {
            f"__meta_kubernetes_service_label_{re.sub(r'[^a-zA-Z0-9]', '_', label)}": value
            for label, value in monitor["spec"]["selector"]["matchLabels"].items()
        } | {"__meta_kubernetes_endpointslice_port_name": endpoint["port"]}
        keep = [
            {"source_labels": [source], "regex": re.escape(value), "action": "keep"}
            for source, value in wanted.items()
        ]
        names = {
            "namespace": "__meta_kubernetes_namespace",
            "service": "__meta_kubernetes_service_name",
            "pod": "__meta_kubernetes_pod_name",
        }
        given = [{"source_labels": [source], "target_label": label} for label, source in names.items()]
        namespaces = {"names": [monitor["metadata"]["namespace"]]}
        jobs.append(
            {
                "job_name": monitor["metadata"]["name"],
                "metrics_path": endpoint["path"],
                "kubernetes_sd_configs": [{"role": "endpointslice", "namespaces": namespaces}],
                "relabel_configs": [*keep, *given],
            }
        )
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["/config/rules.json"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]},
        "scrape_configs": jobs,
    }


def _rules(objects: list[dict[str, Any]], seconds: dict[str, int]) -> dict[str, Any]:
    groups = [group for item in objects for group in item["spec"]["groups"]]
    for rule in (rule for group in groups for rule in group["rules"]):
        # A busy machine may miss some scrapes of a second each.
        rule["for"] = "5s"
        rule["expr"] = rule["expr"].replace("[5m]", WINDOW)
        if rule["alert"] in seconds:
            rule["expr"] = re.sub(r"> \d+$", f"> {seconds[rule['alert']]}", rule["expr"])
    return {"groups": groups}


def _objects(settings: dict[str, Any], rules: dict[str, Any]) -> list[dict[str, Any]]:
    metadata = {"name": _NAME, "namespace": NAMESPACE}
    manager = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    files = {"prometheus.yml": settings, "rules.json": rules, "alertmanager.yml": manager}
    # JSON is YAML.
    data = {name: json.dumps(content) for name, content in files.items()}
    mounts = [{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}]
    arguments = {
        "prometheus": ["--config.file=/config/prometheus.yml", "--storage.tsdb.path=/data/prometheus"],
        "alertmanager": [
            "--config.file=/config/alertmanager.yml",
            "--storage.path=/data/alertmanager",
            "--cluster.listen-address=",
        ],
    }
    ports = {"prometheus": 9090, "alertmanager": 9093}
    programs = {program.name: program.parent for program in parts.prometheus()}
    containers = [
        {
            "name": name,
            "image": images.ALPINE,
            "imagePullPolicy": "Never",
            "command": [f"/programs/{name}", *arguments[name]],
            "readinessProbe": {"httpGet": {"path": "/-/ready", "port": ports[name]}, "periodSeconds": 1},
            "volumeMounts": [*mounts, {"name": name, "mountPath": "/programs", "readOnly": True}],
        }
        for name in arguments
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "config", "configMap": {"name": _NAME}},
        {"name": "data", "emptyDir": {}},
        *({"name": name, "hostPath": {"path": str(folder)}} for name, folder in programs.items()),
    ]
    pod = {
        "nodeName": FIRST.name,
        "serviceAccountName": _NAME,
        "terminationGracePeriodSeconds": 2,
        "containers": containers,
        "volumes": volumes,
    }
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
    ]

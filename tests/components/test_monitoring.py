"""What is declared for metrics: a container, a Service, and what a Prometheus operator and Grafana read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.cluster.kubectl import KubectlError
from components.problems import SettingsError
from tests.components.declaration import (
    CONFIG_MAP,
    CRON_JOB,
    POLICY,
    SECRET,
    SERVICE,
    answering,
    containers,
    content,
    declared,
    template,
)

MONITOR = "kubernetes:monitoring.coreos.com/v1:ServiceMonitor"
RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"


def test_without_metrics_nothing_is_there_for_them() -> None:
    """Neither a container, nor the registry's debug server, nor objects."""
    recorder = declared()

    assert containers(recorder).keys() == {"registry"}
    assert "debug" not in json.loads(content(recorder.one(SECRET, "registry-config"))["config.yml"])["http"]
    assert [name for kind in (MONITOR, RULE, CRON_JOB) for name in recorder.all(kind)] == []
    assert "registry-metrics" not in recorder.all(SERVICE)


def test_metrics_have_a_port_and_a_service_of_their_own() -> None:
    """The public one never shows them."""
    recorder = declared(metrics=True)
    metrics = containers(recorder)["metrics"]

    assert metrics["ports"] == [{"name": "metrics", "containerPort": 5002}]
    assert recorder.one(SERVICE, "registry-metrics").inputs["spec"]["ports"] == [
        {"name": "metrics", "port": 5002, "targetPort": "metrics"}
    ]
    assert [port["name"] for port in recorder.one(SERVICE, "registry-service").inputs["spec"]["ports"]] == [
        "registry"
    ]


def test_metrics_that_hang_stop_no_pull() -> None:
    """The container is started anew, and the Pod is Ready meanwhile."""
    metrics = containers(declared(metrics=True))["metrics"]

    assert metrics["livenessProbe"]["tcpSocket"] == {"port": "metrics"}
    assert "readinessProbe" not in metrics


def test_the_container_reads_images_and_certificate_and_not_the_key() -> None:
    """It needs their size and its end."""
    recorder = declared(metrics=True)
    mounts = {mount["name"]: mount for mount in containers(recorder)["metrics"]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in template(recorder)["spec"]["volumes"]}

    assert mounts.keys() == {"metrics", "data", "certificate"}
    assert mounts["data"]["readOnly"]
    assert volumes["certificate"]["secret"]["items"] == [{"key": "tls.crt", "path": "tls.crt"}]


def test_an_operator_is_told_where_there_is_one() -> None:
    """What to read, and when to wake people."""
    kinds = "prometheusrules.monitoring.coreos.com\nservicemonitors.monitoring.coreos.com\n"
    recorder = declared(metrics=True, ask=answering("api-resources", answer=kinds))
    [endpoint] = recorder.one(MONITOR).inputs["spec"]["endpoints"]
    [group] = recorder.one(RULE).inputs["spec"]["groups"]

    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")
    labels = recorder.one(SERVICE, "registry-metrics").inputs["metadata"]["labels"]
    assert recorder.one(MONITOR).inputs["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert {"PrivateRegistryDown", "PrivateRegistryStorageFull"} <= {rule["alert"] for rule in group["rules"]}


def test_without_an_operator_there_is_nothing_for_it() -> None:
    """The API server would refuse kinds that it does not know."""
    recorder = declared(metrics=True, ask=answering("api-resources", answer=""))

    assert (recorder.all(MONITOR), recorder.all(RULE)) == ({}, {})
    assert "registry-dashboard" in recorder.all(CONFIG_MAP)


def test_what_was_declared_stays_where_nobody_answers() -> None:
    """A preview without a cluster would announce its end."""
    for ask in (None, answering("api-resources", answer=KubectlError("no answer"))):
        assert declared(metrics=True, ask=ask).all(MONITOR).keys() == {"registry-scraped"}


def test_the_dashboard_is_found_by_grafana_s_chart() -> None:
    """By its label; what it holds is JSON."""
    inputs = declared(metrics=True).one(CONFIG_MAP, "registry-dashboard").inputs
    [text] = inputs["data"].values()

    assert inputs["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert len(json.loads(text)["panels"]) == 8


def test_the_proof_goes_on_from_each_of_its_nodes() -> None:
    """By a Pod that pulls anew each time, and says so where metrics are made."""
    recorder = declared(metrics=True, proof_minutes=15, proof_nodes=("node-1", "node-2"))
    jobs = recorder.all(CRON_JOB)
    spec = jobs["registry-proof-node-2"].inputs["spec"]
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]

    assert jobs.keys() == {"registry-proof-node-1", "registry-proof-node-2"}
    assert spec["schedule"] == "*/15 * * * *"
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["containers"][0]["command"][-1] == "registry-proof-node-2"
    assert containers(recorder)["metrics"]["command"][-2:] == ["registry-proof-node-1", "registry-proof-node-2"]


def test_the_longest_name_of_a_node_leaves_room_for_that_of_a_job() -> None:
    """Kubernetes refuses a CronJob with more than 52 characters."""
    recorder = declared(metrics=True, proof_minutes=60, proof_nodes=("n" * 63, "n" * 62 + "m"))

    assert {len(job.inputs["metadata"]["name"]) for job in recorder.all(CRON_JOB).values()} == {52}
    assert {job.inputs["spec"]["schedule"] for job in recorder.all(CRON_JOB).values()} == {"0 * * * *"}


def test_metrics_are_read_from_where_the_policy_allows() -> None:
    """And reports come from the proof's Pods alone, which reach nobody else."""
    values: dict[str, Any] = {"network_addresses": ("10.0.0.0/8",), "network_metrics_namespaces": ("monitoring",)}
    recorder = declared(metrics=True, proof_minutes=15, pull_namespaces=("apps",), **values)
    by_port = {
        rule["ports"][0]["port"]: rule["from"]
        for rule in recorder.one(POLICY, "registry-clients").inputs["spec"]["ingress"]
    }
    proof = {"app.kubernetes.io/name": "proof", "app.kubernetes.io/instance": "registry-proof"}

    assert by_port[5002] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert by_port[5003] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}},
            "podSelector": {"matchLabels": proof},
        }
    ]
    reports = recorder.one(POLICY, "registry-reports").inputs
    assert reports["metadata"]["namespace"] == "apps"
    [egress] = reports["spec"]["egress"]
    assert egress["ports"] == [{"protocol": "TCP", "port": 5003}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"metrics": True, "proof_minutes": 7}, "proofMinutes must be one of 0, 1, 2, 3, 4, 5, 6, 10, 12, 15"),
        ({"proof_minutes": 15}, "proofMinutes must not be set without metrics"),
        ({"door_image": "nginx:1.28-alpine"}, "doorImage must not be set without rights or metrics"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, Any], said: str) -> None:
    """With what would do."""
    with pytest.raises(SettingsError) as refused:
        declared(**values)

    assert said in str(refused.value)

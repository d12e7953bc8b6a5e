"""Metrics, alerts and dashboard, as a real Prometheus with its Alertmanager sees them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from components.monitoring import alerts
from lab import images
from lab.topology import FIRST
from tests.authority import Authority
from tests.live import volumes
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.monitoring import WINDOW, Prometheus, operator_kinds
from tests.live.observation import REGISTRY_PODS, only_pod, until
from tests.live.registry_client import Client, Image, busy

DISK = "/srv/images"
PROOF = "registry-proof-minikube"
CI = "ci-password-1"
SECONDS = {"PrivateRegistryProofLost": 100}
"""In place of three minutes, while the proof comes each minute."""


@dataclass(frozen=True)
class Watched:
    """The stack and who watches it."""

    stack: Stack
    lab: Node
    prometheus: Prometheus

    def metrics(self, path: str = "/metrics", port: int = 5002) -> str:
        """Status and body of a page, as anybody in the cluster gets it."""
        pod = only_pod(self.lab, REGISTRY_PODS)["status"]["podIP"]
        words = ["curl", "--silent", "--path-as-is", "--max-time", "20", "--write-out", "\n%{http_code}"]
        return self.lab.run([*words, f"http://{pod}:{port}{path}"], check=False).stdout

    def inside(self, container: str, *words: str) -> None:
        """Run a command in a container of the registry's Pod."""
        self.lab.kubectl("exec", "deployment/registry", f"--container={container}", "--", *words)


@pytest.fixture(scope="module")
def watched(lab: Node, stack: Stack) -> Iterator[Watched]:
    """A registry on a small disk, whose accounts have rights, which collects and is proven each minute."""
    with operator_kinds(lab), volumes.small_disk(lab, DISK, 64):
        stack.set("hostPath", DISK)
        stack.set("metrics", "true")
        stack.set("doorImage", images.NGINX)
        stack.set("collectionTime", "03:30")
        stack.set("proofMinutes", "1")
        stack.set("proofNodes[0]", FIRST.name, path=True)
        stack.set("users.ci", CI, secret=True, path=True)
        stack.set("rights.ci", "push team/*", path=True)
        stack.up()
        with Prometheus.watching(lab, **SECONDS) as prometheus:
            yield Watched(stack, lab, prometheus)
        stack.destroy()


def test_an_up_that_changes_nothing_leaves_them_alone(watched: Watched) -> None:
    """Scraping, alerts and dashboard among them."""
    assert watched.stack.up("--expect-no-changes").changed == set()


@pytest.mark.parametrize(
    "path",
    ["/", "/debug/pprof/", "/debug/vars", "/debug/health", "/registry", "/metrics/../debug/vars", "/metrics/x"],
)
def test_nothing_but_metrics_is_served(watched: Watched, path: str) -> None:
    """The registry's debug server has profiles, from which credentials can be read."""
    assert watched.metrics(path).endswith("\n404")


def test_the_debug_server_and_the_public_port_show_nothing(watched: Watched) -> None:
    """The one is reached from nowhere, and at the other such a page is nobody's right."""
    assert watched.metrics(port=5001).endswith("\n000")
    assert watched.lab.registry("/metrics").status == 403


def test_metrics_alerts_and_dashboard_hold_no_secret(watched: Watched) -> None:
    """Nor do the objects for them."""
    texts = [watched.metrics(), json.dumps(watched.lab.get("configmap", "registry-dashboard"))]
    texts += [
        json.dumps(watched.lab.get(f"{kind}.monitoring.coreos.com"))
        for kind in ("servicemonitors", "prometheusrules")
    ]
    accounts = {USER: PASSWORD, "ci": CI}.items()
    secrets = [base64.b64encode(":".join(account).encode()).decode() for account in accounts] + ["PRIVATE KEY", CI]
    lines = base64.b64decode(watched.lab.get("secret", "registry-htpasswd")["data"]["htpasswd"]).decode().split()
    secrets += [line.partition(":")[2] for line in lines]

    assert "registry_http_requests_total" in texts[0]
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []


def test_each_graph_of_the_dashboard_has_data(watched: Watched) -> None:
    """After some requests, good ones and refused ones."""
    [text] = watched.lab.get("configmap", "registry-dashboard")["data"].values()
    queries = {
        f"{panel['title']}: {target['legendFormat']}": target["expr"].replace("[5m]", "[1m]")
        for panel in json.loads(text)["panels"]
        for target in panel["targets"]
    }

    def lacking() -> list[str]:
        watched.lab.registry("/v2/_catalog")
        answers = {name: watched.prometheus.ask(query) for name, query in queries.items()}
        return [
            name
            for name, series in answers.items()
            if not any(one["value"][1] not in {"NaN", "+Inf"} for one in series)
        ]

    assert len(queries) >= 12
    until(lambda: not lacking(), "data in each graph", seconds=60)


def test_nothing_fires_while_all_is_well(watched: Watched) -> None:
    """Nor is there a rule that cannot be computed."""
    age = f'time() - private_registry_proof_timestamp_seconds{{proof="{PROOF}"}}'
    until(lambda: watched.prometheus.ask(f"{age} < 45") != [], "a proof that reports", seconds=120)

    assert watched.prometheus.firing() == {}
    assert watched.prometheus.broken() == []


def test_each_wrong_password_is_counted_and_nothing_else(watched: Watched) -> None:
    """Among many first requests without an account, and good ones; who guessed what is written nowhere."""
    metric = "private_registry_failed_logins_total"
    lab, typed = watched.lab, "canary-typed-for-a-name"

    def counted() -> int:
        [value] = re.findall(rf"^{metric} (\d+)$", watched.metrics(), re.MULTILINE)
        return int(value)

    before = counted()
    for _ in range(5):
        for _ in range(10):
            assert lab.registry("/v2/", account=None).status == 401
        assert lab.registry("/v2/").status == 200
        assert lab.registry("/v2/_catalog", account=("ci", CI)).status == 403
        for account in (USER, "ci", typed):
            assert lab.registry("/v2/team/app/tags/list", account=(account, "canary-guess")).status == 401
    until(lambda: counted() >= before + 15, "the count of wrong passwords")
    written = lab.kubectl(
        "exec", "deployment/registry", "--container=metrics", "--", "sh", "-c", "cat /run/failed-logins/*"
    )

    assert counted() == before + 15
    assert written.strip("\n") == ""


Cause = Callable[[Watched], AbstractContextManager[None]]


ESTIMATE = alerts.Watched(
    namespace="default",
    registry="registry",
    in_folder=True,
    encrypted=True,
    collects=True,
    counts_logins=False,
    proof_minutes=1,
).refused.replace("[5m]", WINDOW)
"""Of failed logins, by the registry's own numbers, as a stack without rights has it."""


@contextmanager
def wrong_passwords(watched: Watched) -> Iterator[None]:
    """Somebody guesses, which the estimate shows as well."""

    def guess(_: int) -> None:
        watched.lab.registry("/v2/", account=(USER, "wrong-password"))

    with busy(1, guess):
        until(lambda: watched.prometheus.ask(f"{ESTIMATE} > 0.2") != [], "failed logins in the estimate")
        yield


@contextmanager
def full_disk(watched: Watched) -> Iterator[None]:
    """Not a byte is free."""
    with volumes.full(watched.lab, DISK):
        yield


@contextmanager
def failing_pushes(watched: Watched) -> Iterator[None]:
    """As on a full disk."""

    def push(_: int) -> None:
        client = Client(watched.lab)
        client.push("failing", "1", Image.random(1 << 20))
        client.close()

    with volumes.full(watched.lab, DISK), busy(1, push):
        yield


@contextmanager
def put(lab: Node, secret: str, key: str, content: bytes) -> Iterator[None]:
    """Have a Secret hold something else meanwhile."""
    before = lab.get("secret", secret)["data"][key]

    def patch(encoded: str) -> None:
        data = json.dumps({"data": {key: encoded}})
        lab.kubectl("patch", "secret", secret, "--type=merge", f"--patch={data}")

    patch(base64.b64encode(content).decode())
    try:
        yield
    finally:
        patch(before)


@contextmanager
def ending_certificate(watched: Watched) -> Iterator[None]:
    """One that has two days of its thirty left, where the registry's own was."""
    now = datetime.now(UTC)
    pair = Authority().issue("10.0.0.5", begin=now - timedelta(days=28), end=now + timedelta(days=2))
    with put(watched.lab, "registry-tls", "tls.crt", pair.certificate.encode()):
        yield


@contextmanager
def late_collection(watched: Watched) -> Iterator[None]:
    """The last one was in 1970, and another one ends that."""
    watched.inside("metrics", "touch", "-d", "@0", "/run/metrics/collected")
    yield
    watched.inside("registry", "sh", "-c", "kill -USR1 1")


@contextmanager
def lost_pull(watched: Watched) -> Iterator[None]:
    """The password for pulls is wrong."""
    secret = watched.lab.get("secret", "regcred")
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    for entry in config["auths"].values():
        entry["auth"] = base64.b64encode(b"test:wrong").decode()
        entry["password"] = "wrong"
    with put(watched.lab, "regcred", ".dockerconfigjson", json.dumps(config).encode()):
        yield


@contextmanager
def no_pod(watched: Watched) -> Iterator[None]:
    """Somebody has stopped the registry."""
    watched.lab.kubectl("scale", "deployment/registry", "--replicas=0")
    yield
    watched.lab.kubectl("scale", "deployment/registry", "--replicas=1")


CAUSES: dict[str, tuple[Cause, str]] = {
    "PrivateRegistryFailedLogins": (wrong_passwords, "logins a second fail at the registry default/registry"),
    "PrivateRegistryStorageFull": (full_disk, "The storage of the registry default/registry has 0% left"),
    "PrivateRegistryErrors": (failing_pushes, "The registry default/registry fails "),
    "PrivateRegistryCertificateEnds": (ending_certificate, "ends in 1d 23h"),
    "PrivateRegistryCollectionLate": (late_collection, "has not collected for "),
    "PrivateRegistryProofLost": (lost_pull, f"No pull by {PROOF} from the registry default/registry for 1m "),
    "PrivateRegistryDown": (no_pod, "No Pod of the registry default/registry answers"),
}


def test_each_alert_has_a_cause_here(watched: Watched) -> None:
    """Or a new one would never be seen to fire."""
    rules = watched.lab.get("prometheusrules.monitoring.coreos.com", "registry")["spec"]["groups"][0]["rules"]

    assert {rule["alert"] for rule in rules} == CAUSES.keys()


@pytest.mark.parametrize("alert", CAUSES)
def test_it_fires_while_its_cause_lasts_and_ends_with_it(watched: Watched, alert: str) -> None:
    """People are told by Alertmanager, in words that name the registry."""
    cause, said = CAUSES[alert]
    with cause(watched):
        until(lambda: alert in watched.prometheus.firing(), f"{alert} to fire", seconds=240)
        assert said in watched.prometheus.firing()[alert]
    until(lambda: alert not in watched.prometheus.firing(), f"{alert} to end", seconds=240)

"""The door: nginx before the registry, where accounts have rights."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.components.declaration import DEPLOYMENT, KEPT, SECRET, containers, content, declared, template
from tests.components.recorder import Recorder

KEPT_PASSWORD = "kept-pull-password"
RIGHTS = {"users": {"ci": "ci-password-1"}, "rights": {"ci": "push team-a/*"}}
REPLICAS = {"storage": "s3", "s3_bucket": "images", "exposure": "loadBalancer", "replicas": 2}


def with_rights(**values: Any) -> Recorder:  # noqa: ANN401
    """A registry whose accounts have rights."""
    return declared(stashed={**KEPT, "registry-pull-password": KEPT_PASSWORD}, **{**RIGHTS, **values})


def test_without_rights_there_is_no_door() -> None:
    """One container, which serves clients itself."""
    assert containers(declared()).keys() == {"registry"}


def test_the_door_alone_has_the_port_and_the_certificate() -> None:
    """The registry listens at a socket that both share."""
    both = containers(with_rights())
    config = json.loads(content(with_rights().one(SECRET, "registry-config"))["config.yml"])

    assert both["door"]["ports"] == [{"name": "registry", "containerPort": 5000, "hostPort": 5000}]
    assert "ports" not in both["registry"]
    assert {"tls", "run", "door"} == {mount["name"] for mount in both["door"]["volumeMounts"]}
    assert "run" in {mount["name"] for mount in both["registry"]["volumeMounts"]}
    assert not {"tls", "door"} & {mount["name"] for mount in both["registry"]["volumeMounts"]}
    assert (config["http"]["net"], config["http"]["addr"]) == ("unix", "/run/door/registry.sock")
    assert "tls" not in config["http"]


@pytest.mark.parametrize("metrics", [True, False], ids=["with metrics", "without"])
def test_the_door_counts_failed_logins_where_metrics_show_them(*, metrics: bool) -> None:
    """In memory that is bounded, which both containers and no other have; else nothing is written."""
    recorder = with_rights(metrics=metrics)
    volumes = {volume["name"]: volume for volume in template(recorder)["spec"]["volumes"]}
    mounting = {
        name
        for name, container in containers(recorder).items()
        if "failed-logins" in {mount["name"] for mount in container["volumeMounts"]}
    }

    assert mounting == ({"door", "metrics"} if metrics else set())
    assert ("failed_login if=" in content(recorder.one(SECRET, "registry-door"))["nginx.conf"]) == metrics
    bounded = {"name": "failed-logins", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    assert volumes.get("failed-logins") == (bounded if metrics else None)


def test_without_a_door_nobody_counts_failed_logins() -> None:
    """Nor does a Pod have the memory for it."""
    recorder = declared(metrics=True)

    assert "failed-logins" not in {volume["name"] for volume in template(recorder)["spec"]["volumes"]}
    assert "/run/failed-logins" not in containers(recorder)["metrics"]["command"]


def test_the_pull_secret_has_an_account_that_only_pulls() -> None:
    """Whoever gets hold of it cannot push."""
    recorder = with_rights()
    auths = json.loads(content(recorder.one(SECRET, "registry-pull-secret-default"))[".dockerconfigjson"])["auths"]
    rights = content(recorder.one(SECRET, "registry-door"))["rights.map"]

    assert {base64.b64decode(entry["auth"]).decode() for entry in auths.values()} == {f"pull:{KEPT_PASSWORD}"}
    assert [line for line in rights.splitlines() if line.startswith('"~^pull:')] == ['"~^pull:(?:pull):.*$" 1;']


def test_all_accounts_are_known_to_the_registry() -> None:
    """Which alone knows their passwords: nothing of them is in the door's files."""
    recorder = with_rights()
    htpasswd = content(recorder.one(SECRET, "registry-htpasswd"))["htpasswd"]
    files = "".join(content(recorder.one(SECRET, "registry-door")).values())

    assert [line.partition(":")[0] for line in htpasswd.splitlines()] == ["ci", "pull", "registry"]
    assert "$2b$" not in files
    assert "ci-password-1" not in files


@pytest.mark.parametrize(("values", "follows"), [({}, False), (REPLICAS, True)])
def test_changed_rights_replace_pods_only_where_others_serve_meanwhile(
    *, values: dict[str, Any], follows: bool
) -> None:
    """A Pod alone would be away for a while; its door takes them over in place."""
    first, then = (
        template(with_rights(**values, rights={"ci": rights}))["metadata"]["annotations"]
        for rights in ("push team-a/*", "push team-b/*")
    )

    assert (first != then) is follows


def test_the_registry_ends_after_the_door() -> None:
    """What the door finishes needs the registry."""
    both = containers(with_rights(**REPLICAS))

    assert both["door"]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "15"]
    assert "while [ -e /run/door/serving ]" in both["registry"]["lifecycle"]["preStop"]["exec"]["command"][-1]


def test_kubernetes_probes_the_registry_through_the_door() -> None:
    """Not Ready while the storage is sick."""
    both = containers(with_rights())

    assert both["door"]["readinessProbe"]["httpGet"] == {"path": "/", "port": "registry", "scheme": "HTTPS"}
    assert "readinessProbe" not in both["registry"]


def test_rights_are_no_part_of_the_deployment() -> None:
    """They come as a Secret."""
    assert "team-a" not in str(with_rights().one(DEPLOYMENT).inputs)

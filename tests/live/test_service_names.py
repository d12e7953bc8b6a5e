"""Services whose variables Kubernetes would hand to the registry as if they were its configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.harness import Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod

NAMES = ("registry-storage", "registry-auth")


@pytest.fixture(scope="module")
def amid_services(stack: Stack, lab: Node) -> Iterator[Stack]:
    """The stack, up, with Services called as sections of the registry's configuration."""
    stack.up()
    for name in NAMES:
        lab.kubectl("create", "service", "clusterip", name, "--tcp=80:80")
    yield stack
    lab.kubectl("delete", "service", *NAMES)


def test_c35_a_new_registry_pod_ignores_services_named_like_its_configuration(
    amid_services: Stack, lab: Node
) -> None:
    """The Pod that starts after the Services are there is Ready, has none of their variables and warns of none."""
    old = only_pod(lab, REGISTRY_PODS)["metadata"]
    lab.kubectl("delete", "pod", old["name"])
    lab.kubectl("rollout", "status", "deployment/registry", "--timeout=60s")

    new = only_pod(lab, REGISTRY_PODS)["metadata"]
    assert new["uid"] != old["uid"]
    log = lab.kubectl("logs", new["name"], "--container=registry")
    assert "listening on" in log
    assert "unrecognized" not in log
    assert "REGISTRY_" not in lab.kubectl("exec", new["name"], "--container=registry", "--", "env")
    assert lab.registry("/v2/").status == 200
    assert lab.registry("/v2/", account=None).status == 401
    assert amid_services.up("--expect-no-changes").changed == set()

"""The Service and the Ingress before the registry, and the ports that they lead to."""

from __future__ import annotations

import pytest

from tests.components.declaration import IMAGE, INGRESS, OWNER, SERVICE, container, declared


def test_service_leads_to_the_registry_and_is_not_waited_for() -> None:
    """That wait is a fixed ten seconds and proves less than the Deployment's own."""
    recorder = declared(port=5443, namespace="images")
    service = recorder.one(SERVICE).inputs

    assert service["spec"]["ports"] == [{"name": "registry", "port": 5443, "targetPort": "registry"}]
    assert service["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"
    assert service["metadata"]["namespace"] == "images"


def test_port_is_opened_on_the_node() -> None:
    """Nodes and the Docker Engine come in there; inside the container nothing changes."""
    [port] = container(declared(port=5443))["ports"]

    assert port == {"name": "registry", "containerPort": 5000, "hostPort": 5443}


def test_another_way_in_takes_no_port_of_the_registrys_node() -> None:
    """Another Pod may have it, and a namespace need not allow it."""
    [port] = container(declared(exposure="nodePort"))["ports"]

    assert port == {"name": "registry", "containerPort": 5000}


def test_service_opens_the_port_on_every_node() -> None:
    """Pods in the cluster find the registry at the same port as ever."""
    spec = declared(exposure="nodePort", node_port=31234).one(SERVICE).inputs["spec"]

    assert spec["type"] == "NodePort"
    assert spec["ports"] == [{"name": "registry", "port": 5000, "targetPort": "registry", "nodePort": 31234}]


def test_service_asks_for_a_load_balancer_and_waits_for_its_address() -> None:
    """Nothing can be pushed before; and the address is typed once, as `host`."""
    annotations = {"metallb.io/address-pool": "images"}
    service = declared(
        exposure="loadBalancer",
        host="10.0.0.9",
        port=443,
        load_balancer_class="example.com/lb",
        exposure_annotations=annotations,
    ).one(SERVICE)
    spec = service.inputs["spec"]

    assert (spec["type"], spec["loadBalancerClass"], spec["loadBalancerIP"]) == (
        "LoadBalancer",
        "example.com/lb",
        "10.0.0.9",
    )
    assert spec["ports"] == [{"name": "registry", "port": 443, "targetPort": "registry"}]
    assert service.inputs["metadata"]["annotations"] == {
        **annotations,
        "private-registry/owner": OWNER,
        "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0]}",
    }


def test_a_load_balancer_with_a_name_gives_any_address() -> None:
    """DNS follows it."""
    spec = declared(exposure="loadBalancer", host="registry.example.test").one(SERVICE).inputs["spec"]

    assert spec.keys() == {"type", "selector", "ports"}


def test_ingress_sends_the_host_to_the_service_with_the_registry_s_certificate() -> None:
    """No body is too large, nothing is kept on the controller's disk, and TLS goes on behind the controller."""
    recorder = declared(exposure="ingress", host="registry.example.test", namespace="images", ingress_class="nginx")
    ingress = recorder.one(INGRESS).inputs
    nginx = "nginx.ingress.kubernetes.io"

    assert (ingress["metadata"]["name"], ingress["metadata"]["namespace"]) == ("registry", "images")
    assert ingress["spec"] == {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["registry.example.test"], "secretName": "registry-tls"}],
        "rules": [
            {
                "host": "registry.example.test",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "registry", "port": {"name": "registry"}}},
                        }
                    ]
                },
            }
        ],
    }
    annotations = ingress["metadata"]["annotations"]
    assert annotations[f"{nginx}/proxy-body-size"] == "0"
    assert annotations[f"{nginx}/proxy-request-buffering"] == "off"
    assert annotations[f"{nginx}/backend-protocol"] == "HTTPS"
    assert int(annotations[f"{nginx}/proxy-read-timeout"]) >= 600
    assert annotations["pulumi.com/skipAwait"] == "true"
    assert annotations["private-registry/owner"] == OWNER


def test_ingress_leaves_the_class_to_the_cluster() -> None:
    """Which has a default one."""
    recorder = declared(exposure="ingress", host="registry.example.test")

    assert "ingressClassName" not in recorder.one(INGRESS).inputs["spec"]


def test_service_tells_traefik_that_the_registry_speaks_tls() -> None:
    """Traefik reads it there, and not from the Ingress."""
    recorder = declared(exposure="ingress", host="registry.example.test", namespace="images")
    service = recorder.one(SERVICE).inputs
    traefik = "traefik.ingress.kubernetes.io/service"

    assert "type" not in service["spec"]
    assert service["metadata"]["annotations"][f"{traefik}.serversscheme"] == "https"
    assert service["metadata"]["annotations"][f"{traefik}.serverstransport"] == "images-registry@kubernetescrd"


@pytest.mark.parametrize("exposure", ["hostPort", "nodePort", "loadBalancer"])
def test_only_an_ingress_makes_an_ingress(exposure: str) -> None:
    """Another way in is not opened by the way."""
    assert declared(exposure=exposure).all(INGRESS) == {}


@pytest.mark.parametrize("exposure", ["nodePort", "loadBalancer", "ingress"])
def test_nothing_is_pushed_before_the_way_in_is_there(exposure: str) -> None:
    """The push would fail, or go to what was there before."""
    recorder = declared(exposure=exposure, host="registry.example.test")
    made = [recorder.one(SERVICE), *recorder.all(INGRESS).values()]

    assert {item.urn for item in made} <= recorder.awaited(recorder.one(IMAGE))

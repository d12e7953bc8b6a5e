"""The ways in: what each refuses, and the addresses that follow from it."""

from typing import Any

import pytest

from components.exposure.settings import KINDS
from components.problems import SettingsError
from components.settings import Ingress, LoadBalancer, Settings
from components.stack_configuration import compose

NEEDED = {"node": "minikube", "password": "canary-canary"}
HOSTS = {
    "hostPort": "10.0.0.5",
    "nodePort": "10.0.0.5",
    "loadBalancer": "10.0.0.9",
    "ingress": "registry.example.test",
}
"""A host that is right for each kind."""


def made(kind: str, **values: Any) -> Settings:  # noqa: ANN401 - any setting
    """Make settings with this way in."""
    return compose({**NEEDED, "exposure": kind, "host": HOSTS.get(kind, "10.0.0.5"), **values})


def problems(kind: str, **values: Any) -> tuple[str, ...]:  # noqa: ANN401 - any setting
    """Give the lines of what is refused, without the project's name in front."""
    with pytest.raises(SettingsError) as refused:
        made(kind, **values)

    return tuple(line.removeprefix("private-registry:") for line in refused.value.problems)


def test_a_way_in_that_is_none_is_refused_with_all_there_are() -> None:
    """Else the port of a node would be opened by mistake."""
    [problem] = problems("hostport")

    assert problem.startswith(f'exposure must be {" or ".join(", ".join(KINDS).rsplit(", ", 1))}, got "hostport"')
    assert problem.endswith("; fix: `pulumi config set exposure hostPort`")


@pytest.mark.parametrize(
    ("kind", "values", "line"),
    [
        (
            "hostPort",
            {"node_port": 31000},
            (
                "nodePort must not be set while exposure is hostPort: it belongs to nodePort; fix: `pulumi config "
                "rm nodePort`, or `pulumi config set exposure nodePort`"
            ),
        ),
        (
            "nodePort",
            {"node_port": 29999},
            (
                "nodePort must be from 30000 to 32767, which Kubernetes keeps for node ports, got 29999; fix: "
                "`pulumi config set nodePort 30500`"
            ),
        ),
        (
            "nodePort",
            {"node_port": 32768},
            (
                "nodePort must be from 30000 to 32767, which Kubernetes keeps for node ports, got 32768; fix: "
                "`pulumi config set nodePort 30500`"
            ),
        ),
        (
            "nodePort",
            {"host": ""},
            (
                "host must be set to a host name or IP address; fix: `pulumi config set host <address>` "
                "(`kubectl get nodes -o wide` lists addresses)"
            ),
        ),
        (
            "nodePort",
            {"host": "127.0.0.1"},
            (
                'host must not be a loopback address while exposure is nodePort, got "127.0.0.1": on each node it '
                "leads to that node itself; fix: `pulumi config set host <address>` (`kubectl get nodes -o wide` "
                "lists addresses)"
            ),
        ),
        (
            "nodePort",
            {"host": "10.0.0.5:5000"},
            (
                'host must agree with the nodePort setting (30500), got "10.0.0.5:5000"; fix: `pulumi config '
                "set host <address>` (`kubectl get nodes -o wide` lists addresses)"
            ),
        ),
        (
            "nodePort",
            {"push_host": "a/b"},
            (
                'pushHost must be a host name or IP address without a path, got "a/b"; fix: `pulumi config set '
                "pushHost <address>`, or `pulumi config rm pushHost` for the same as `host`"
            ),
        ),
        (
            "loadBalancer",
            {"host": ""},
            (
                "host must be set to a host name or IP address; fix: `pulumi config set host <name or address of "
                "the load balancer>`"
            ),
        ),
        (
            "loadBalancer",
            {"host": "localhost"},
            (
                'host must not be a loopback address while exposure is loadBalancer, got "localhost": on each node '
                "it leads to that node itself; fix: `pulumi config set host <name or address of the load balancer>`"
            ),
        ),
        ("loadBalancer", {"port": 0}, "port must be from 1 to 65535, got 0; fix: `pulumi config set port 5000`"),
        (
            "loadBalancer",
            {"host": "registry", "port": 443},
            (
                'host must have a dot, got "registry": an image registry/NAME without a port is taken for one of '
                "Docker Hub; fix: `pulumi config set host <name or address of the load balancer>`"
            ),
        ),
        (
            "loadBalancer",
            {"load_balancer_class": "a b"},
            (
                'loadBalancerClass must be a name such as internal or example.com/internal, got "a b"; fix: '
                "`pulumi config rm loadBalancerClass` for the cluster's own"
            ),
        ),
        (
            "loadBalancer",
            {"exposure_annotations": {"a b": "x"}},
            (
                'exposureAnnotations must have names such as example.com/name, got "a b"; fix: `pulumi config set '
                "--path 'exposureAnnotations[\"<name>\"]' <value>`"
            ),
        ),
        (
            "loadBalancer",
            {"tls": "off", "allow_plain_http": True, "port": 443},
            "tls must not be off at port 443, where clients speak TLS; fix: `pulumi config set tls generated`",
        ),
        (
            "loadBalancer",
            {"ingress_class": "nginx"},
            (
                "ingressClass must not be set while exposure is loadBalancer: it belongs to ingress; fix: `pulumi "
                "config rm ingressClass`, or `pulumi config set exposure ingress`"
            ),
        ),
        (
            "ingress",
            {"host": ""},
            (
                "host must be set to a host name or IP address; fix: `pulumi config set host <name that leads to "
                "the ingress controller>`"
            ),
        ),
        (
            "ingress",
            {"host": "10.0.0.5"},
            (
                'host must be a DNS name while exposure is ingress, got "10.0.0.5": controllers know by the name '
                "which requests are for the registry; fix: `pulumi config set host <name that leads to the ingress "
                "controller>`"
            ),
        ),
        (
            "ingress",
            {"host": "registry.example.test:5000"},
            (
                'host must agree with the port of an Ingress (443), got "registry.example.test:5000"; fix: `pulumi '
                "config set host <name that leads to the ingress controller>`"
            ),
        ),
        (
            "ingress",
            {"host": "localhost"},
            (
                'host must not be a loopback address while exposure is ingress, got "localhost": on each node it '
                "leads to that node itself; fix: `pulumi config set host <name that leads to the ingress "
                "controller>`"
            ),
        ),
        (
            "ingress",
            {"host": "registry"},
            (
                'host must have a dot, got "registry": an image registry/NAME without a port is taken for one of '
                "Docker Hub; fix: `pulumi config set host <name that leads to the ingress controller>`"
            ),
        ),
        (
            "ingress",
            {"push_host": "push.example.test"},
            (
                "pushHost must not be set while exposure is ingress: it belongs to hostPort, nodePort and "
                "loadBalancer; fix: `pulumi config rm pushHost`, or `pulumi config set exposure hostPort`"
            ),
        ),
        (
            "ingress",
            {"ingress_class": "A"},
            (
                "ingressClass must be a Kubernetes name (lower-case letters, digits, inner hyphens and dots), got "
                '"A"; fix: `pulumi config set ingressClass <name>` (`kubectl get ingressclasses` lists names)'
            ),
        ),
        (
            "ingress",
            {"exposure_annotations": {"pulumi.com/skipAwait": "false"}},
            (
                'exposureAnnotations must not have "pulumi.com/skipAwait", which the program sets by itself; fix: '
                "`pulumi config set --path 'exposureAnnotations[\"<name>\"]' <value>`"
            ),
        ),
        (
            "ingress",
            {"exposure_annotations": {"example.com/a": True}},
            (
                'exposureAnnotations must be an object of names and strings, got {"example.com/a": true}; fix: see '
                "exposureAnnotations in docs/settings.md"
            ),
        ),
        (
            "ingress",
            {"tls": "off", "allow_plain_http": True},
            "tls must not be off at port 443, where clients speak TLS; fix: `pulumi config set tls generated`",
        ),
    ],
)
def test_what_cannot_work_is_refused(kind: str, values: dict[str, Any], line: str) -> None:
    """In preview, with key, value, rule and fix."""
    assert problems(kind, **values) == (line,)


def test_the_port_of_another_way_in_is_refused() -> None:
    """It would have no effect."""
    for kind in ("nodePort", "ingress"):
        [problem] = problems(kind, port=5001)
        assert problem == (
            f"port must not be set while exposure is {kind}: it belongs to hostPort and loadBalancer; fix: "
            "`pulumi config rm port`, or `pulumi config set exposure hostPort`"
        )


def test_a_host_port_is_pushed_to_by_way_of_loopback() -> None:
    """The Docker Engine is on the node, and trusts that address without more ado."""
    assert [str(address) for address in made("hostPort").exposure.addresses] == ["10.0.0.5:5000", "localhost:5000"]


def test_a_host_port_of_443_is_written_in_addresses() -> None:
    """As ever: a pull secret serves only images that spell the address alike."""
    assert str(made("hostPort", port=443).exposure.address) == "10.0.0.5:443"


def test_a_node_port_has_one_address_for_all() -> None:
    """Unless another host to push to is set."""
    assert [str(address) for address in made("nodePort").exposure.addresses] == ["10.0.0.5:30500"]
    pushed = made("nodePort", node_port=31000, push_host="localhost").exposure
    assert [str(address) for address in pushed.addresses] == ["10.0.0.5:31000", "localhost:31000"]


@pytest.mark.parametrize(
    ("port", "host", "address"),
    [
        (443, "registry.example.test", "registry.example.test"),
        (443, "registry.example.test:443", "registry.example.test"),
        (443, "fd00::9", "[fd00::9]"),
        (5000, "registry.example.test", "registry.example.test:5000"),
    ],
)
def test_a_load_balancer_s_addresses_leave_out_443(port: int, host: str, address: str) -> None:
    """As people write the names of registries."""
    exposure = made("loadBalancer", port=port, host=host).exposure

    assert [str(one) for one in exposure.addresses] == [address]
    assert exposure.names_needed == (host.removesuffix(":443"),)


def test_a_load_balancer_may_have_another_name_for_pushes() -> None:
    """As one inside and one outside of a company's network."""
    exposure = made("loadBalancer", host="10.0.0.9", push_host="push.test").exposure

    assert [str(address) for address in exposure.addresses] == ["10.0.0.9:5000", "push.test:5000"]


@pytest.mark.parametrize(("host", "wanted"), [("10.0.0.9", "10.0.0.9"), ("FD00::9", "fd00::9"), ("lb.test", "")])
def test_a_load_balancer_is_asked_for_an_address_that_is_known(host: str, wanted: str) -> None:
    """It is typed once."""
    exposure = made("loadBalancer", host=host).exposure

    assert isinstance(exposure, LoadBalancer)
    assert exposure.wanted_ip == wanted


def test_an_ingress_has_one_name_at_the_port_of_https() -> None:
    """For nodes and Docker Engines alike."""
    exposure = made("ingress").exposure

    assert [str(address) for address in exposure.addresses] == ["registry.example.test"]
    assert (exposure.address.host, exposure.address.port) == ("registry.example.test", 443)


def test_people_s_annotations_come_before_ours() -> None:
    """And the rest stays."""
    name = "nginx.ingress.kubernetes.io/proxy-read-timeout"
    exposure = made("ingress", exposure_annotations={name: "60", "example.com/own": "x"}).exposure

    assert isinstance(exposure, Ingress)
    assert (exposure.annotations[name], exposure.annotations["example.com/own"]) == ("60", "x")
    assert exposure.annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"


@pytest.mark.parametrize("kind", ["loadBalancer", "ingress"])
def test_annotations_are_kept_as_they_were_given(kind: str) -> None:
    """What the caller changes afterwards was never checked."""
    given = {"example.com/a": "1"}
    exposure = made(kind, exposure_annotations=given).exposure
    given["a b"] = "2"

    assert isinstance(exposure, LoadBalancer | Ingress)
    assert exposure.exposure_annotations == {"example.com/a": "1"}


@pytest.mark.parametrize(
    ("kind", "leads", "clash"),
    [
        ("hostPort", "open that port on node n", "free that port, or `pulumi config set port <number>`"),
        ("nodePort", "open that port on every node", "free that port, or `pulumi config set nodePort <number>`"),
        (
            "loadBalancer",
            (
                "see by `kubectl get deployment r --namespace s` that the registry is ready, and have 10.0.0.9 "
                "lead to what `kubectl get service r --namespace s` shows"
            ),
            (
                "have 10.0.0.9 lead to this registry, or `pulumi config set host <name or address of the load "
                "balancer>`"
            ),
        ),
        (
            "ingress",
            (
                "see by `kubectl get deployment r --namespace s` that the registry is ready, and have "
                "registry.example.test lead to what `kubectl get ingress r --namespace s` shows"
            ),
            (
                "have registry.example.test lead to this registry, or `pulumi config set host <name that leads to "
                "the ingress controller>`"
            ),
        ),
    ],
)
def test_advice_names_what_the_way_in_depends_on(kind: str, leads: str, clash: str) -> None:
    """An open port on a node helps nobody who comes by a load balancer."""
    exposure = made(kind).exposure

    assert exposure.leads("r", "s", "n") == leads
    assert exposure.clash == clash


@pytest.mark.parametrize("field", ["host", "port", "push_host", "exposure_annotations"])
def test_what_ways_in_share_has_one_default(field: str) -> None:
    """A stack's key can have one only."""
    defaults = {
        str(kind.__dataclass_fields__[field].default)
        for kind in KINDS.values()
        if field in kind.__dataclass_fields__
    }

    assert len(defaults) == 1

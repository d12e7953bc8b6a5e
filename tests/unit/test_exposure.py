"""The ways in: what each refuses, and the addresses that follow from it."""

from typing import Any

import pytest

from components.exposure.settings import KINDS
from components.problems import SettingsError
from components.settings import Settings
from components.stack_configuration import compose

NEEDED = {"node": "minikube", "password": "canary-canary"}
HOSTS = {"hostPort": "10.0.0.5", "nodePort": "10.0.0.5"}
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
    ],
)
def test_what_cannot_work_is_refused(kind: str, values: dict[str, Any], line: str) -> None:
    """In preview, with key, value, rule and fix."""
    assert problems(kind, **values) == (line,)


def test_the_port_of_another_way_in_is_refused() -> None:
    """It would have no effect."""
    [problem] = problems("nodePort", port=5001)

    assert problem.startswith("port must not be set while exposure is nodePort: it belongs to hostPort")
    assert problem.endswith("; fix: `pulumi config rm port`, or `pulumi config set exposure hostPort`")


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


@pytest.mark.parametrize("field", ["host", "port", "push_host"])
def test_what_ways_in_share_has_one_default(field: str) -> None:
    """A stack's key can have one only."""
    defaults = {
        kind.__dataclass_fields__[field].default for kind in KINDS.values() if field in kind.__dataclass_fields__
    }

    assert len(defaults) == 1

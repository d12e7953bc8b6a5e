"""What people type: the texts alone, no shell runs them but to take them apart."""

import shlex
from typing import Any

import pytest

from components.commands import commands
from components.stack_configuration import compose
from tests.authority import Authority

ADDRESSES = ("host", "push_host")


def made(**values: Any) -> dict[str, str]:  # noqa: ANN401 - any setting
    """Give the commands for these settings."""
    settings = compose({"host": "10.0.0.5", "node": "node-1", "password": "canary-canary", **values})
    exposure = settings.exposure
    return commands(exposure, settings.tls, settings.access.username, settings.proof.image(exposure.addresses))


def provided(**values: Any) -> dict[str, str]:  # noqa: ANN401 - any setting
    """Give the commands for a certificate that was made elsewhere, for both addresses."""
    authority = Authority()
    pair = authority.issue(*(values.get(name, "10.0.0.5") for name in ADDRESSES))
    if values.pop("with_ca"):
        values["tls_ca"] = authority.pem
    return made(tls="provided", tls_certificate=pair.certificate, tls_key=pair.key, **values)


def test_each_command_has_a_purpose() -> None:
    """Through the address that the Docker Engine reaches, with the port; none holds the password."""
    assert made(push_host="127.0.0.1", port=5443, username="ci", test_image="team/app:2") == {
        "login": "docker login 127.0.0.1:5443 --username ci",
        "push": "docker push 127.0.0.1:5443/team/app:2",
        "pull": "docker pull 127.0.0.1:5443/team/app:2",
        "catalog": "curl --cacert <(pulumi stack output ca) --user ci https://127.0.0.1:5443/v2/_catalog",
        "trust": (
            "mkdir -p /etc/docker/certs.d/10.0.0.5:5443 && "
            "pulumi stack output ca > /etc/docker/certs.d/10.0.0.5:5443/ca.crt"
        ),
    }


@pytest.mark.parametrize(
    ("with_ca", "catalog"),
    [
        (True, "curl --cacert <(pulumi stack output ca) --user registry https://push.test:5000/v2/_catalog"),
        (False, "curl --user registry https://push.test:5000/v2/_catalog"),
    ],
)
def test_catalog_names_a_ca_only_where_there_is_one_to_name(catalog: str, *, with_ca: bool) -> None:
    """An empty file in place of the machine's own CAs would refuse every certificate."""
    assert provided(with_ca=with_ca, push_host="push.test")["catalog"] == catalog


def test_catalog_is_asked_by_an_address_that_a_given_certificate_carries() -> None:
    """Which need not be a loopback one."""
    assert provided(with_ca=False)["catalog"] == "curl --user registry https://10.0.0.5:5000/v2/_catalog"


def test_plain_http_needs_no_ca_anywhere() -> None:
    """Neither in the catalog's command nor as one to trust."""
    plain = made(tls="off", allow_plain_http=True)

    assert plain["catalog"] == "curl --user registry http://localhost:5000/v2/_catalog"
    assert plain.keys() == {"login", "push", "pull", "catalog"}


def test_certificate_of_a_known_ca_needs_no_trust() -> None:
    """Docker Engines have it already."""
    assert provided(with_ca=False, push_host="push.test").keys() == {"login", "push", "pull", "catalog"}


@pytest.mark.parametrize(
    ("push_host", "folder"),
    [
        ("localhost", "/etc/docker/certs.d/10.0.0.5:5000"),
        ("127.0.0.1", "/etc/docker/certs.d/10.0.0.5:5000"),
        ("::1", "/etc/docker/certs.d/10.0.0.5:5000"),
        ("push.test", "/etc/docker/certs.d/push.test:5000"),
        ("10.0.0.6", "/etc/docker/certs.d/10.0.0.6:5000"),
    ],
)
def test_engine_is_told_of_the_address_that_it_verifies(push_host: str, folder: str) -> None:
    """None of loopback: who uses a Docker Engine elsewhere pushes to the nodes' address."""
    assert made(push_host=push_host)["trust"] == (f"mkdir -p {folder} && pulumi stack output ca > {folder}/ca.crt")


@pytest.mark.parametrize("name", ["login", "catalog"])
def test_commands_survive_a_shell(name: str) -> None:
    """An account may be called anything that basic auth carries."""
    account = "o'brien $HOME; echo"
    words = shlex.split(made(username=account, tls="off", allow_plain_http=True)[name])

    assert words[words.index("--user" if name == "catalog" else "--username") + 1] == account


def test_no_command_holds_a_secret() -> None:
    """They are exported in clear, and end in a shell's history."""
    assert "canary" not in str(made(users={"alice": "canary-canary-2"}))

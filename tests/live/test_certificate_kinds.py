"""Certificates of rare kinds: the registry itself serves those that are accepted, and ends with those that are not.

No cluster is needed: the lab's registry runs on loopback, with the configuration of the product.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from components.exposure.host_port import HostPort
from components.pem import Pair
from components.server.configuration import render
from components.tls.settings import Provided
from lab import parts, tools
from tests import go_tls
from tests.authority import DAY, Authority, ec_key, extension
from tests.certificates.case import rsa_key
from tests.certificates.odd_keys import pss
from tests.certificates.parts import version_1

HOST: Final = "registry.test"
TODAY: Final = datetime.now(UTC)
BEGIN, END = TODAY - DAY, TODAY + DAY
ROOT: Final = Authority("root", begin=BEGIN, end=END)
ROOT_PEM: Final = ROOT.pem
ED25519_ROOT: Final = Authority("root", begin=BEGIN, end=END, key=ed25519.Ed25519PrivateKey.generate())
CA: Final = extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
STARTS_WITHIN: Final = 20


@contextmanager
def registry(folder: Path, pair: Pair) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the registry with a certificate, at a free port of loopback; give its address and its process."""
    for name, content in (("tls.crt", pair.certificate), ("tls.key", pair.key)):
        (folder / name).write_text(content)
    (folder / "htpasswd").write_bytes(b"ci:" + bcrypt.hashpw(b"password", bcrypt.gensalt(4)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = render(
        http_secret="x",
        delete_enabled=False,
        read_only=False,
        driver={"filesystem": {"rootdirectory": str(folder)}},
        drain_seconds=20,
        htpasswd_path=str(folder / "htpasswd"),
        address=f"127.0.0.1:{port}",
        certificate_path=str(folder / "tls.crt"),
        key_path=str(folder / "tls.key"),
    )
    configuration = json.loads(text)
    address = configuration["http"]["addr"]
    (folder / "config.yml").write_text(json.dumps(configuration))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [parts.built(tools.REGISTRY), "serve", folder / "config.yml"], stdout=log, stderr=log, text=True
        )
    try:
        yield address, process
    finally:
        process.kill()
        process.wait()


def wait_for(address: str, process: subprocess.Popen[str]) -> None:
    """Wait until it listens."""
    host, _, port = address.partition(":")
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the registry does not listen")


def curl(folder: Path, address: str) -> str:
    """Give the status that curl gets from the registry, which asks for an account."""
    port = address.partition(":")[2]
    words = f"curl --silent --show-error --noproxy * --cacert {folder}/ca.crt --output {folder}/answer"
    there = ["--write-out", "%{http_code}", "--resolve", f"{HOST}:{port}:127.0.0.1", f"https://{HOST}:{port}/v2/"]
    answered = subprocess.run([*words.split(), *there], capture_output=True, text=True)
    return answered.stdout if answered.returncode == 0 else answered.stderr


ACCEPTED: Final[dict[str, Callable[[], tuple[Pair, str]]]] = {
    "Ed25519": lambda: (
        ROOT.issue(HOST, begin=BEGIN, end=END, key=ed25519.Ed25519PrivateKey.generate()),
        ROOT_PEM,
    ),
    "EC on P-521": lambda: (ROOT.issue(HOST, begin=BEGIN, end=END, key=ec_key(ec.SECP521R1())), ROOT_PEM),
    "RSA": lambda: (ROOT.issue(HOST, begin=BEGIN, end=END, key=rsa_key(3072)), ROOT_PEM),
    "empty subject": lambda: (ROOT.issue(HOST, begin=BEGIN, end=END, subject=x509.Name([])), ROOT_PEM),
    "server that is a CA": lambda: (ROOT.issue(HOST, begin=BEGIN, end=END, extensions=[CA]), ROOT_PEM),
    "Ed25519 root": lambda: (ED25519_ROOT.issue(HOST, begin=BEGIN, end=END), ED25519_ROOT.pem),
    "root of version 1": lambda: (ROOT.issue(HOST, begin=BEGIN, end=END), version_1(ROOT_PEM)),
    "signed itself": lambda: (
        pair := (itself := Authority("server")).issue(HOST, begin=BEGIN, end=END, key=itself.key),
        pair.certificate,
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_n04_registry_serves_what_is_accepted(tmp_path: Path, name: str) -> None:
    """Clients in Go and curl accept it, at the time that it is."""
    given, ca = ACCEPTED[name]()
    provided = Provided(tls_certificate=given.certificate, tls_key=given.key, tls_ca=ca)
    pair = provided.given(given.certificate, given.key, HostPort(host=HOST), TODAY)
    (tmp_path / "ca.crt").write_text(provided.authorities)

    with registry(tmp_path, pair) as (address, process):
        wait_for(address, process)
        asked = go_tls.Question(address=address, roots=provided.authorities, name=HOST, time=TODAY)
        assert go_tls.ask([asked]) == [go_tls.Answer("", "")]
        assert curl(tmp_path, address) == "401"


REFUSED: Final[dict[str, Callable[[], Pair]]] = {
    "RSA-PSS": lambda: pss().pair,
    "EC on secp256k1": lambda: ROOT.issue(HOST, key=ec_key(ec.SECP256K1())),
    "of another certificate": lambda: Pair(ROOT.issue(HOST).certificate, ROOT.issue(HOST).key),
}


@pytest.mark.parametrize("name", REFUSED)
def test_n06_registry_ends_with_what_is_refused(tmp_path: Path, name: str) -> None:
    """So that to refuse it spares a registry that starts again and again."""
    with registry(tmp_path, REFUSED[name]()) as (_, process):
        assert process.wait(STARTS_WITHIN) != 0
    assert "tls: " in (tmp_path / "log").read_text() or "x509: " in (tmp_path / "log").read_text()

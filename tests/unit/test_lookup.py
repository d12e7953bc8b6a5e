"""What is asked of a registry, and whom. The server here answers as registry 3.1.2 does."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.pem import Pair
from components.proof.lookup import NoAnswer, Registry
from components.references import Address
from components.tls import issuing

DIGEST = "sha256:" + "ab" * 32
PASSWORD = "päss:word"
ACCOUNT = "Basic " + base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
CA = issuing.make_ca(datetime.now(UTC))


@dataclass
class Server:
    """A registry's API with one image, `app:1`."""

    port: int = 0
    asks_for_an_account: bool = True
    missing: tuple[int, str] = (404, "MANIFEST_UNKNOWN")
    upload: int = 202
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    """Method, path, and whether an account was sent."""

    def answer(self, method: str, path: str, account: str) -> tuple[int, dict[str, str], str]:
        """Answer as a registry does."""
        self.asked.append((method, path, bool(account)))
        if self.asks_for_an_account and account != ACCOUNT:
            return 401, {"WWW-Authenticate": 'Basic realm="private-registry"'}, _errors("UNAUTHORIZED")
        if method == "POST":
            return self.upload, {"Location": "/v2/app/blobs/uploads/1?_state=x"}, ""
        if path in {"/v2/", "/v2/app/blobs/uploads/1?_state=x"}:
            return 200, {}, "{}"
        if path in {"/v2/app/manifests/1", f"/v2/app/manifests/{DIGEST}"}:
            return 200, {"Docker-Content-Digest": DIGEST}, "{}"
        status, code = self.missing
        return status, {}, _errors(code) if code else "<html>nothing here</html>"


def _errors(code: str) -> str:
    return json.dumps({"errors": [{"code": code, "message": "manifest unknown", "detail": "unknown tag=2"}]})


def serve(server: Server, context: ssl.SSLContext | None) -> ThreadingHTTPServer:
    """Let it listen on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            status, headers, body = server.answer(self.command, self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = _any  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        http.socket = context.wrap_socket(http.socket, server_side=True)
    server.port = http.server_port
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    return http


def context_of(pair: Pair, folder: Path) -> ssl.SSLContext:
    """A server's side of TLS."""
    (folder / "certificate").write_text(pair.certificate)
    (folder / "key").write_text(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Server]:
    """A registry over TLS, with a certificate for 127.0.0.1."""
    server = Server()
    leaf = issuing.make_leaf(CA, ["127.0.0.1"], 365, datetime.now(UTC))
    http = serve(server, context_of(leaf, tmp_path))
    yield server
    http.shutdown()


@pytest.fixture
def plain() -> Iterator[Server]:
    """A registry over plain HTTP."""
    server = Server()
    http = serve(server, None)
    yield server
    http.shutdown()


def registry(
    *ports: int, encrypted: bool = True, authorities: str = CA.certificate, password: str = PASSWORD
) -> Registry:
    """The registry as it is asked, at these ports."""
    addresses = [Address("127.0.0.1", port) for port in ports]
    return Registry(addresses, encrypted, authorities, "ci", password)


@pytest.fixture
def closed() -> int:
    """A port at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("reference", ["1", DIGEST])
def test_an_image_is_found_by_tag_and_by_digest(encrypted: Server, reference: str) -> None:
    """One request, with the account."""
    assert registry(encrypted.port).digest("app", reference) == DIGEST
    assert encrypted.asked == [("GET", f"/v2/app/manifests/{reference}", True)]


@pytest.mark.parametrize("code", ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"])
def test_a_missing_image_is_told_from_a_registry_that_cannot_be_asked(encrypted: Server, code: str) -> None:
    """By the registry's own word."""
    encrypted.missing = (404, code)

    assert registry(encrypted.port).digest("app", "2") == ""


@pytest.mark.parametrize("missing", [(404, ""), (404, "UNSUPPORTED"), (503, "MANIFEST_UNKNOWN"), (500, "")])
def test_any_other_answer_says_nothing_of_the_image(encrypted: Server, missing: tuple[int, str]) -> None:
    """A proxy's page, or a registry whose disk is sick."""
    encrypted.missing = missing

    with pytest.raises(NoAnswer, match=f"127.0.0.1:{encrypted.port} answers {missing[0]}"):
        registry(encrypted.port).digest("app", "2")


def test_a_refused_account_is_no_answer_and_is_not_shown(encrypted: Server) -> None:
    """A password that is only about to be changed."""
    with pytest.raises(NoAnswer) as raised:
        registry(encrypted.port, password="canary-password").digest("app", "1")

    assert str(raised.value) == f"127.0.0.1:{encrypted.port} answers 401"
    assert "canary" not in repr(registry(1, password="canary-password"))


def test_a_server_with_a_certificate_of_somebody_else_is_not_asked(encrypted: Server) -> None:
    """Another registry on this machine's loopback: it never sees the account."""
    other = issuing.make_ca(datetime.now(UTC))

    with pytest.raises(NoAnswer, match="certificate verify failed"):
        registry(encrypted.port, authorities=other.certificate).digest("app", "1")
    assert encrypted.asked == []


def test_a_server_without_tls_is_not_asked_over_tls(plain: Server) -> None:
    """The question ends with the handshake."""
    with pytest.raises(NoAnswer):
        registry(plain.port).digest("app", "1")
    assert plain.asked == []


def test_over_plain_http_the_account_is_sent_once_it_is_demanded(plain: Server) -> None:
    """Here no certificate tells who answers."""
    assert registry(plain.port, encrypted=False).digest("app", "1") == DIGEST
    assert plain.asked == [("GET", "/v2/", False), ("GET", "/v2/app/manifests/1", True)]


def test_over_plain_http_a_server_that_demands_no_account_is_not_ours(plain: Server) -> None:
    """It has no such image either, and nothing follows from that."""
    plain.asks_for_an_account = False

    with pytest.raises(NoAnswer, match="asks for no account, and answers 200"):
        registry(plain.port, encrypted=False).digest("app", "2")
    assert plain.asked == [("GET", "/v2/", False)]


def test_the_next_address_is_asked_where_the_first_gives_no_answer(encrypted: Server, closed: int) -> None:
    """Where the Docker Engine is elsewhere, its address leads nowhere from here."""
    assert registry(closed, encrypted.port).digest("app", "1") == DIGEST


def test_where_nobody_answers_each_reason_is_told(closed: int) -> None:
    """With its address."""
    with pytest.raises(NoAnswer, match=rf"127\.0\.0\.1:{closed}: .*refused; 127\.0\.0\.1:{closed}: .*refused"):
        registry(closed, closed).digest("app", "1")


def test_an_address_that_lets_questions_time_out_is_waited_for_once() -> None:
    """A machine out of the cluster's reach would wait at each question of each `up`."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = registry(silent.getsockname()[1])
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(NoAnswer, match="timed out"):
                asked.digest("app", "1")

    assert time.monotonic() - started < 4


@pytest.mark.parametrize(("upload", "can_store"), [(202, True), (500, False), (503, False)])
def test_a_registry_that_can_store_nothing_is_recognised(encrypted: Server, upload: int, can_store: bool) -> None:  # noqa: FBT001 - a table's column
    """By an upload that is begun, and taken back."""
    encrypted.upload = upload

    assert registry(encrypted.port).can_store("app") is can_store
    begun, taken_back = (
        ("POST", "/v2/app/blobs/uploads/", True),
        ("DELETE", "/v2/app/blobs/uploads/1?_state=x", True),
    )
    assert encrypted.asked == [begun, taken_back] if can_store else [begun]


def test_a_registry_that_refuses_uploads_is_not_called_broken(encrypted: Server) -> None:
    """It may be read-only on purpose."""
    encrypted.upload = 405

    with pytest.raises(NoAnswer, match="answers 405"):
        registry(encrypted.port).can_store("app")

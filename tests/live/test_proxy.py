"""Behind a proxy that ends TLS, such as an ingress: nginx, told nothing of the registry but where it is (C19)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.observation import until

HOST = "registry.example.test"
ADDRESS = f"{HOST}:8443"
MEBIBYTES = 60
SERVER = """\
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:8443 ssl;
    ssl_certificate {folder}/tls.crt;
    ssl_certificate_key {folder}/tls.key;
    # The one setting that a registry needs of it: layers are larger than its default of 1 MiB.
    client_max_body_size 0;
    location / {{
      proxy_pass {upstream};
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


@pytest.fixture(scope="module", params=["http", "https"])
def proxied(
    request: pytest.FixtureRequest, stack: Stack, lab: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The registry with TLS off on loopback, and with TLS; before it a proxy that Docker trusts."""
    scheme: str = request.param
    if scheme == "http":
        stack.set("tls", "off")
        stack.set("host", "localhost")
    else:
        stack.unset("tls")
        stack.set("host", "192.168.99.100")
    stack.up()
    folder = tmp_path_factory.mktemp("proxy")
    now = datetime.now(UTC)
    authority = Authority(end=now + timedelta(days=1))
    pair = authority.issue(HOST, begin=now - timedelta(hours=1), end=now + timedelta(hours=12))
    (folder / "tls.crt").write_text(pair.certificate)
    (folder / "tls.key").write_text(pair.key)
    (folder / "nginx.conf").write_text(SERVER.format(folder=folder, upstream=f"{scheme}://localhost:5000"))
    trust = f"/etc/docker/certs.d/{ADDRESS}"
    lab.run(["sh", "-c", f"mkdir {trust} && cat > {trust}/ca.crt"], stdin=authority.pem)
    lab.run(["sh", "-c", f"cp /etc/hosts /run/hosts && echo '127.0.0.1 {HOST}' >> /etc/hosts"])
    process = lab.start_process(["nginx", "-c", str(folder / "nginx.conf")], folder / "log")
    try:
        until(lambda: answers(lab, folder), "nginx to answer")
        yield str(trust)
    finally:
        lab.run(["nginx", "-c", str(folder / "nginx.conf"), "-s", "stop"])
        process.wait(timeout=20)
        lab.run(["sh", "-c", f"cat /run/hosts > /etc/hosts; rm -r /run/hosts {trust}"])


def answers(lab: Node, folder: Path) -> bool:
    """Whether the registry answers through the proxy."""
    words = ["curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}"]
    answer = lab.run([*words, f"https://{ADDRESS}/v2/"], check=False).stdout
    assert answer in {"000", "401"}, (folder / "log").read_text()
    return answer == "401"


def test_c19_an_upload_s_location_is_relative(proxied: str, lab: Node) -> None:
    """An absolute one would begin with http, since the registry does not see the proxy's TLS."""
    words = ["curl", "--silent", "--include", "--cacert", f"{proxied}/ca.crt", "--user", f"{USER}:{PASSWORD}"]
    answer = lab.run([*words, "--request", "POST", f"https://{ADDRESS}/v2/layers/blobs/uploads/"]).stdout
    headers = dict(line.split(": ", 1) for line in answer.splitlines()[1:] if ": " in line)

    assert answer.startswith("HTTP/1.1 202")
    assert headers["Location"].startswith("/v2/layers/blobs/uploads/")


def test_c19_a_layer_of_60_mebibytes_passes(proxied: str, lab: Node, tmp_path: Path) -> None:
    """Pushed by Docker, and pulled again with the same content."""
    assert proxied
    image = f"{ADDRESS}/layers:1"
    lab.run(["dd", "if=/dev/urandom", f"of={tmp_path}/layer", "bs=1M", f"count={MEBIBYTES}"])
    (tmp_path / "Dockerfile").write_text("FROM alpine\nCOPY layer /layer\n")
    written = lab.run(["sha256sum", f"{tmp_path}/layer"]).stdout.split()[0]
    try:
        words = ["docker", "login", ADDRESS, "--username", USER, "--password-stdin"]
        # The Docker Engine may have read /etc/hosts just before the name was added, and reads it again after 5 s.
        until(lambda: lab.run(words, stdin=PASSWORD, check=False).returncode == 0, "a login", seconds=30)
        lab.run(["docker", "build", "--tag", image, str(tmp_path)])
        push = lab.run(["docker", "push", image])
        lab.run(["docker", "rmi", image])
        lab.run(["docker", "pull", image])
        read = lab.run(["docker", "run", "--rm", "--network=none", image, "sha256sum", "/layer"]).stdout.split()[0]
    finally:
        lab.run(["docker", "logout", ADDRESS])
        lab.run(["docker", "rmi", image], check=False)

    assert "digest: sha256:" in push.stdout
    assert read == written

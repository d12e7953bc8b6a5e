"""What an ingress controller does with our Ingress, done with nginx: no controller can be built where the lab is.

It reads the cluster's Ingress, Secret and endpoints all the time, as ingress-nginx does, and gives nginx what
ingress-nginx would: its defaults, changed by the Ingress's own annotations. It listens on the node, as a controller
with `hostNetwork` does.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.live.harness import Node
from tests.live.observation import until

_DEFAULTS = {
    "backend-protocol": "HTTP",
    "proxy-body-size": "1m",
    "proxy-request-buffering": "on",
    "proxy-buffering": "off",
    "proxy-read-timeout": "60",
    "proxy-send-timeout": "60",
}
"""Of ingress-nginx, by the names of its annotations."""

_CONFIGURATION = """\
daemon off;
user root;
worker_processes 2;
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
  server_tokens off;
  keepalive_timeout 75s;
  client_header_timeout 60s;
  client_body_timeout 60s;
  server {{
    listen 443 ssl default_server;
    ssl_certificate {folder}/unknown.crt;
    ssl_certificate_key {folder}/unknown.key;
    return 404;
  }}
{servers}
}}
"""

_SERVER = """\
  upstream registry {{
    keepalive 320;
{endpoints}
  }}
  server {{
    listen 443 ssl;
    server_name {host};
    ssl_certificate {folder}/tls.crt;
    ssl_certificate_key {folder}/tls.key;
    location / {{
      client_max_body_size {proxy-body-size};
      proxy_request_buffering {proxy-request-buffering};
      proxy_buffering {proxy-buffering};
      proxy_connect_timeout 5s;
      proxy_read_timeout {proxy-read-timeout}s;
      proxy_send_timeout {proxy-send-timeout}s;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_next_upstream error timeout;
      proxy_pass {scheme}://registry;
    }}
  }}
"""


def configuration(folder: Path, items: list[Mapping[str, Any]]) -> str:
    """Give nginx's configuration for an Ingress, and write the certificate of its Secret."""
    by_kind = {item["kind"]: item for item in items}
    servers = ""
    if {"Ingress", "Secret", "EndpointSlice"} <= by_kind.keys():
        ingress, slices = by_kind["Ingress"], by_kind["EndpointSlice"]
        prefix = "nginx.ingress.kubernetes.io/"
        given = {
            name.removeprefix(prefix): value
            for name, value in ingress["metadata"]["annotations"].items()
            if name.startswith(prefix)
        }
        assert given.keys() <= _DEFAULTS.keys(), "an annotation that this controller does not know"
        settings = _DEFAULTS | given
        [tls], [rule] = ingress["spec"]["tls"], ingress["spec"]["rules"]
        assert tls == {"hosts": [rule["host"]], "secretName": by_kind["Secret"]["metadata"]["name"]}
        for name in ("tls.crt", "tls.key"):
            (folder / name).write_bytes(base64.b64decode(by_kind["Secret"]["data"][name]))
        endpoints = [
            f"    server {address}:{slices['ports'][0]['port']} max_fails=0;"
            for endpoint in slices["endpoints"] or []
            if endpoint["conditions"]["ready"]
            for address in endpoint["addresses"]
        ]
        servers = _SERVER.format(
            folder=folder,
            host=rule["host"],
            scheme=settings["backend-protocol"].lower(),
            # As ingress-nginx answers while a Service has no Pod.
            endpoints="\n".join(endpoints) or "    server 127.0.0.1:1 max_fails=0;",
            **settings,
        )
    return _CONFIGURATION.format(folder=folder, servers=servers)


def _items(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Give one object, several or none as a list."""
    items: list[dict[str, Any]] = found.get("items", [found] if found else [])
    return items


@contextmanager
def running(node: Node, folder: Path, name: str = "registry") -> Iterator[None]:
    """Serve the Ingress of this name meanwhile, whenever it comes or changes."""
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=unknown",
    ]
    node.run(["openssl", *words, "-keyout", f"{folder}/unknown.key", "-out", f"{folder}/unknown.crt"])
    file = folder / "nginx.conf"
    file.write_text(configuration(folder, []))
    process = node.start_process(["nginx", "-c", str(file)], folder / "log")
    ended = threading.Event()
    before = ""

    def follow() -> None:
        nonlocal before
        while not ended.wait(1):
            wanted = [f"ingress/{name}", f"secret/{name}-tls"]
            found = node.kubectl("get", *wanted, "--ignore-not-found", "--output=json")
            selected = node.get("endpointslices", f"--selector=kubernetes.io/service-name={name}")
            items = [*_items(json.loads(found or "{}")), *selected["items"]]
            seen = json.dumps(items, sort_keys=True)
            if seen != before:
                file.write_text(configuration(folder, items))
                node.run(["nginx", "-c", str(file), "-s", "reload"])
                before = seen

    follower = threading.Thread(target=follow)
    try:
        until((folder / "pid").is_file, "nginx")
        follower.start()
        yield
    finally:
        ended.set()
        follower.join()
        node.run(["nginx", "-c", str(file), "-s", "stop"])
        process.wait(timeout=20)

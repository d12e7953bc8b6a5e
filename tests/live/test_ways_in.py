"""Ways in, each with real parts: a node port, a load balancer (MetalLB), an Ingress (nginx as a controller).

One stack goes from one to the next. A layer far beyond the usual limits of proxies goes through each, and each `up`
proves itself by a push and a pull on the node.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live import ingress, load_balancer
from tests.live.harness import PASSWORD, USER, Node, Stack
from tests.live.observation import until
from tests.live.registry_client import IMAGE_MANIFEST

NODE_PORT = "192.168.99.100:30500"
LOAD_BALANCER = "192.168.99.200"
NAME = "registry.example.test"
CONFIG = b"{}"
LAYER_MB = int(os.environ.get("LAYER_MB", "200"))
"""1000 shows that no limit of another kind comes after it."""


@dataclass(frozen=True)
class Way:
    """The registry, reached by one way."""

    node: Node
    stack: Stack
    address: str
    folder: Path
    """Where what the way is made of keeps its files, if it has any."""

    def curl(self, *words: str, first: tuple[str, ...] = (), stdin: str | None = None) -> str:
        """Ask with the account, and trust what node trust has written; give what curl prints."""
        authority = f"/etc/docker/certs.d/{self.address}/private-registry.crt"
        usual = ["--silent", "--show-error", "--cacert", authority, "--config", "-", "--max-time", "240"]
        account = f'user = "{USER}:{PASSWORD}"'
        return self.node.run([*first, "curl", *usual, *words], stdin=stdin or account).stdout

    def answer(self, *words: str) -> tuple[int, dict[str, str]]:
        """Give status and headers."""
        head = self.curl("--dump-header", "-", "--output", "/dev/null", *words).replace("\r\n", "\n")
        # What comes before the last answer is 100 Continue.
        first, *lines = head.strip().rpartition("\n\n")[2].splitlines()
        return int(first.split()[1]), {
            key.lower(): value for key, value in (line.split(": ", 1) for line in lines if ": " in line)
        }

    def push(self, content: Path, digest: str) -> int:
        """Push a blob of the repository `large` from a file, in the three requests of every client."""
        root = f"https://{self.address}"
        status, headers = self.answer("--request", "POST", f"{root}/v2/large/blobs/uploads/")
        assert status == 202
        # A location with a host in it would lead elsewhere.
        assert headers["location"].startswith("/v2/large/blobs/uploads/")
        words = [
            "--request",
            "PATCH",
            "--upload-file",
            str(content),
            "--header",
            "Content-Type: application/octet-stream",
        ]
        status, headers = self.answer(*words, f"{root}{headers['location']}")
        assert status == 202
        joint = "&" if "?" in headers["location"] else "?"
        return self.answer("--request", "PUT", f"{root}{headers['location']}{joint}digest={digest}")[0]


@pytest.fixture(scope="module")
def layer(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Random bytes, and their digest."""
    file = tmp_path_factory.mktemp("layer") / "layer"
    lab.run(["sh", "-c", f"head -c {LAYER_MB}MB /dev/urandom > {file}"])
    yield file, "sha256:" + lab.run(["sha256sum", str(file)]).stdout.split()[0]
    file.unlink()


@contextmanager
def by_node_port(stack: Stack, _: Path) -> Iterator[str]:
    """Every node has it; ours has one only."""
    stack.up()
    yield NODE_PORT


@contextmanager
def by_load_balancer(stack: Stack, _: Path) -> Iterator[str]:
    """First without any that would give an address, which is said."""
    stack.set("host", LOAD_BALANCER)
    stack.set("port", "443")
    failed = stack.up_that_fails()
    assert "registry-service: no load balancer has given it an address" in failed.output
    with load_balancer.running(stack.node):
        stack.up()
        yield LOAD_BALANCER
    stack.unset("port")


@contextmanager
def by_ingress(stack: Stack, folder: Path) -> Iterator[str]:
    """The node finds the name in its own file, as others do in DNS. The controller comes after the first push."""
    image = f"{NAME}/alpine_test:test_1.0"
    stack.set("host", NAME)
    stack.node.run(["docker", "rmi", "--force", image], check=False)
    stack.node.run(["sh", "-c", f"cp /etc/hosts /run/hosts && echo '192.168.99.100 {NAME}' >> /etc/hosts"])
    try:
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(stack.up)
            until(lambda: _has_image(stack.node, image), "the image that is pushed")
            with ingress.running(stack.node, folder):
                assert f"{NAME} does not lead to the registry yet: the push is tried" in opening.result().output
                yield NAME
    finally:
        stack.node.run(["sh", "-c", "cat /run/hosts > /etc/hosts; rm /run/hosts"])


def _has_image(node: Node, image: str) -> bool:
    return node.run(["docker", "image", "inspect", image], check=False).returncode == 0


WAYS = {"nodePort": by_node_port, "loadBalancer": by_load_balancer, "ingress": by_ingress}


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """Open one way after the other."""
    kind: str = request.param
    with ExitStack() as opened:
        opened.enter_context(stack.settings_kept())
        stack.set("exposure", kind)
        folder = tmp_path_factory.mktemp(kind)
        address = opened.enter_context(WAYS[kind](stack, folder))
        yield Way(stack.node, stack, address, folder)


def test_up_pushes_and_pulls_by_the_one_address(way: Way) -> None:
    """Outputs, image and pull secret spell it alike."""
    outputs = way.stack.outputs()
    [name] = outputs["proofPods"]
    pod = way.node.get("pod", name)
    secret = way.node.kubectl(
        "get", "secret", "regcred", '--output=go-template={{index .data ".dockerconfigjson"|base64decode}}'
    )

    assert outputs["address"] == outputs["pushAddress"] == way.address
    assert outputs["image"].startswith(f"{way.address}/alpine_test@sha256:")
    assert pod["spec"]["containers"][0]["image"] == outputs["image"]
    assert pod["status"]["phase"] == "Running"
    assert list(json.loads(secret)["auths"]) == [way.address]
    assert f"docker login {way.address} " in outputs["commands"]["login"]
    assert outputs.get("loadBalancer") == ([LOAD_BALANCER] if way.address == LOAD_BALANCER else None)


def test_the_node_s_own_port_is_free(way: Way) -> None:
    """Nothing listens where the registry was before."""
    assert way.node.run(["curl", "--silent", "http://192.168.99.100:5000"], check=False).returncode == 7


def test_a_second_up_changes_nothing(way: Way) -> None:
    """Also where the cluster has filled in addresses and ports."""
    assert way.stack.up().changed == set()


def test_a_large_layer_goes_in_and_out(way: Way, layer: tuple[Path, str]) -> None:
    """With its manifest, as an image; and byte by byte as it was."""
    file, digest = layer
    (file.parent / "config").write_bytes(CONFIG)
    config = f"sha256:{hashlib.sha256(CONFIG).hexdigest()}"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config, len(CONFIG)),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", digest, file.stat().st_size)],
        }
    )
    (file.parent / "manifest").write_text(manifest)

    before = _spooled(way)

    assert way.push(file.parent / "config", config) == 201
    assert way.push(file, digest) == 201
    put = [
        "--request",
        "PUT",
        "--upload-file",
        str(file.parent / "manifest"),
        "--header",
        f"Content-Type: {IMAGE_MANIFEST}",
    ]
    assert way.answer(*put, f"https://{way.address}/v2/large/manifests/1")[0] == 201
    # Not through this process: they would come as one text.
    authority = f"/etc/docker/certs.d/{way.address}/private-registry.crt"
    url = f"https://{way.address}/v2/large/blobs/{digest}"
    pulled = way.node.run(
        ["sh", "-c", f"curl --silent --fail --cacert {authority} --config - {url} | sha256sum"],
        stdin=f'user = "{USER}:{PASSWORD}"',
    ).stdout

    assert f"sha256:{pulled.split()[0]}" == digest
    # A controller that writes layers to its own disk first fills that of its node.
    assert _spooled(way) == before


@pytest.mark.parametrize("way", ["loadBalancer"], indirect=True)
def test_a_neighbour_reaches_the_load_balancer(way: Way) -> None:
    """Who knows no Services: the load balancer answers for the address on the network."""
    with load_balancer.neighbour(way.node) as there:
        words = ["curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}"]
        url = f"https://{LOAD_BALANCER}/v2/"
        until(lambda: way.node.run([*there, *words, url], check=False).stdout == "401", "the registry's answer")


@pytest.mark.parametrize("way", ["ingress"], indirect=True)
def test_without_its_annotation_the_controller_refuses_layers(way: Way, tmp_path: Path) -> None:
    """So it is the annotation that lets them through, and not the nginx of these tests."""
    (tmp_path / "layer").write_bytes(bytes(2_000_000))
    words = ["--request", "PATCH", "--upload-file", str(tmp_path / "layer")]
    url = f"https://{way.address}/v2/large/blobs/uploads/none"
    annotate = ["annotate", "ingress", "registry", "--overwrite"]
    limit = "nginx.ingress.kubernetes.io/proxy-body-size"
    way.node.kubectl(*annotate, f"{limit}-")
    try:
        until(lambda: way.answer(*words, url)[0] == 413, "the refusal")
    finally:
        way.node.kubectl(*annotate, f"{limit}=0")
    until(lambda: way.answer(*words, url)[0] == 404, "the registry's own answer")


def _spooled(way: Way) -> list[int]:
    """Tell when nginx last kept something of a request or an answer in a file."""
    return [path.stat().st_mtime_ns for path in (way.folder / "body", way.folder / "proxy") if path.exists()]


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}

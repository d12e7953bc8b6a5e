"""A real S3 server in the lab: versitygw as a Pod, which keeps each object as a file in a folder of the node.

It runs in kube-system, as a part of the cluster that the product finds there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.pem import Pair
from lab import images
from lab.topology import FIRST
from tests.live.harness import Node

ADDRESS = "10.96.7.7"
"""Of its Service, fixed: the lab's Pods have no name server."""
ENDPOINT = f"http://{ADDRESS}:7070"
TLS_ENDPOINT = f"https://{ADDRESS}:7443"
"""The same server, where it was given a certificate."""
REGION = "us-east-1"
ACCESS_KEY = "AKIALABLABLAB"
SECRET_KEY = "[a secret/key+ of: 'all' \"that\" } #YAML reads"
"""A text that is a list, or nothing, to whoever puts it into YAML as it is."""
BUCKET = "images"
_NAME = "s3"
_NAMESPACE = "--namespace=kube-system"
_MOUNTS = [{"name": "store", "mountPath": "/store"}]

_SICK = "HTTP/1.1 503 Slow Down\\r\\nContent-Type: application/xml\\r\\nConnection: close\\r\\n\\r\\n"
_SICK += "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
# The head of a request is read before it is answered: closing the connection earlier would cut the answer off.
_ANSWER = f"""while read -r line && [ "${{#line}}" -gt 1 ]; do :; done; printf '{_SICK}'"""
_SERVE = f"""
trap 'exit 0' TERM
while :; do
  case "$(cat /tmp/state 2> /dev/null)" in
    sick) nc -ll -p 7070 -e sh -c "$ANSWER" & ;;
    off) sleep 3600 & ;;
    *) versitygw --quiet --keep-alive --port :7070 --region {REGION} posix /store & ;;
  esac
  wait
done
"""


@dataclass(frozen=True)
class S3:
    """The server, running, with one empty bucket."""

    node: Node
    folder: str
    """Where the node has the buckets, a folder each."""

    @classmethod
    @contextmanager
    def running(cls, node: Node, folder: str = "/data/s3", pair: Pair | None = None) -> Iterator[S3]:
        """Start it on this folder, and remove all of it at the end but a folder that is a disk of its own.

        With a certificate, it speaks TLS too, at a port of its own.
        """
        server = cls(node, folder)
        node.run(["mkdir", "-p", f"{folder}/{BUCKET}"])
        try:
            node.kubectl("apply", "--filename=-", stdin=json.dumps(_objects(folder, pair)))
            node.wait_for("condition=Ready", f"pod/{_NAME}", namespace="kube-system")
            server._until_port_answers()
            yield server
        finally:
            kinds = "pod,service,secret"
            node.kubectl("delete", kinds, f"--selector=app={_NAME}", _NAMESPACE, "--grace-period=1")
            node.run(["sh", "-c", f"rm -rf {folder}/* {folder}/.[!.]* && rmdir {folder} 2> /dev/null || true"])

    @contextmanager
    def answering_503(self) -> Iterator[None]:
        """Have every request answered by 503 SlowDown, as a store does that is asked too much."""
        self._run("echo sick > /tmp/state; killall versitygw")
        self._until_port_answers()
        try:
            yield
        finally:
            self._run("rm /tmp/state; killall nc")
            self._until_port_answers()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Have nobody listen at all, from one moment to the next."""
        self._run("echo off > /tmp/state; killall -9 versitygw")
        try:
            yield
        finally:
            self._run("rm /tmp/state; killall sleep")
            self._until_port_answers()

    @property
    def objects(self) -> list[str]:
        """The keys of all objects in the bucket."""
        return sorted(str(path.relative_to(self.files)) for path in self.files.rglob("*") if path.is_file())

    @property
    def files(self) -> Path:
        """The bucket's folder as this process sees it."""
        return self.node.path(f"{self.folder}/{BUCKET}")

    def _run(self, script: str) -> None:
        self.node.kubectl("exec", _NAME, f"--container={_NAME}", _NAMESPACE, "--", "sh", "-ec", script)

    def _until_port_answers(self) -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.1)

    def _answers(self) -> bool:
        words = ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", ENDPOINT]
        return self.node.run(words, check=False).returncode == 0


def _objects(folder: str, pair: Pair | None) -> dict[str, object]:
    metadata = {"name": _NAME, "namespace": "kube-system", "labels": {"app": _NAME}}
    key = {"secretKeyRef": {"name": _NAME, "key": "access"}}, {"secretKeyRef": {"name": _NAME, "key": "secret"}}
    container: dict[str, object] = {
        "name": _NAME,
        "image": images.S3,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", _SERVE],
        "env": [
            {"name": "ROOT_ACCESS_KEY", "valueFrom": key[0]},
            {"name": "ROOT_SECRET_KEY", "valueFrom": key[1]},
            {"name": "ANSWER", "value": _ANSWER},
        ],
        "readinessProbe": {"tcpSocket": {"port": 7070}, "periodSeconds": 1},
        "volumeMounts": _MOUNTS,
    }
    containers = [container]
    keys = {"access": ACCESS_KEY, "secret": SECRET_KEY}
    volumes: list[dict[str, object]] = [{"name": "store", "hostPath": {"path": folder, "type": "Directory"}}]
    if pair:
        keys |= {"tls.crt": pair.certificate, "tls.key": pair.key}
        volumes.append({"name": "pair", "secret": {"secretName": _NAME}})
        serve = ["versitygw", "--port=:7443", f"--region={REGION}", "--cert=/pair/tls.crt", "--key=/pair/tls.key"]
        mounts = [*_MOUNTS, {"name": "pair", "mountPath": "/pair"}]
        encrypted = {"name": "encrypted", "command": [*serve, "posix", "/store"], "volumeMounts": mounts}
        containers.append({**container, **encrypted, "readinessProbe": {"tcpSocket": {"port": 7443}}})
    pod = {
        "nodeName": FIRST.name,
        "enableServiceLinks": False,
        "containers": containers,
        "volumes": volumes,
    }
    ports = [{"name": "plain", "port": 7070}, {"name": "encrypted", "port": 7443}]
    service = {"clusterIP": ADDRESS, "selector": {"app": _NAME}, "ports": ports}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": keys},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        ],
    }

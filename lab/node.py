"""One node of the lab: process 1 of its own network, mount, PID and UTS namespaces.

Started by `keeper`, which hands it a specification by standard input once the node's record is written. It goes on
only if the record names its parent: so a start that is cut off at any moment leaves no node that nobody knows of.
Owns the order in which the node comes up. When this process ends, the kernel ends everything on the node with it.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from lab import cgroups, configuration, network, rootfs, services
from lab.processes import Process, own_parent
from lab.record import Record
from lab.specification import Specification
from lab.supervisor import Supervisor
from lab.topology import API_URL

NODE_FILE = "node.json"
"""File of the node's folder that names its first process."""
NETWORK_MARK = "network"
"""File of the node's folder that tells that its network is set up and can be tied to another's."""
READY_MARK = "ready"
"""File of the node's folder that tells that everything on it was started."""
_READY_WITHIN = 120  # seconds; a busy machine has needed 20


class Node:
    """Starts the services of a node in the order they need each other, and keeps them running."""

    def __init__(self, specification: Specification) -> None:
        self._of = specification
        self._folder = Path(specification.folder)
        self._services = Supervisor(self._folder)
        self._began = int(time.time())

    def run(self) -> None:
        """Become the node; returns never, or raises when it cannot be set up."""
        # The machine's /proc is still there and gives the id outside, by which `keeper` waits for the end.
        (self._folder / NODE_FILE).write_text(json.dumps(asdict(Process.now("self"))))
        rootfs.enter(self._folder, [*map(Path, self._of.runtimes), Path(self._of.packages)])
        network.set_up(self._of.member)
        (self._folder / NETWORK_MARK).touch()
        configuration.write(self._of)
        cgroups.create(self._of.cgroup)
        threading.Thread(target=self._start, daemon=True).start()
        self._services.supervise()

    def _start(self) -> None:
        try:
            images = self._start_control_plane() if self._of.is_control_plane else self._start_worker()
            self._services.start("kube-proxy", services.proxy(self._of))
            _until(self._is_ready, "the node to be Ready")
            # Without it the API server refuses every Pod.
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            _until(lambda: bool(self._api(account)), "the default service account")
            images.result()
            (self._folder / READY_MARK).touch()
        except Exception as error:  # noqa: BLE001 — a thread has nobody above it: say why, then end the node
            print(f"node: {error}", file=sys.stderr, flush=True)
            os._exit(1)  # the kernel ends the node with its first process

    def _start_control_plane(self) -> Future[None]:
        self._services.start("containerd", services.CONTAINERD)
        self._services.start("etcd", services.etcd(self._of))
        self._services.start("apiserver", services.apiserver(self._of))
        self._services.start("kubelet", services.kubelet(self._of))
        _until(Path("/run/containerd/containerd.sock").exists, "containerd")
        self._services.start("docker", services.docker(self._of))
        images = ThreadPoolExecutor().submit(self._load_images)
        _until(self._is_api_ready, "the API server")
        self._services.start("controller-manager", services.controller_manager(self._of))
        self._services.start("scheduler", services.scheduler(self._of))
        return images

    def _start_worker(self) -> Future[None]:
        self._services.start("containerd", services.CONTAINERD)
        _until(Path("/run/containerd/containerd.sock").exists, "containerd")
        images = ThreadPoolExecutor().submit(self._load_images)
        # The tie to the first node comes from outside; without it kubelet would try ever more seldom.
        _until(self._is_api_ready, "the first node's API server")
        self._services.start("kubelet", services.kubelet(self._of))
        return images

    def _load_images(self) -> None:
        marker = self._folder / "root" / Path(self._of.images).name
        if marker.exists():
            return
        self._services.call(["ctr", "--namespace", "k8s.io", "images", "import", f"{self._of.images}/images.tar"])
        if self._of.is_control_plane:
            _until(Path("/run/docker.sock").exists, "the Docker Engine")
            self._services.call(["docker", "load", "--input", f"{self._of.images}/alpine.tar"])
        marker.touch()

    def _is_api_ready(self) -> bool:
        return self._api("/readyz") == "ok"

    def _is_ready(self) -> bool:
        text = self._api(f"/api/v1/nodes/{self._of.member.name}")
        conditions = json.loads(text)["status"].get("conditions", []) if text else []
        return any(
            # What kubelet said before a restart stands in the store for a while.
            c["type"] == "Ready" and c["status"] == "True" and _seconds(c["lastHeartbeatTime"]) >= self._began
            for c in conditions
        )

    def _api(self, path: str) -> str:
        pki = Path(self._of.lab) / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        # A proxy of the machine's leads nowhere from here.
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with direct.open(API_URL + path, timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_READY_WITHIN} s for {what}; its log says more")
        time.sleep(0.1)


def _seconds(time_stamp: str) -> float:
    return datetime.fromisoformat(time_stamp).timestamp()


def _has_keeper(folder: Path) -> bool:
    """Whether this process's parent is the keeper in the record, and so this process ends with it.

    A keeper that is killed right after its fork, before the kernel knows that the child has to end too, leaves an
    orphan, which has another parent by the time it gets here.
    """
    noted = Record.read(folder)
    return noted is not None and noted.keeper.id == own_parent()


if __name__ == "__main__":
    text = sys.stdin.read()
    specification = Specification.load(text) if text else None
    if specification and _has_keeper(Path(specification.folder)):
        Node(specification).run()

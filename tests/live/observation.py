"""What tests of change compare: objects before and after, the registry's Pods over time, and a stored image."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from lab.processes import Process
from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack

REGISTRY_PODS = "app.kubernetes.io/name=registry"
NODE_TRUST = "app.kubernetes.io/name=node-trust"
PROOF_PODS = "app.kubernetes.io/name=proof"
MANIFEST = (
    "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
"""What a Docker Engine pushes: the first with containerd's image store, the second without."""
_PODS = "/api/v1/namespaces/default/pods?labelSelector=app.kubernetes.io/name%3Dregistry"


def until(condition: Callable[[], bool], what: str, *, seconds: float = 90) -> None:
    """Ask again and again until the condition holds; fail, naming `what`, after the given time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.4)


def descendants(process: int) -> list[Process]:
    """All processes below one, as the machine sees them."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = [], [process]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            waiting.append(child)
            try:
                found.append(Process.now(child))
            except OSError:
                continue
    return found


def running(node: Node, beginning: str) -> list[Path]:
    """Where the machine tells of the processes of a node whose command line begins so, in /proc."""
    found = []
    for process in descendants(node.lab.process() or 0):
        place = Path(f"/proc/{process.id}")
        with suppress(OSError):
            # One that was killed and waits to be reaped has no words left.
            if (place / "cmdline").read_bytes().startswith(beginning.encode()):
                found.append(place)
    return found


def registries(node: Node, command: str = "serve") -> list[Path]:
    """The processes of the registry's program that run this command."""
    return running(node, f"registry\0{command}\0")


def forget_peak(process: Path) -> None:
    """Let the most memory that a process has had count from now on (proc(5))."""
    (process / "clear_refs").write_text("5")


def peak(process: Path) -> int:
    """The most memory that a process has had, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert found
    return int(found[1]) * 1024


def readiness(node: Node, namespace: str = "default") -> dict[str, Any]:
    """Whether the registry's only Pod is Ready, and since when."""
    pod = only_pod(node, REGISTRY_PODS, f"--namespace={namespace}")
    [ready] = [condition for condition in pod["status"]["conditions"] if condition["type"] == "Ready"]
    return dict(ready)


def is_there(process: Process) -> bool:
    """Whether a process still has its place in /proc, if only to be reaped."""
    try:
        return Process.now(process.id) == process
    except OSError:
        return False


def only_pod(node: Node, selector: str, *words: str) -> dict[str, Any]:
    """The one Pod that a selector finds; `words` may name another namespace than default."""
    pods = node.get("pods", f"--selector={selector}", *words)["items"]
    assert len(pods) == 1, [pod["metadata"]["name"] for pod in pods]
    found: dict[str, Any] = pods[0]
    return found


def versions(node: Node) -> dict[str, tuple[str, ...]]:
    """The product's objects by `Kind/name`, each with its uid and what changes when somebody writes to it.

    That is the resourceVersion. The cluster itself goes on writing the status of Deployments and Pods, so of
    these it is the generation, and the digests and restarts of the containers.
    """
    found = {}
    for item in node.get("secrets,services,deployments,pods")["items"]:
        kind, metadata = item["kind"], item["metadata"]
        if kind == "Deployment":
            state = [str(metadata["generation"])]
        elif kind == "Pod":
            containers = item["status"]["containerStatuses"]
            state = [f"{container['imageID']} {container['restartCount']}" for container in containers]
        else:
            state = [metadata["resourceVersion"]]
        found[f"{kind}/{metadata['name']}"] = (metadata["uid"], *state)
    return found


def named(objects: dict[str, tuple[str, ...]], kind_and_start: str) -> tuple[str, ...]:
    """The one object of `versions` whose `Kind/name` starts so."""
    found = [value for name, value in objects.items() if name.startswith(kind_and_start)]
    assert len(found) == 1, (kind_and_start, sorted(objects))
    return found[0]


@dataclass(frozen=True)
class PodHistory:
    """The registry's Pods from a moment on. Nothing runs meanwhile: the API server remembers every change."""

    node: Node
    since: str
    uids: frozenset[str]

    @classmethod
    def start(cls, node: Node) -> PodHistory:
        """From now on."""
        pods = json.loads(node.kubectl("get", "--raw", _PODS))
        uids = frozenset(pod["metadata"]["uid"] for pod in pods["items"])
        return cls(node, pods["metadata"]["resourceVersion"], uids)

    def numbers(self) -> list[int]:
        """How many there were after each coming and going, Pending and ending ones too; starts with the first."""
        pods = json.loads(self.node.kubectl("get", "--raw", _PODS))["items"]
        now = {pod["metadata"]["uid"] for pod in pods}
        for seconds in (1, 10, 60):
            uids, numbers = self._replay(seconds)
            if uids == now:
                return numbers
        raise AssertionError("the API server gives no whole history of the registry's Pods")

    def _replay(self, seconds: int) -> tuple[set[str], list[int]]:
        """The changes that the API server sends within some seconds: who is there after them, and the numbers."""
        watch = f"{_PODS}&watch=1&resourceVersion={self.since}&timeoutSeconds={seconds}"
        uids, numbers = set(self.uids), [len(self.uids)]
        for line in self.node.kubectl("get", "--raw", watch).splitlines():
            event = json.loads(line)
            assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}, event
            (uids.discard if event["type"] == "DELETED" else uids.add)(event["object"]["metadata"]["uid"])
            if len(uids) != numbers[-1]:
                numbers.append(len(uids))
        return uids, numbers


@dataclass(frozen=True)
class StoredImage:
    """An image as the registry gives it: its manifest by digest, and each blob with the hash of its bytes."""

    digest: str
    manifest: str
    blobs: dict[str, str]


def push_keepsake(node: Node) -> None:
    """Push an image that no `pulumi up` would push again, as `keepsake:1`."""
    image = f"{PUSH_ADDRESS}/keepsake:1"
    node.run(["sh", "-c", f"docker login {PUSH_ADDRESS} --username {USER} --password-stdin"], stdin=PASSWORD)
    node.run(["docker", "tag", "alpine", image])
    node.run(["docker", "push", image])


def stored(node: Node, repository: str, *, account: tuple[str, str] = (USER, PASSWORD)) -> StoredImage:
    """Read the image under tag 1 from the registry, every byte of it."""
    answer = node.registry(f"/v2/{repository}/manifests/1", account=account, headers=[MANIFEST])
    assert answer.status == 200, answer
    manifest = json.loads(answer.body)
    blobs = {}
    for blob in (manifest["config"], *manifest["layers"]):
        url = f"https://{PUSH_ADDRESS}/v2/{repository}/blobs/{blob['digest']}"
        curl = f"curl --silent --show-error --fail --cacert {CA_FILE} --config -"
        command = f"set -o pipefail; {curl} {url} | sha256sum"
        printed = node.run(["bash", "-c", command], stdin=f'user = "{":".join(account)}"').stdout
        blobs[blob["digest"]] = f"sha256:{printed.split()[0]}"
    return StoredImage(answer.headers["docker-content-digest"], answer.body, blobs)


def is_proven(stack: Stack) -> bool:
    """Whether the registry has the image that the stack's output names."""
    digest = stack.outputs()["image"].rpartition("@")[2]
    return stack.node.registry(f"/v2/alpine_test/manifests/{digest}", headers=[MANIFEST]).status == 200


def served(node: Node, address: str = ADDRESS) -> list[x509.Certificate]:
    """The chain that the registry serves at this moment."""
    words = ["openssl", "s_client", "-connect", address, "-showcerts"]
    return x509.load_pem_x509_certificates(node.run(words, stdin="").stdout.encode())


def trust(node: Node) -> list[tuple[str, str]]:
    """What changes when something is done to nodes: the DaemonSet's generation and its Pods, each with its uid."""
    items = node.get("daemonsets,pods", f"--selector={NODE_TRUST}")["items"]
    assert {item["kind"] for item in items} == {"DaemonSet", "Pod"}
    return [
        (item["metadata"]["uid"], str(item["metadata"]["generation"]) if item["kind"] == "DaemonSet" else "")
        for item in items
    ]

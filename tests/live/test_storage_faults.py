"""Storage that fails, and registries that are killed: no push is acknowledged and then lost, on any kind."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live import storage_kinds, volumes
from tests.live.harness import Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod, registries, until
from tests.live.registry_client import FAILURES, Client, Image, digest_of
from tests.live.storage_kinds import Kind

ROUNDS = int(os.environ.get("KILL_ROUNDS", "10"))
"""How often the registry is killed; 60 for a thorough search."""
CLIENTS = 4
MIB = 2**20
_CHANCE = secrets.SystemRandom()


@pytest.fixture(scope="module", params=storage_kinds.NAMES)
def kind(lab: Node, request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Each kind of storage on a small disk, one after the other."""
    with storage_kinds.prepared(request.param, lab, small=16 * max(4, ROUNDS)) as made:
        yield made


@pytest.fixture(scope="module")
def deployed(lab: Node, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, up; each test leaves it so."""
    stack = Stack.make(lab, tmp_path_factory.mktemp("project"))
    kind.configure(stack)
    stack.up()
    yield stack
    stack.remove()


def test_a_full_disk_fails_pushes_and_no_pull(kind: Kind, client: Client, lab: Node) -> None:
    """A push gets an error and is never acknowledged; once there is space, the same push works."""
    kept, late = Image.random(MIB, 10), Image.random(3 * MIB)
    assert client.push("kept", "1", kept).status == 201
    assert client.push_blob("kept", late.config).status == 201
    with volumes.full(lab, kind.folder):
        answers = [
            client.push_blob("late", late.layers[0]).status,
            client.push_blob("late", b"small").status,
            client.push_manifest("kept", "2", kept.manifest).status,
        ]
        pulled = client.has("kept", "1", kept)
    again = client.push("late", "1", late).status

    assert all(status >= 500 for status in answers), answers
    assert pulled
    assert again == 201
    assert client.has("late", "1", late)
    assert client.manifest("kept", "2").status == 404
    assert kind.damage() == []


@dataclass
class Acknowledged:
    """What the registry has said it has, and answers that it should not give."""

    blobs: list[tuple[str, str]] = field(default_factory=list)
    """Repository and digest of each."""
    manifests: list[tuple[str, str, str]] = field(default_factory=list)
    """Repository, tag and digest."""
    wrong: list[str] = field(default_factory=list)
    cut: int = 0
    """Pushes that a kill has cut off."""

    def push(self, client: Client, repository: str, stop: threading.Event) -> None:
        """Push one image after the other, over all interruptions, until told to stop."""
        number = 0
        while not stop.is_set():
            number += 1
            try:
                self._push(client, repository, str(number))
            except FAILURES:
                self.cut += 1
                time.sleep(0.05)

    def _push(self, client: Client, repository: str, tag: str) -> None:
        image = Image.random(*(_CHANCE.randint(1, 60_000) for _ in range(2)))
        for blob in image.blobs:
            reply = client.push_blob(repository, blob)
            if reply.status != 201:
                self.wrong.append(f"{repository}:{tag} blob: {reply}")
                return
            self.blobs.append((repository, digest_of(blob)))
        reply = client.push_manifest(repository, tag, image.manifest)
        if reply.status != 201:
            self.wrong.append(f"{repository}:{tag} manifest: {reply}")
            return
        self.manifests.append((repository, tag, image.digest))

    def lost(self, clients: list[Client]) -> list[str]:
        """What of it the registry does not give back, or not as it was."""

        def check(client: Client, share: int) -> list[str]:
            manifests = [
                f"{repository}:{tag} {reply}"
                for repository, tag, digest in self.manifests[share :: len(clients)]
                if (reply := client.manifest(repository, tag)).digest != digest
            ]
            blobs = [
                f"{repository}@{digest} {reply}"
                for repository, digest in self.blobs[share :: len(clients)]
                if (reply := client.blob(repository, digest)).digest != digest
            ]
            return manifests + blobs

        with ThreadPoolExecutor(len(clients)) as pool:
            return [each for found in pool.map(check, clients, range(len(clients))) for each in found]


def _kill_registry(node: Node) -> None:
    """End the registry's process by SIGKILL, once it runs."""
    found: list[Path] = []

    def runs() -> bool:
        found[:] = registries(node)
        return bool(found)

    until(runs, "the registry to run")
    with suppress(ProcessLookupError):
        os.kill(int(found[-1].name), signal.SIGKILL)


def _serves(client: Client) -> bool:
    try:
        return client.request("GET", "/v2/").status == 200
    except FAILURES:
        return False


def test_what_a_killed_registry_has_acknowledged_is_there(kind: Kind, client: Client, lab: Node) -> None:
    """SIGKILL at random moments of four pushes: what got a 201 is whole, and no link is empty."""
    clients = [Client(lab) for _ in range(CLIENTS)]
    said, stop = Acknowledged(), threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(said.push, each, f"killed/{n}", stop) for n, each in enumerate(clients)]
        try:
            for number in range(ROUNDS):
                pushed = len(said.manifests)
                # A push takes longer on a busy machine, and one has to come through between two kills.
                until(lambda: len(said.manifests) > pushed, "a push")  # noqa: B023
                time.sleep(_CHANCE.uniform(0, 0.5))
                # That push may have been answered by the one that was killed before.
                _kill_registry(lab)
                if number % 2:
                    # The kubelet starts a container again at once only the first time.
                    pod = only_pod(lab, REGISTRY_PODS)["metadata"]["name"]
                    lab.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        finally:
            stop.set()
        for each in running:
            each.result()
    until(lambda: _serves(client), "the registry to serve")

    assert said.wrong == []
    assert said.cut >= ROUNDS
    assert len(said.manifests) >= ROUNDS
    assert said.lost(clients) == []
    assert kind.damage() == []
    # Else the search could not tell.
    link = next(kind.files.rglob("link"))
    link.write_text("")
    assert kind.damage() == [str(link)]

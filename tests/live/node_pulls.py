"""Nodes that pull all the time, while something changes that must cut none of these pulls."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.container_runtime import PullError, Runtime, unpackable
from tests.live.harness import Node
from tests.live.observation import until
from tests.live.registry_client import Client, busy

_EACH = 0.1
"""Seconds from one pull that begins on a node to the next."""
_TURNS = 4
"""Pullers of each node, since a pull may take longer than that; each has an image of its own.

The first fetches it whole each time; the others ask for what the node has, as Pods with the pull policy Always do.
"""
_SIZE = 10_000
_REPOSITORY = "pulled-by-nodes"
_FOLLOW = """
kubectl get secret regcred --watch --output='jsonpath={.data.\\.dockerconfigjson}{"\\n"}' &
while [ -e "$0" ]; do sleep 0.2; done
kill $!
"""
"""Prints the pull secret whenever it changes, until a file is gone."""

Account = Callable[[], tuple[str, str]]
"""Asked before each pull."""


@dataclass
class NodePulls:
    """What came of them, by node."""

    done: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[str]] = field(default_factory=dict)
    """In the words of the node's runtime."""


@contextmanager
def pull_secret(lab: Node, address: str, folder: Path) -> Iterator[Account]:
    """Give the account that the pull secret has for an address at any moment."""
    log, goes_on = folder / "pull-secret", folder / "goes-on"
    goes_on.touch()
    process = lab.start_process(["sh", "-c", _FOLLOW, str(goes_on)], log)

    def account() -> tuple[str, str]:
        last = log.read_text().rpartition("\n")[0].rpartition("\n")[2]
        entry = json.loads(base64.b64decode(last))["auths"][address]
        return entry["username"], entry["password"]

    try:
        until(lambda: log.read_text().endswith("\n"), "the pull secret")
        yield account
    finally:
        goes_on.unlink()
        process.wait(timeout=20)


def push_images(client: Client, nodes: Sequence[str]) -> list[str]:
    """Push what `pulling` pulls on these nodes: an image for each puller."""
    images = []
    for tag in map(str, range(len(nodes) * _TURNS)):
        assert client.push(_REPOSITORY, tag, unpackable(_SIZE)).status == 201
        images.append(f"{client.address}/{_REPOSITORY}:{tag}")
    return images


@contextmanager
def pulling(lab: Node, nodes: Sequence[str], images: Sequence[str], *accounts: Account) -> Iterator[NodePulls]:
    """Begin a pull every 100 ms on each node meanwhile, by these accounts in turn."""
    seen = NodePulls()
    begins = [time.monotonic() + number // len(nodes) * _EACH for number in range(len(images))]
    with ExitStack() as stack:
        runtimes = [stack.enter_context(Runtime(lab, node)) for node in nodes]
        for number, image in enumerate(images):
            stack.callback(runtimes[number % len(nodes)].remove, image)

        def pull(number: int) -> None:
            turn, place = divmod(number, len(nodes))
            time.sleep(max(0.0, begins[number] - time.monotonic()))
            begins[number] = max(begins[number], time.monotonic() - _EACH) + _EACH * _TURNS
            try:
                runtimes[place].pull(images[number], accounts[turn % len(accounts)]())
            except PullError as problem:
                seen.failed.setdefault(nodes[place], []).append(str(problem))
            else:
                seen.done[nodes[place]] += 1
            if turn == 0:
                runtimes[place].remove(images[number])

        stack.enter_context(busy(len(images), pull))
        yield seen

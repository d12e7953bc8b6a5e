"""Pulls one after the other, while something changes that must cut none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import RemoteDisconnected

from tests.live.harness import ADDRESS, PASSWORD, USER, Node
from tests.live.registry_client import FAILURES, Client, Image, busy

_LEAST = 20


@contextmanager
def pulled(
    node: Node, repository: str, image: Image, account: tuple[str, str] = (USER, PASSWORD)
) -> Iterator[list[str]]:
    """Pull tag v1 by two clients meanwhile, one with a connection for each pull; gives what has failed."""
    clients = [Client(node, ADDRESS, account) for _ in range(2)]
    failed: list[str] = []
    done = 0

    def is_whole(client: Client) -> bool:
        try:
            return client.has(repository, "v1", image)
        except RemoteDisconnected:
            # A connection that is kept may be closed while a request is on its way; Go asks again as well.
            return client.has(repository, "v1", image)

    def pull(number: int) -> None:
        nonlocal done
        client = clients[number]
        try:
            if not is_whole(client):
                failed.append("not whole")
            done += 1
        except FAILURES as broken:
            failed.append(repr(broken))
        if number:
            client.close()

    with busy(len(clients), pull):
        yield failed
    for client in clients:
        client.close()
    assert done > _LEAST

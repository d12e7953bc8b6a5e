"""Carries connections from one place to another, each `unix:PATH` or `tcp:HOST:PORT`, until it is ended.

Two labs reach each other through a socket in a folder that both see; their networks stay apart.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _connect(place: str) -> Streams:
    kind, _, where = place.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    host, _, port = where.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _serve(
    place: str, answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    kind, _, where = place.partition(":")
    if kind == "unix":
        server = await asyncio.start_unix_server(answer, where)
    else:
        host, _, port = where.rpartition(":")
        server = await asyncio.start_server(answer, host, int(port))
    await server.serve_forever()


def main(listen: str, target: str) -> None:
    """Take connections at `listen`, and make one to `target` for each."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await _connect(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carry(reader, other_writer), _carry(other_reader, writer))

    asyncio.run(_serve(listen, answer))


if __name__ == "__main__":
    # What is ended outside of a node is the process that entered it, and not the one inside.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    main(*sys.argv[1:])

"""Watching the processes of a node: arguments and variables of each, which other users may read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.harness import Node

_SAMPLER = """
import base64, json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
seen, since, swept = set(), {}, 0.0
with (folder / "samples").open("w") as log:
    while not (folder / "stop").exists():
        now = time.monotonic()
        since = {name: since.get(name, now) for name in os.listdir("/proc") if name.isdecimal()}
        everything = now - swept > 1
        swept = now if everything else swept
        for name in [name for name, began in since.items() if everything or now - began < 2]:
            process = pathlib.Path("/proc", name)
            try:
                sample = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            except OSError:
                continue
            if sample not in seen:
                seen.add(sample)
                print(json.dumps([base64.b64encode(part).decode() for part in sample]), file=log, flush=True)
        time.sleep(0.005)
"""
"""Notes arguments and variables of every process on the node, until the file `stop` is there.

New ones are looked at again and again, since they soon become other programs; to do so with all would take a core.
"""

PLANTED = "an-argument-that-the-sampler-has-to-see"


@contextmanager
def sampled(node: Node, folder: Path) -> Iterator[Path]:
    """Note every process on the node meanwhile: a file with a line for each, two texts in base64."""
    process = node.start_process(["python3", "-c", _SAMPLER, str(folder)], folder / "output")
    yield folder / "samples"
    (folder / "stop").touch()
    process.wait(timeout=20)
    assert (folder / "output").read_bytes() == b""

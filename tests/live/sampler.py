"""Watching the processes of a node: arguments and variables of each, which other users may read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.harness import Node

_SAMPLER = """
import base64, json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
seen = set()
with (folder / "samples").open("w") as log:
    while not (folder / "stop").exists():
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                sample = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            except OSError:
                continue
            if sample not in seen:
                seen.add(sample)
                print(json.dumps([base64.b64encode(part).decode() for part in sample]), file=log, flush=True)
"""
"""Notes arguments and variables of every process on the node, until the file `stop` is there."""

PLANTED = "an-argument-that-the-sampler-has-to-see"


@contextmanager
def sampled(node: Node, folder: Path) -> Iterator[Path]:
    """Note every process on the node meanwhile: a file with a line for each, two texts in base64."""
    process = node.start_process(["python3", "-c", _SAMPLER, str(folder)], folder / "output")
    yield folder / "samples"
    (folder / "stop").touch()
    process.wait(timeout=20)
    assert (folder / "output").read_bytes() == b""

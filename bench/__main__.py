"""`make bench`: the product beside what it is compared with, in turns, on one machine in one run.

Prints medians with the fastest and slowest run, and their ratios; absolute times depend on the machine.
`PARTS="layers memory"` measures these alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.lifecycle import Lab
from lab.ui import say
from tests.live.harness import PROJECT, Node

from . import abuse, dashboard, door, layers, memory, namespaces
from .updates import Updates

PARTS: dict[str, Callable[[Node, Path], None]] = {
    "updates": lambda node, folder: Updates(node, folder).run(),
    "layers": layers.measure,
    "memory": memory.measure,
    "namespaces": namespaces.measure,
    "door": door.measure,
    "abuse": abuse.measure,
    "dashboard": dashboard.draw,
}


def main() -> int:
    """Bring up a lab of the bench's own, measure, end it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := [part for part in chosen if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    lab = Lab(Path(os.environ.get("BENCH_LAB") or PROJECT / ".lab-bench").absolute())
    try:
        lab.end()  # what a killed run has left
        node = Node.start(lab.folder)
        for part in chosen:
            say(f"\n== {part}")
            with tempfile.TemporaryDirectory(prefix="private-registry-bench-") as folder:
                PARTS[part](node, Path(folder))
    finally:
        lab.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())

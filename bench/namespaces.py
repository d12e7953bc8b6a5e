"""How `up` grows with the namespaces that get the pull secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from lab.ui import say
from tests.live.harness import Node, Stack

NUMBERS: Final = (1, 100, 500)


def measure(node: Node, folder: Path) -> None:
    """Measure and print it."""
    names = [f"team-{number}" for number in range(max(NUMBERS))]
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    node.kubectl("apply", "--filename=-", stdin=text)
    stack = Stack.make(node, folder / "project")
    settings = stack.folder / f"Pulumi.{stack.name}.yaml"
    before = settings.read_text()
    seconds: dict[str, list[float]] = {"first `up`": [], "`up` without changes": []}
    for number in NUMBERS:
        settings.write_text(f"{before.rstrip()}\n  private-registry:pullNamespaces: {json.dumps(names[:number])}\n")
        for series in seconds.values():
            series.append(stack.up().seconds)
        stack.destroy()
    for what, (one, some, many) in seconds.items():
        few, rest = (some - one) / (NUMBERS[1] - NUMBERS[0]), (many - some) / (NUMBERS[2] - NUMBERS[1])
        say(f"{what:<40} {one:6.1f} s {some:6.1f} s {many:6.1f} s with {NUMBERS} namespaces")
        say(f"{'each namespace more':<40} {few * 1000:6.0f} ms up to {NUMBERS[1]}, then {rest * 1000:.0f} ms")
    stack.remove()
    node.kubectl("delete", "namespace", *names, "--wait=false")

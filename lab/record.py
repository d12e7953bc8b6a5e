"""What the machine notes about a node: the process that keeps it alive, and its control group."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lab.processes import Process

FILE = "record.json"
"""In the node's folder; it marks a folder as a lab's, also when it says that no node was started."""


@dataclass(frozen=True)
class Record:
    """A node that was started and not ended since."""

    keeper: Process
    cgroup: str

    def write(self, folder: Path) -> None:
        """Note it in the node's folder."""
        keeper = self.keeper
        fields = {"keeper": keeper.id, "started": keeper.started, "boot": keeper.boot, "cgroup": self.cgroup}
        (folder / FILE).write_text(json.dumps(fields))

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """What was noted, or None when there is no node; half a record names none."""
        try:
            fields = json.loads((folder / FILE).read_text())
            return cls(Process(fields["keeper"], fields["started"], fields["boot"]), fields["cgroup"])
        except (OSError, ValueError, KeyError):
            return None


def clear(folder: Path) -> None:
    """Note that there is no node."""
    (folder / FILE).write_text("{}")

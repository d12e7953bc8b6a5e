"""What `lifecycle` decides about a node and hands to the node's first process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from lab.topology import Member, Role


@dataclass(frozen=True)
class Specification:
    """One node; all paths are absolute."""

    member: Member
    lab: str
    """The folder that the lab's nodes share: credentials."""
    folder: str
    """The node's own: its disks, logs and marks; the control plane's is the lab's."""
    packages: str
    runtimes: tuple[str, ...]
    """Folders whose programs the node has in place of the packages' own of the same name."""
    kubernetes: str
    images: str
    cgroup: str

    @property
    def is_control_plane(self) -> bool:
        """Whether the control plane and the Docker Engine run here."""
        return self.member.role is Role.CONTROL_PLANE

    def dump(self) -> str:
        """As JSON, for the node's standard input."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Specification:
        """Read what `dump` wrote."""
        fields = json.loads(text)
        member = fields.pop("member")
        runtimes = tuple(fields.pop("runtimes"))
        return cls(member=Member(**member | {"role": Role(member["role"])}), runtimes=runtimes, **fields)

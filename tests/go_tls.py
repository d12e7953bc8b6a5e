"""What Go's own TLS says of certificates: the registry serves with it, and containerd and Docker verify with it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from lab import parts


@dataclass(frozen=True, kw_only=True)
class Question:
    """A server's certificate and its key, or the address of one that runs; and what a client knows."""

    certificate: str = ""
    key: str = field(default="", repr=False)
    address: str = ""
    roots: str
    name: str
    time: datetime


@dataclass(frozen=True)
class Answer:
    """The error of the server and of the client; empty texts mean that it works."""

    server: str
    client: str

    @property
    def works(self) -> bool:
        """Whether the server loads the certificate and the client accepts it, in TLS 1.2 and 1.3."""
        return not (self.server or self.client)


def ask(questions: Sequence[Question]) -> list[Answer]:
    """Ask about all at once."""
    lines = json.dumps([asdict(question) for question in questions], default=datetime.isoformat)
    answered = subprocess.run([parts.tls_check()], input=lines, capture_output=True, text=True, check=True)
    return [Answer(answer["Server"], answer["Client"]) for answer in json.loads(answered.stdout)]

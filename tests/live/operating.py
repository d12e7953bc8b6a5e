"""A person with the project's folder on the node, who types the commands of docs/operations.md."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

from tests.live.harness import PASSWORD, PROJECT, USER, Node, Result, Stack
from tests.live.registry_client import Client


@dataclass
class Operator:
    """Such a person, and what the commands have printed so far."""

    node: Node
    stack: Stack
    password: str = PASSWORD
    printed: list[str] = field(default_factory=list)
    python = str(PROJECT / ".venv" / "bin" / "python")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command as the Makefile does, in a session of its own."""
        command = self.node.lab.command([*self._words(words)], self.stack.folder)
        environment = self.node.lab.environment() | self.stack.environment
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def run(self, *words: str, check: bool = True) -> Result[str]:
        """Run a command to its end."""
        result = self.node.run(
            self._words(words), cwd=self.stack.folder, env=self.stack.environment, check=check, timeout=600
        )
        self.printed.append(result.stdout + result.stderr)
        return result

    def client(self) -> Client:
        """Give a connection to the registry."""
        return Client(self.node, account=(USER, self.password))

    def _words(self, words: tuple[str, ...]) -> list[str]:
        return [self.python, "-m", "operations", *words, "--stack", self.stack.name]

"""The lab that all live tests share, and a stack of its own for each module that deploys one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.topology import SECOND
from tests.live.harness import Node, Stack


@pytest.fixture(scope="session")
def lab() -> Iterator[Node]:
    """A lab for the tests alone, started by the command that people type; it is ended whatever happens."""
    node = Node.start()
    yield node
    node.end()


@pytest.fixture(scope="module")
def second_node(lab: Node) -> Iterator[str]:
    """A second node in that lab, for one module: its name, which `Node.run` takes as `node`."""
    lab.lab_command("node", "add")
    yield SECOND.name
    lab.lab_command("node", "remove")


@pytest.fixture(scope="module")
def stack(lab: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A copy of the project with a dev stack, not yet up; destroyed at the module's end, images and all."""
    made = Stack.make(lab, tmp_path_factory.mktemp("project"))
    yield made
    made.remove()


@pytest.fixture
def fresh_stack(lab: Node, tmp_path: Path) -> Iterator[Stack]:
    """The same for a single test, where no other stack of its module is up."""
    made = Stack.make(lab, tmp_path / "project")
    yield made
    made.remove()

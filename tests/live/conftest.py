"""The lab that the live tests of one process share, and a stack of its own for each module that deploys one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import record
from lab.lifecycle import Lab
from lab.topology import SECOND
from tests.live.harness import PROJECT, Node, Stack
from tests.live.modules import Modules, labs_here
from tests.live.registry_client import Client

KEPT_LAB = os.environ.get("TEST_LAB")
"""The folder of a lab that a person keeps from run to run."""


def pytest_xdist_auto_num_workers() -> int:
    """Answer `-n auto`."""
    return labs_here()


def pytest_configure(config: pytest.Config) -> None:
    """Order and time the modules; a kept lab is one, and cannot serve several workers."""
    config.addinivalue_line("markers", "quiet: measures time or load, and runs alone after the other live tests")
    config.pluginmanager.register(Modules(config))
    if KEPT_LAB and config.getoption("numprocesses"):
        raise pytest.UsageError("TEST_LAB names one lab, and each worker needs its own: leave out -n, or TEST_LAB")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the labs of workers that were interrupted or killed; trylast, when all workers are gone."""
    if session.config.getoption("numprocesses"):
        temporary = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # no public name
        for folder in [*PROJECT.glob(".lab-tests-gw*"), *_labs_below(temporary)]:
            Lab(folder).end()


def _labs_below(folder: Path) -> Iterator[Path]:
    """The labs that tests have made for themselves; their own folders, which are large, are not searched."""
    for path, folders, names in os.walk(folder):
        if record.FILE in names:
            folders.clear()
            yield Path(path)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A lab for these tests alone, started by the command that people type; it is ended whatever happens."""
    if KEPT_LAB:
        yield Node.start(Path(KEPT_LAB).absolute())
        return
    worker = getattr(request.config, "workerinput", {}).get("workerid", "one")
    folder = PROJECT / f".lab-tests-{worker}"
    Lab(folder).end()  # one that a killed run left has its stacks still up
    node = Node.start(folder)
    yield node
    node.lab.end()


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


@pytest.fixture
def client(deployed: Stack, lab: Node) -> Iterator[Client]:
    """A client of the registry that the module has deployed on this lab."""
    assert deployed.node is lab
    made = Client(lab)
    yield made
    made.close()

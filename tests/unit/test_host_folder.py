"""Folders on a node."""

import re

import pytest

from components.problems import Problems
from components.storage.folders import host_folder
from components.storage.host_folder import HostFolder


def problems_of(node: str) -> list[str]:
    """Check a folder on a node of this name."""
    problems = Problems()
    HostFolder(node=node).check(problems, needs_node=True)
    return problems


def test_c38_refuses_an_unset_node() -> None:
    """Left to the scheduler, the registry would one day start empty on another node."""
    [problem] = problems_of("")

    assert problem.startswith(
        "private-registry:node must be set: images lie on one node's disk, and on another node"
    )


def test_refuses_an_impossible_node() -> None:
    """A node's name follows the rule of other names."""
    [problem] = problems_of("My Node")

    assert problem.startswith("private-registry:node must be a Kubernetes name ")


@pytest.mark.parametrize(
    "path", ["/data/registry", "/data/registry/", "//data//registry", "/data/./registry", "///data/registry"]
)
def test_folders_have_one_spelling(path: str) -> None:
    """The tutorial's trailing slash must not count as a change."""
    assert host_folder(path) == "/data/registry"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "must be an absolute path on the node"),
        ("data/registry", 'must be an absolute path on the node, got "data/registry"'),
        ("~/registry", "must be an absolute path on the node"),
        ("/", "must be a folder of its own, got the whole disk"),
        ("//", "must be a folder of its own, got the whole disk"),
        ("/./", "must be a folder of its own, got the whole disk"),
        ("/data/../etc", 'must not contain "..", which Kubernetes refuses in a hostPath, got "/data/../etc"'),
        ("/data\n", 'must not contain control or invisible characters, got "/data\\n"'),
    ],
)
def test_refuses_other_folders(path: str, message: str) -> None:
    """What a hostPath volume refuses, and what would put the node itself at risk."""
    with pytest.raises(ValueError, match=re.escape(message)):
        host_folder(path)


def test_accepts_names_that_only_look_like_parents() -> None:
    """Two dots count as a whole part of the path only."""
    assert host_folder("/data/a..b") == "/data/a..b"

"""What Kubernetes and a node's disk allow."""

import re

import pytest

from components.cluster import names as cluster


@pytest.mark.parametrize("name", ["default", "team-a", "1", "a" * 63])
def test_accepts_namespaces(name: str) -> None:
    """Labels of RFC 1123."""
    cluster.check_namespace(name)


@pytest.mark.parametrize("name", ["", "Default", "a.b", "-a", "a-", "a_b", "a" * 64, "a\n"])
def test_refuses_other_namespaces(name: str) -> None:
    """The message shows the name and the rule."""
    with pytest.raises(ValueError, match=re.escape("must be a namespace name (up to 63 lower-case")):
        cluster.check_namespace(name)


@pytest.mark.parametrize("name", ["regcred", "minikube", "ip-10-0-0-5.example.test", "a" * 63])
def test_accepts_names_of_secrets_and_nodes(name: str) -> None:
    """Subdomains of RFC 1123."""
    cluster.check_object_name(name)
    cluster.check_node(name)


@pytest.mark.parametrize("name", ["RegCred", "a..b", "a.", "a_b", ".".join(["a" * 60] * 5)])
def test_refuses_other_names(name: str) -> None:
    """The message shows the name."""
    with pytest.raises(ValueError, match=f'must be a Kubernetes name .*, got "{re.escape(name)}"'):
        cluster.check_object_name(name)


def test_c38_refuses_an_unset_node() -> None:
    """Left to the scheduler, the registry would one day start empty on another node."""
    with pytest.raises(ValueError, match="must be set: images lie on one node's disk"):
        cluster.check_node("")


def test_refuses_an_impossible_node() -> None:
    """A node's name follows the rule of other names."""
    with pytest.raises(ValueError, match="must be a Kubernetes name"):
        cluster.check_node("My Node")


def test_accepts_one_replica() -> None:
    """A folder on one node serves one Pod."""
    cluster.check_replicas(1)


@pytest.mark.parametrize("replicas", [0, 2, -1])
def test_refuses_other_numbers_of_replicas(replicas: int) -> None:
    """The message says what stands in the way."""
    with pytest.raises(ValueError, match=f"must be 1, got {replicas}: images lie in a folder of one node"):
        cluster.check_replicas(replicas)


@pytest.mark.parametrize(
    "path", ["/data/registry", "/data/registry/", "//data//registry", "/data/./registry", "///data/registry"]
)
def test_folders_have_one_spelling(path: str) -> None:
    """The tutorial's trailing slash must not count as a change."""
    assert cluster.host_folder(path) == "/data/registry"


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
        ("/data\n", "must not contain control or invisible characters, got '/data\\n'"),
    ],
)
def test_refuses_other_folders(path: str, message: str) -> None:
    """What a hostPath volume refuses, and what would put the node itself at risk."""
    with pytest.raises(ValueError, match=re.escape(message)):
        cluster.host_folder(path)


def test_accepts_names_that_only_look_like_parents() -> None:
    """Two dots count as a whole part of the path only."""
    assert cluster.host_folder("/data/a..b") == "/data/a..b"

"""Where the container runtimes of nodes look for registries."""

import pytest

from components.nodes.runtimes import NODES, OFF, CertsFolders, check_nodes
from components.storage.folders import host_folder


@pytest.mark.parametrize(
    ("kind", "containerd", "docker"),
    [
        ("kubeadm", "/etc/containerd/certs.d", ""),
        ("kind", "/etc/containerd/certs.d", ""),
        ("minikube", "/etc/containerd/certs.d", "/etc/docker/certs.d"),
        ("k3s", "/var/lib/rancher/k3s/agent/etc/containerd/certs.d", ""),
        ("rke2", "/var/lib/rancher/rke2/agent/etc/containerd/certs.d", ""),
        ("off", "", ""),
    ],
)
def test_each_kind_of_nodes_has_its_folders(kind: str, containerd: str, docker: str) -> None:
    """A folder that no runtime reads would look as if it worked, until the first pull."""
    assert NODES[kind] == CertsFolders(containerd, docker)


def test_these_are_all_kinds() -> None:
    """A new one belongs into the list above, and into that of Pulumi.yaml; the last is the one for none."""
    assert list(NODES) == ["kubeadm", "kind", "minikube", "k3s", "rke2", OFF]


@pytest.mark.parametrize("kind", [kind for kind in NODES if kind != OFF])
def test_known_folders_are_what_a_stack_could_set(kind: str) -> None:
    """Known folders are not checked again: they have to be right as they stand."""
    folders = [path for path in (NODES[kind].containerd, NODES[kind].docker) if path]

    assert folders
    assert [host_folder(path) for path in folders] == folders


@pytest.mark.parametrize("kind", list(NODES))
def test_known_kinds_are_accepted(kind: str) -> None:
    """All of those that have folders, and the one without."""
    check_nodes(kind)


@pytest.mark.parametrize("kind", ["", "K3s", "k3d"])
def test_other_kinds_are_refused_with_those_that_are_known(kind: str) -> None:
    """The nearest folder would be the wrong one."""
    with pytest.raises(ValueError, match=r"^must be ") as refused:
        check_nodes(kind)

    assert str(refused.value) == f'must be kubeadm, kind, minikube, k3s, rke2 or off, got "{kind}"'

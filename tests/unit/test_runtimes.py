"""Where the container runtimes of nodes look for registries."""

import pytest

from components.nodes.runtimes import NODES, OFF, CertsFolders, check_nodes
from components.nodes.settings import Nodes
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


@pytest.mark.parametrize("kind", ["kubeadm", "kind"])
def test_n03_nodes_of_a_packaged_containerd_are_told_how_to_look_there(kind: str) -> None:
    """With the section of containerd 2 and that of 1.x, the folder, and what makes it count."""
    hint = Nodes(node_trust=kind).runtime_hint

    assert "\n  [plugins.'io.containerd.cri.v1.images'.registry]\n" in hint
    assert '\n    config_path = "/etc/containerd/certs.d"\n' in hint
    assert '[plugins."io.containerd.grpc.v1.cri".registry]' in hint
    assert "`systemctl restart containerd`" in hint


def test_n03_the_folder_is_the_one_that_is_written_to() -> None:
    """A setting may name another."""
    hint = Nodes(containerd_certs="/srv/certs.d/").runtime_hint

    assert '\n    config_path = "/srv/certs.d"\n' in hint
    assert "/etc/containerd/certs.d" not in hint


@pytest.mark.parametrize("kind", ["minikube", "k3s", "rke2", "off"])
def test_n03_where_the_distribution_sees_to_it_nothing_is_said(kind: str) -> None:
    """Nor where nodes are left alone."""
    assert Nodes(node_trust=kind).runtime_hint == ""


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

"""What a node is told, and the files that it writes from it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lab import configuration
from lab.images import PAUSE
from lab.specification import Specification
from lab.topology import FIRST, MEMBERS, SECOND, Member

CERTS = "/etc/containerd/certs.d"


def specification(member: Member) -> Specification:
    """What `lifecycle` decides, with folders that need not be there."""
    return Specification(
        member=member,
        lab="/lab",
        folder="/lab/node",
        packages="/cache/packages",
        runtimes=("/cache/containerd", "/cache/docker") if member == FIRST else (),
        kubernetes="/cache/kubernetes",
        images="/cache/images",
        cgroup="lab-1",
    )


@pytest.mark.parametrize("member", MEMBERS)
def test_a_node_reads_what_it_was_told(member: Member) -> None:
    """Roles and lists have their types again on the other side of the pipe."""
    told = specification(member)

    assert Specification.load(told.dump()) == told


def test_the_nodes_have_containerd_of_both_major_versions() -> None:
    """Node trust and pulls are tried on each."""
    assert (FIRST.containerd, SECOND.containerd) == (2, 1)


def _plugins(major: int) -> dict[str, Any]:
    plugins: dict[str, Any] = tomllib.loads(configuration.containerd(major))["plugins"]
    return plugins


def test_containerd_2_looks_for_hosts_files_in_the_one_folder() -> None:
    """Its default is a list of two folders, which pulls take for the name of one."""
    plugins = _plugins(2)

    assert tomllib.loads(configuration.containerd(2))["version"] == 3
    assert plugins["io.containerd.cri.v1.images"]["registry"] == {"config_path": CERTS}
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": PAUSE}


def test_containerd_1_is_told_the_same_in_its_own_words() -> None:
    """Its sections have other names."""
    section = _plugins(1)["io.containerd.grpc.v1.cri"]

    assert tomllib.loads(configuration.containerd(1))["version"] == 2
    assert section["registry"] == {"config_path": CERTS}
    assert section["sandbox_image"] == PAUSE

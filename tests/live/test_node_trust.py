"""A node trusts the registry once `up` returns, or as soon as it joins, and nobody logs in to it (C15)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.topology import FIRST, SECOND
from tests.live.harness import ADDRESS, CA_FILE, FAILS_WITHIN, PUSH_ADDRESS, Node, Stack, Update
from tests.live.observation import NODE_TRUST, named, until, versions
from tests.live.pulling import pulled

CONTAINERD, DOCKER = "/etc/containerd/certs.d", "/etc/docker/certs.d"
FILES = {
    CONTAINERD: (".private-registry", "hosts.toml", "private-registry.crt"),
    DOCKER: (".private-registry", "private-registry.crt"),
}
WRITTEN, WRITTEN_ON_OTHERS = (
    sorted(
        f"{folder}/{address}/{file}" for address in addresses for folder, files in FILES.items() for file in files
    )
    for addresses in ((ADDRESS, PUSH_ADDRESS), (ADDRESS,))
)
"""All that the product writes on the registry's node, and on others, if they are of minikube's kind."""
UNTRUSTED = "x509: certificate signed by unknown authority"


@dataclass(frozen=True)
class Mended:
    """What happened with nodes that nobody told of the CA, and after doing what the message said."""

    failed: Update
    before: dict[str, tuple[str, ...]]
    update: Update
    after: dict[str, tuple[str, ...]]


def files(lab: Node, node: str) -> dict[str, str]:
    """The product's files on a node, each with the hash of its content."""
    names = "-name private-registry.crt -o -name .private-registry -o -path '*:5000/hosts.toml'"
    script = f"find {CONTAINERD} {DOCKER} -type f '(' {names} ')' -exec sha256sum '{{}}' +"
    printed = lab.run(["sh", "-c", script], node=node, check=False).stdout
    return {path: digest for digest, path in (line.split() for line in printed.splitlines())}


def trust_pod(lab: Node, node: str) -> dict[str, Any]:
    """The Pod of the DaemonSet on a node."""
    words = ["pods", f"--selector={NODE_TRUST}", f"--field-selector=spec.nodeName={node}"]
    [found] = lab.get(*words)["items"]
    pod: dict[str, Any] = found
    return pod


@pytest.fixture(scope="module", autouse=True)
def one_node_again(lab: Node) -> Iterator[None]:
    """Remove the node that joins, after the stack: what ran on a lost node counts as there for a minute."""
    yield
    if lab.lab.was_started(SECOND.name):
        lab.lab_command("node", "remove")


@pytest.fixture(scope="module")
def mended(stack: Stack, lab: Node) -> Mended:
    """`up` with node trust off, then what its message says after node trust was set to the nodes' kind."""
    stack.set("nodeTrust", "off")
    failed = stack.up_that_fails()
    before = versions(lab)
    stack.set("nodeTrust", "minikube")
    update = stack.type_the_fix(failed.output)
    return Mended(failed, before, update, versions(lab))


@pytest.fixture(scope="module")
def joined(mended: Mended, lab: Node) -> str:
    """A node that was added after the last `up`, once the product's files are on it."""
    assert mended.update.code == 0
    lab.lab_command("node", "add")
    until(lambda: sorted(files(lab, SECOND.name)) == WRITTEN_ON_OTHERS, "the files on the node that joined")
    return SECOND.name


def test_c15_nodes_without_trust_fail_the_up_with_the_certificate_s_reason(mended: Mended) -> None:
    """Within its limit, and what it takes to get there; the image and the reason are named."""
    assert mended.failed.code != 0
    assert mended.failed.seconds < FAILS_WITHIN
    assert "registry-proof-pod: its Pods do not start:" in mended.failed.output
    assert re.search(rf'"https://{ADDRESS}/v2/alpine_test/\S+": .*{UNTRUSTED}', mended.failed.output)


def test_c15_with_trust_the_image_is_pulled_and_nothing_else_is_deployed_again(
    mended: Mended, stack: Stack, lab: Node
) -> None:
    """The registry and its secrets stay as they are: node trust is added, and the proof made again."""
    pod = lab.get("pod", stack.outputs()["proofPods"][0])
    proof = {"registry-proof-image", "registry-proof-pod"}

    told = {"registry-trust-authorities", "registry-trust-daemon", "registry-trust-served"}
    assert {name for _, name in mended.update.changed} == {*told, *proof}
    for kind in ("Deployment/registry", "Pod/registry-", "Service/registry", "Secret/registry-", "Secret/regcred"):
        kept = {name for name in mended.before if name.startswith(kind) and "proof" not in name}
        assert kept
        assert {name: mended.after.get(name) for name in kept} == {name: mended.before[name] for name in kept}
    assert named(mended.after, "Pod/registry-proof-pod")
    assert pod["status"]["phase"] == "Running"


def test_c15_outputs_give_the_ca_and_its_folder_with_the_port(mended: Mended, stack: Stack, lab: Node) -> None:
    """The CA of the outputs is the one on the node, and verifies the registry; the folder is Docker's own."""
    outputs = stack.outputs()
    words = ["curl", "--silent", "--show-error", "--cacert", "/dev/stdin", f"https://{ADDRESS}/"]
    answer = lab.run([*words, "--max-time", "20"], stdin=outputs["ca"], check=False)

    assert mended.update.code == 0
    assert answer.returncode == 0, answer.stderr
    assert outputs["ca"].strip() == lab.run(["cat", CA_FILE]).stdout.strip()
    assert f"/etc/docker/certs.d/{ADDRESS}/ca.crt" in outputs["commands"]["trust"].split()


def test_a_node_that_joins_pulls_without_another_up(joined: str, stack: Stack, lab: Node) -> None:
    """Nothing but the join: its files are those of the first node, except for that node's loopback address (F4).

    A Pod pinned to it pulls over TLS.
    """
    image = stack.outputs()["image"]
    with pulled(lab, joined, image) as images:
        pass
    first, second = files(lab, FIRST.name), files(lab, joined)

    assert image in images
    assert (sorted(first), sorted(second)) == (WRITTEN, WRITTEN_ON_OTHERS)
    shared = [path for path in WRITTEN_ON_OTHERS if not path.endswith("/.private-registry")]
    assert [first[path] for path in shared] == [second[path] for path in shared]


def test_what_somebody_removes_on_a_node_comes_back(mended: Mended, lab: Node) -> None:
    """A folder, or one file of another: within about ten seconds all is there again, as it was."""
    assert mended.update.code == 0
    before = files(lab, FIRST.name)
    removed = [
        f"{CONTAINERD}/{ADDRESS}",
        f"{CONTAINERD}/{PUSH_ADDRESS}/hosts.toml",
        f"{DOCKER}/{PUSH_ADDRESS}/private-registry.crt",
    ]
    lab.run(["rm", "-r", *removed])

    assert len(files(lab, FIRST.name)) == len(WRITTEN) - 5
    until(lambda: files(lab, FIRST.name) == before, "what was removed", seconds=60)


def test_another_tool_s_file_in_place_of_a_removed_one_is_left_alone(joined: str, lab: Node) -> None:
    """Somebody who takes a folder over while the product runs keeps it."""
    taken, last = f"{CONTAINERD}/{ADDRESS}", f"{DOCKER}/{ADDRESS}"
    script = 'rm -r "$0" "$1" && mkdir "$0" && echo "# another tool" > "$0/hosts.toml"'
    lab.run(["sh", "-c", script, taken, last], node=joined)
    try:
        # The product looks at it after the other, and in the same round.
        until(lambda: f"{last}/private-registry.crt" in files(lab, joined), "the last folder", seconds=60)
        found = {path: digest for path, digest in files(lab, joined).items() if path.startswith(taken)}
    finally:
        lab.run(["rm", "-r", taken], node=joined)

    assert found == {f"{taken}/hosts.toml": hashlib.sha256(b"# another tool\n").hexdigest()}


def test_the_pod_on_a_node_sees_nothing_of_it_but_two_folders(mended: Mended, lab: Node) -> None:
    """Least rights: no token of the API server, no capability, no process of the node, no file beside these."""
    pod = trust_pod(lab, FIRST.name)
    name = pod["metadata"]["name"]

    def inside(script: str) -> list[str]:
        return lab.kubectl("exec", name, "--", "sh", "-c", script).splitlines()

    def mounted() -> set[str]:
        """Where anything but the kernel's own file systems is mounted."""
        kernel = {"cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs", "tmpfs"}
        return {line.split()[1] for line in inside("cat /proc/mounts") if line.split()[2] not in kernel}

    token = "ls -A /var/run/secrets /run/secrets 2>&1 | grep -v 'No such file'; true"
    outside = "cat /nodes/etc/containerd/certs.d/../config.toml 2>&1; true"

    assert mended.update.code == 0
    assert mounted() == {
        *("/", "/authorities", "/ready", "/served", f"/nodes{CONTAINERD}", f"/nodes{DOCKER}"),
        # The kubelet's own, for every Pod.
        *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"),
    }
    assert inside(token) == []
    assert lab.run(["test", "-e", "/etc/containerd/config.toml"], check=False).returncode == 0
    assert [line.partition(": ")[2] for line in inside(outside)][-1].endswith("No such file or directory")
    assert set(inside("cat /proc/[0-9]*/comm")) <= {"sh", "sleep", "cat"}
    assert [line.split()[1] for line in inside("grep -E '^(Cap|NoNewPrivs)' /proc/1/status")] == [
        *["0" * 16] * 5,
        "1",
    ]
    assert inside("touch /written 2>&1; true") == ["touch: /written: Read-only file system"]

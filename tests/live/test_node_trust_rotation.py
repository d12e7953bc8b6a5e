"""Two nodes: both pull by one `up`, another tool's files stay as they are, and a new CA breaks no pull."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.pem import to_pem
from lab.topology import FIRST, MEMBERS, SECOND
from tests.live.harness import ADDRESS, CA_FILE, FAILS_WITHIN, PUSH_ADDRESS, Node, Stack, Update
from tests.live.observation import REGISTRY_PODS, only_pod, served, until

CONTAINERD, DOCKER = "/etc/containerd/certs.d", "/etc/docker/certs.d"
NODES = [FIRST.name, SECOND.name]
ANOTHER_TOOL_S = f"{CONTAINERD}/{ADDRESS}/hosts.toml"
FOREIGN_FOLDERS = [f"{CONTAINERD}/other.test:5000", f"{DOCKER}/{ADDRESS}", f"{CONTAINERD}/{PUSH_ADDRESS}"]
FOREIGN = f"""
set -eu
mkdir -p {" ".join(FOREIGN_FOLDERS)}
echo 'server = "https://other.test:5000"' > {CONTAINERD}/other.test:5000/hosts.toml
echo 'a note' > {DOCKER}/{ADDRESS}/client.cert.note
chmod 0640 {DOCKER}/{ADDRESS}/client.cert.note
chmod 0711 {CONTAINERD}/{PUSH_ADDRESS}
"""
"""A folder of another registry, a file beside the product's own, and an empty folder where the product writes."""
LOOPBACK_RULE = f"{CONTAINERD}/{PUSH_ADDRESS}/hosts.toml"
THEIRS = 'server = "http://localhost:5000"\n'
"""What the second node's containerd is told of another registry, which only that node has at this address."""
PULLS = f"""
while [ -e "$0" ]; do
  ctr images pull --hosts-dir {CONTAINERD} {ADDRESS}/alpine_test:test_1.0 2>&1 | grep '^ctr: '
  sleep 0.1
done
"""
"""What containerd says of one pull after the other, until a file is gone: without an account each ends as a 401."""
TRUSTED = ("401 Unauthorized", "no basic auth credentials")
AS_EXPECTED = (*TRUSTED, "connect: connection refused", ": EOF", "connection reset by peer")
"""The last three while the registry restarts: before, during and after a client's own connection."""


def snapshot(lab: Node) -> dict[str, list[str]]:
    """All that is in the folders of both runtimes, by node: paths, kinds, modes, owners and contents."""
    script = """
    find "$0" "$1" -printf '%p %y %m %U:%G %l\\n'
    find "$0" "$1" -type f -exec sha256sum '{}' +
    """
    return {
        node: sorted(lab.run(["sh", "-c", script, CONTAINERD, DOCKER], node=node).stdout.splitlines())
        for node in NODES
    }


def authorities(lab: Node, node: str) -> list[str]:
    """The CAs in the file that a node trusts, newest first."""
    text = lab.run(["cat", f"{CONTAINERD}/{ADDRESS}/private-registry.crt"], node=node).stdout
    assert text == lab.run(["cat", CA_FILE], node=node).stdout
    return re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", text, re.DOTALL)


def verifies(lab: Node, node: str, authority: str) -> bool:
    """Whether a client on a node that trusts this CA alone accepts what the registry serves."""
    words = [
        "curl",
        "--silent",
        "--show-error",
        "--capath",
        "/nowhere",
        "--cacert",
        "/dev/stdin",
        "--max-time",
        "20",
    ]
    answer = lab.run([*words, f"https://{ADDRESS}/"], stdin=authority, node=node, check=False)
    assert answer.returncode in {0, 60}, answer.stderr  # 60 is a certificate that is not trusted
    return answer.returncode == 0


def pulled(lab: Node) -> set[tuple[str, str]]:
    """Which of the registry's images which node's containerd was given, from the registry's own log."""
    pattern = r'^(\S+) - \S+ \[[^]]+\] "(?:HEAD|GET) /v2/(\S+)/manifests/\S+ HTTP/1.1" 200 \d+ "" "containerd/'
    found = re.findall(pattern, lab.kubectl("logs", "deployment/registry", "--container=registry"), re.MULTILINE)
    addresses = {member.address: member.name for member in MEMBERS}
    return {(addresses[address], image) for address, image in found}


def unrelated(lab: Node) -> dict[str, Any]:
    """What must go on as it is: each node's containerd with its start, and a Pod on each that is nobody's."""
    # The oldest: what it starts has its name for a moment.
    script = 'process="$(pgrep -o -x containerd)"; echo "$process $(cut -d " " -f 22 "/proc/$process/stat")"'
    engines = {f"containerd of {node}": lab.run(["sh", "-c", script], node=node).stdout for node in NODES}
    pods = lab.get("pods", "--selector=app=bystander")["items"]
    return engines | {pod["metadata"]["name"]: pod["status"]["containerStatuses"] for pod in pods}


def accepts(lab: Node, node: str, certificate: str) -> bool:
    """Whether a certificate leads to one of the CAs in a node's file."""
    verify = ["openssl", "verify", "-no-CApath", "-CAfile", CA_FILE, "/dev/stdin"]
    return lab.run(verify, stdin=certificate, node=node, check=False).returncode == 0


@dataclass(frozen=True)
class Deployed:
    """The stack's first `up`, which another tool's file stopped, and the one after its removal."""

    before: dict[str, list[str]]
    refused: Update
    tool_s_file: str
    update: Update
    pulled: set[tuple[str, str]]


@dataclass(frozen=True)
class Blocked:
    """What the registry served before and after an `up` that could not tell one node of a new CA."""

    before: str
    update: Update
    served: str
    mended: Update
    """The `up` that takes the new CA back."""
    restarted: bool


@dataclass(frozen=True)
class Rotated:
    """A new CA, and what two nodes saw while `up` rolled it out."""

    first: str
    first_certificate: str
    unrelated: dict[str, Any]
    update: Update
    pulls: dict[str, list[str]]


def prove_on_both(stack: Stack) -> None:
    """Have each node pull the image."""
    for position, node in enumerate(NODES):
        stack.set(f"proofNodes[{position}]", node, path=True)


@pytest.fixture(scope="module")
def foreign(lab: Node, second_node: str) -> Iterator[dict[str, list[str]]]:
    """Other people's files on both nodes, and the snapshot with them."""
    assert second_node in NODES
    for node in NODES:
        lab.run(["sh", "-c", FOREIGN], node=node)
    lab.run(["tee", LOOPBACK_RULE], stdin=THEIRS, node=SECOND.name)
    yield snapshot(lab)
    for node in NODES:
        lab.run(["rm", "-rf", *FOREIGN_FOLDERS], node=node)


@pytest.fixture(scope="module")
def deployed(foreign: dict[str, list[str]], stack: Stack, lab: Node) -> Deployed:
    """The stack up, with a proof on each node, after another tool's hosts.toml stood in the way on one."""
    prove_on_both(stack)
    script = 'mkdir -p "$(dirname "$0")" && echo "# another tool" > "$0"'
    lab.run(["sh", "-c", script, ANOTHER_TOOL_S], node=SECOND.name)
    refused = stack.up_that_fails()
    found = lab.run(["sh", "-c", f"cat {Path(ANOTHER_TOOL_S).parent}/*"], node=SECOND.name).stdout
    lab.run(["rm", "-r", str(Path(ANOTHER_TOOL_S).parent)], node=SECOND.name)
    return Deployed(foreign, refused, found, stack.type_the_fix(refused.output), pulled(lab))


@pytest.fixture(scope="module")
def bystanders(lab: Node, second_node: str) -> Iterator[list[str]]:
    """A Pod on each node that has nothing to do with the registry; their names."""
    assert second_node in NODES
    names = [f"bystander-{node}" for node in NODES]
    image = ["--image=docker.io/library/alpine:latest", "--image-pull-policy=Never", "--labels=app=bystander"]
    for node, name in zip(NODES, names, strict=True):
        overrides = json.dumps({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 0}})
        lab.kubectl("run", name, *image, f"--overrides={overrides}", "--command", "--", "sleep", "3600")
    for name in names:
        lab.wait_for("condition=Ready", f"pod/{name}")
    yield names
    lab.kubectl("delete", "pods", *names)


@pytest.fixture(scope="module")
def blocked(deployed: Deployed, stack: Stack, lab: Node) -> Blocked:
    """`caGeneration` 2 while node trust cannot reach the second node; the registry's Pod starts anew meanwhile."""
    assert deployed.update.code == 0
    before, pod = to_pem(served(lab)), only_pod(lab, REGISTRY_PODS)
    lab.run(["sh", "-c", f"echo '# another tool' > {ANOTHER_TOOL_S}"], node=SECOND.name)
    stack.set("caGeneration", "2")
    update = stack.up_that_fails()
    lab.kubectl("delete", "pods", f"--selector={REGISTRY_PODS}")
    lab.kubectl("rollout", "status", "deployment/registry", "--timeout=60s")
    after = to_pem(served(lab))
    restarted = only_pod(lab, REGISTRY_PODS)["metadata"]["uid"] != pod["metadata"]["uid"]
    lab.run(["rm", ANOTHER_TOOL_S], node=SECOND.name)
    stack.set("caGeneration", "1")
    return Blocked(before, update, after, stack.up(), restarted=restarted)


@pytest.fixture(scope="module")
def rotated(
    blocked: Blocked, bystanders: list[str], stack: Stack, lab: Node, tmp_path_factory: pytest.TempPathFactory
) -> Rotated:
    """`caGeneration` raised to 2 by an `up`, while each node pulls all the time."""
    assert blocked.mended.code == 0
    [first] = authorities(lab, SECOND.name)
    certificate, before = to_pem(served(lab)), unrelated(lab)
    assert set(before) > set(bystanders)
    folder = tmp_path_factory.mktemp("pulls")
    marker = folder / "go-on"
    marker.touch()
    stack.set("caGeneration", "2")
    loops = [
        subprocess.Popen(
            lab.lab.command(["sh", "-c", PULLS, str(marker)], folder, node),
            env=lab.lab.environment(),
            stdout=(folder / node).open("wb"),
        )
        for node in NODES
    ]
    try:
        update = stack.up()
        sizes = {node: (folder / node).stat().st_size for node in NODES}
        until(lambda: all((folder / node).stat().st_size > sizes[node] for node in NODES), "a pull afterwards")
    finally:
        marker.unlink()
        for loop in loops:
            loop.wait(timeout=60)
    pulls = {node: (folder / node).read_text().splitlines() for node in NODES}
    return Rotated(first, certificate, before, update, pulls)


@pytest.fixture(scope="module")
def rotated_again(rotated: Rotated, stack: Stack) -> Update:
    """`caGeneration` raised to 3."""
    assert rotated.update.code == 0
    stack.set("caGeneration", "3")
    return stack.up()


@pytest.mark.usefixtures("second_node")
def test_plain_http_is_a_rule_for_containerd_on_each_node_and_warned_of(fresh_stack: Stack, lab: Node) -> None:
    """`tls` off and allowed: containerd of both nodes pulls from a node's address; Docker has no such file."""
    fresh_stack.set("tls", "off")
    fresh_stack.set("allowPlainHttp", "true")
    prove_on_both(fresh_stack)
    preview = fresh_stack.preview()
    update = fresh_stack.up()
    found = {node: lab.run(["find", CONTAINERD, DOCKER, "-path", "*:5000*"], node=node).stdout for node in NODES}
    rules = [lab.run(["cat", ANOTHER_TOOL_S], node=node).stdout for node in NODES]

    assert pulled(lab) == {(node, "alpine_test") for node in NODES}
    for node in NODES:
        folder = f"{CONTAINERD}/{ADDRESS}"
        assert sorted(found[node].split()) == [folder, f"{folder}/.private-registry", f"{folder}/hosts.toml"]
    for rule in rules:
        assert f'server = "http://{ADDRESS}"' in rule
        assert "https://" not in rule
        assert "ca =" not in rule
    warning = f"in clear between the nodes and {ADDRESS}"
    assert warning in preview.output
    assert warning in update.output


def test_another_tool_s_hosts_file_is_named_and_left_alone(deployed: Deployed) -> None:
    """`up` ends within its limit with the file, its node and the way out; without the file, `up` works."""
    said = f"{ANOTHER_TOOL_S} is another tool's: remove it on node {SECOND.name}, or set nodeTrust to off"

    assert deployed.refused.code != 0
    assert deployed.refused.seconds < FAILS_WITHIN
    assert "registry-trust-daemon: its Pods do not start:" in deployed.refused.output
    assert said in deployed.refused.output
    assert deployed.tool_s_file == "# another tool\n"
    assert deployed.update.code == 0


def test_one_up_proves_the_pull_on_both_nodes(deployed: Deployed, stack: Stack, lab: Node) -> None:
    """A Pod on each runs the image its own containerd was given over TLS, with the CA that is there."""
    outputs = stack.outputs()
    pods = [lab.get("pod", name) for name in outputs["proofPods"]]
    [authority] = authorities(lab, FIRST.name)

    assert [pod["spec"]["nodeName"] for pod in pods] == NODES
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {outputs["image"]}
    assert deployed.pulled == {(node, "alpine_test") for node in NODES}
    for node in NODES:
        images = lab.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"], node=node).stdout.split()
        assert outputs["image"] in images
        assert authorities(lab, node) == [authority]
        assert verifies(lab, node, authority)
        for address in (ADDRESS, PUSH_ADDRESS) if node == FIRST.name else (ADDRESS,):
            rule = lab.run(["cat", f"{CONTAINERD}/{address}/hosts.toml"], node=node).stdout
            assert f'server = "https://{address}"' in rule
            assert 'ca = "private-registry.crt"' in rule
            for folder in (CONTAINERD, DOCKER):
                text = lab.run(["cat", f"{folder}/{address}/private-registry.crt"], node=node).stdout
                assert text.strip() == authority.strip()


@pytest.mark.usefixtures("deployed")
def test_f4_another_registry_at_the_loopback_of_another_node_keeps_its_rule(lab: Node) -> None:
    """`localhost:5000` is our registry on its own node alone; the other node is not told of it."""
    found = lab.run(["find", CONTAINERD, DOCKER, "-path", f"*/{PUSH_ADDRESS}/*"], node=SECOND.name).stdout.split()

    assert found == [LOOPBACK_RULE]
    assert lab.run(["cat", LOOPBACK_RULE], node=SECOND.name).stdout == THEIRS


def test_f6_a_ca_that_one_node_does_not_trust_is_not_served(blocked: Blocked) -> None:
    """Though `up` has made it, and the registry's Pod starts anew: both nodes go on with the CA before."""
    assert blocked.update.code != 0
    assert ANOTHER_TOOL_S in blocked.update.output
    assert blocked.restarted
    assert blocked.served == blocked.before
    assert blocked.mended.code == 0


def test_pulls_never_break_while_a_new_ca_is_rolled_out(rotated: Rotated) -> None:
    """Of all pulls on both nodes none has seen a certificate it does not trust, nor anything but a restart."""
    trusted = rotated.update.output.index("DaemonSet registry-trust-daemon updated (")

    # Had the registry not waited, it would still have lost most races to its own start.
    assert trusted < rotated.update.output.index("Deployment registry ")
    for said in rotated.pulls.values():
        assert said[0].endswith(TRUSTED)
        assert said[-1].endswith(TRUSTED)
        assert sum(line.endswith(TRUSTED) for line in said) > 5
        assert [line for line in said if not line.endswith(AS_EXPECTED)] == []


def test_after_a_new_ca_both_are_trusted_and_the_new_one_is_served(rotated: Rotated, lab: Node) -> None:
    """On each node; and each pulled anew from the registry with the new certificate."""
    assert rotated.update.code == 0
    assert pulled(lab) == {(node, "alpine_test") for node in NODES}
    for node in NODES:
        new, old = authorities(lab, node)
        assert old == rotated.first
        assert verifies(lab, node, new)
        assert not verifies(lab, node, old)
        assert accepts(lab, node, rotated.first_certificate)


def test_the_ca_after_next_ends_the_trust_in_the_first(rotated: Rotated, rotated_again: Update, lab: Node) -> None:
    """`caGeneration` 3: a certificate of the first CA is refused now, one of the second is not yet."""
    assert rotated_again.code == 0
    assert pulled(lab) == {(node, "alpine_test") for node in NODES}
    for node in NODES:
        trusted = authorities(lab, node)
        assert len(trusted) == 2
        assert rotated.first not in trusted
        assert verifies(lab, node, trusted[0])
        assert not accepts(lab, node, rotated.first_certificate)


def test_new_cas_restart_no_containerd_and_no_pod_of_others(
    rotated: Rotated, rotated_again: Update, lab: Node
) -> None:
    """Each node's containerd and the Pods that run on it go on as they were."""
    assert rotated_again.code == 0
    assert len(rotated.unrelated) == 4
    assert all(rotated.unrelated.values())
    assert unrelated(lab) == rotated.unrelated


def test_destroy_leaves_the_nodes_folders_as_they_were(deployed: Deployed, stack: Stack, lab: Node) -> None:
    """Byte for byte, with modes and owners: another registry's folder, a foreign file, and an empty folder."""
    meanwhile = snapshot(lab)
    stack.destroy()

    for node in NODES:
        assert set(deployed.before[node]) < set(meanwhile[node])
        assert any(line.endswith("client.cert.note") for line in deployed.before[node])
    assert snapshot(lab) == deployed.before

"""An `up` that is ended in the middle: by Ctrl-C, and by the death of the engine."""

from __future__ import annotations

import time

from tests.live.harness import Node, Stack

CREATING = "kubernetes:apps/v1:Deployment registry creating"
WAITING = "Waiting for app ReplicaSet"


def ended(stack: Stack, signal: str, *, when: str) -> tuple[int, str]:
    """Start `pulumi up`, send its engine a signal once the output holds a text; give exit code and output."""
    log, identifier = stack.folder / "up.log", stack.folder / "up.pid"
    command = f"""
        echo $$ > {identifier}
        export PULUMI_BACKEND_URL=file://{stack.backend}
        exec pulumi up --yes --skip-preview --stack {stack.name}"""
    process = stack.node.start_process(["sh", "-c", command], log, cwd=stack.folder)
    deadline = time.monotonic() + 60
    while when not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    stack.node.run(["kill", f"-{signal}", identifier.read_text().strip()])
    return process.wait(timeout=60), log.read_text()


def objects(lab: Node) -> list[str]:
    """How many objects of each kind the namespace holds, apart from what Kubernetes itself puts there."""
    names = lab.kubectl("get", "deployments,daemonsets,replicasets,pods,secrets,services", "--output=name").split()
    return sorted(name.partition("/")[0] for name in names if name != "service/kubernetes")


EXPECTED = sorted(
    ["deployment.apps", "daemonset.apps", "replicaset.apps", *["pod"] * 3, *["secret"] * 4, "service"]
)
"""Registry, node trust and proof; accounts, configuration, certificate and pull secret; the registry's Service."""


def test_an_interrupted_up_says_so_and_the_next_one_goes_on(fresh_stack: Stack, lab: Node) -> None:
    """Ctrl-C while the registry starts: the state knows what is there, and nothing is made twice."""
    code, output = ended(fresh_stack, "INT", when=CREATING)
    resumed = fresh_stack.up()

    assert code != 0
    assert "cancel" in output
    assert "Traceback" not in output
    assert resumed.changed >= {("created", "registry-proof-image"), ("created", "registry-proof-pod")}
    assert objects(lab) == EXPECTED


def test_after_the_death_of_the_engine_cancel_and_up_go_on(fresh_stack: Stack, lab: Node) -> None:
    """Killed while the registry starts: the stack is locked, `pulumi cancel` unlocks it, and nothing is doubled."""
    code, _ = ended(fresh_stack, "KILL", when=WAITING)
    locked = fresh_stack.up(check=False)
    fresh_stack.pulumi("cancel", "--yes", "--stack", fresh_stack.name)
    resumed = fresh_stack.up()
    again = fresh_stack.up()

    assert code != 0
    assert locked.code != 0
    assert "pulumi cancel" in locked.output
    assert ("created", "registry") in resumed.changed
    assert objects(lab) == EXPECTED
    assert again.changed == set()

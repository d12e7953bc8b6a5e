"""A command that is ended in the middle: by Ctrl-C, and by the death of all its processes."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.live import creating_provider
from tests.live.harness import PROJECT, Node, Stack

CREATING = "kubernetes:apps/v1:Deployment registry creating"
KINDS = "deployments,daemonsets,replicasets,jobs,pods,secrets,services"


def ended(stack: Stack, signal: str, command: str, *, when: str) -> tuple[int, str]:
    """Start a Pulumi command, send its processes a signal once the output matches; give exit code and output."""
    log, identifier = stack.folder / "ended.log", stack.folder / "ended.pid"
    script = f"""
        echo $$ > {identifier}
        export PULUMI_BACKEND_URL=file://{stack.backend}
        exec pulumi {command} --yes --skip-preview --stack {stack.name}"""
    process = stack.node.start_process(["setsid", "--wait", "sh", "-c", script], log, cwd=stack.folder)
    deadline = time.monotonic() + 120
    while not re.search(when, log.read_text()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    pid = identifier.read_text().strip()
    # Ctrl-C reaches Pulumi, which ends the others itself.
    stack.node.run(["kill", f"-{signal}", "--", pid if signal == "INT" else f"-{pid}"])
    return process.wait(timeout=120), log.read_text()


def objects(lab: Node) -> list[str]:
    """Give the namespace's objects by kind and name, apart from what Kubernetes itself puts there.

    The names of Pods and ReplicaSets of a Deployment and DaemonSet end in what Kubernetes chooses.
    """
    names = lab.kubectl("get", KINDS, "--output=name").split()
    return sorted(
        re.sub(r"^(pod|replicaset\.apps)/(registry|registry-trust)-(?!proof).*", r"\1/\2", name)
        for name in names
        if name != "service/kubernetes"
    )


EXPECTED = sorted(
    [
        "deployment.apps/registry",
        "replicaset.apps/registry",
        "pod/registry",
        "daemonset.apps/registry-trust",
        "pod/registry-trust",
        "pod/registry-proof-pod",
        "service/registry",
        *(f"secret/{name}" for name in ("registry-config", "registry-htpasswd", "registry-tls", "regcred")),
    ]
)


def recovery() -> list[list[str]]:
    """Read the commands of the README's recovery, without `pulumi`."""
    [text] = re.findall(r"\*\*Interrupted\?\*\*(.*?)\n- \*\*", (PROJECT / "README.md").read_text(), re.DOTALL)
    commands = re.findall(r"`pulumi ([^`]+)`", " ".join(text.split()))
    assert len(commands) >= 2
    return [command.split() for command in commands]


def recover(stack: Stack) -> None:
    """Type what the README says, before the interrupted command comes again."""
    for words in recovery():
        stack.pulumi(*words, "--stack", stack.name)


def test_an_interrupted_up_says_so_and_the_next_one_goes_on(fresh_stack: Stack, lab: Node) -> None:
    """Ctrl-C while the registry starts: the state knows what is there, and nothing is made twice."""
    code, output = ended(fresh_stack, "INT", "up", when=CREATING)
    resumed = fresh_stack.up()

    assert code != 0
    assert "cancel" in output
    assert "Traceback" not in output
    assert resumed.changed >= {("created", "registry-proof-image"), ("created", "registry-proof-pod")}
    assert objects(lab) == EXPECTED


def test_f5_without_the_recovery_a_killed_up_leaves_nothing_either(fresh_stack: Stack, lab: Node) -> None:
    """Killed while Secrets are made: `pulumi cancel` and `up` go on, and `destroy` removes all of it."""
    code, _ = ended(fresh_stack, "KILL", "up", when="Secret registry-config creating")
    locked = fresh_stack.up(check=False)
    fresh_stack.pulumi("cancel", "--yes", "--stack", fresh_stack.name)
    # What was begun with the first password is found again by the second.
    fresh_stack.set("password", "another password", secret=True)
    fresh_stack.up()

    assert code != 0
    assert locked.code != 0
    assert "pulumi cancel" in locked.output
    assert objects(lab) == EXPECTED
    assert fresh_stack.up().changed == set()
    fresh_stack.destroy()
    assert objects(lab) == []


FIRST_UP = {
    "secrets": "Secret registry-htpasswd creating",
    "node trust": "DaemonSet registry-trust-daemon creating .*(Available|Pod registry-trust)",
    "registry": "Waiting for app ReplicaSet",
    "image": "Image registry-proof-image creating",
    "proof": "Pod registry-proof-pod creating",
}
"""What a first `up` says at each of the points at which it is killed."""
CHANGING_UP = {
    "secrets": "Secret registry-htpasswd updating",
    "registry goes": "Deployment registry deleting original",
    "registry comes": "Deployment registry creating replacement",
    "proof": "Pod registry-proof-pod (deleting original|creating replacement)",
}
DESTROY = ("Deployment registry deleting", "Secret registry-config deleting")


def killed_again_and_again(stack: Stack, lab: Node) -> None:
    """Kill each command at each of its points and recover; then the state and the cluster are as if nothing was."""
    for when in FIRST_UP.values():
        _killed(stack, "up", when)
    assert "pending operations" not in stack.up().output
    assert objects(lab) == EXPECTED
    assert stack.up("--expect-no-changes").changed == set()

    for number, when in enumerate(CHANGING_UP.values()):
        stack.set("password", f"password {number}", secret=True)
        _killed(stack, "up", when)
    assert "pending operations" not in stack.up().output
    assert objects(lab) == EXPECTED
    assert stack.up("--expect-no-changes").changed == set()
    assert lab.registry("/v2/", account=("test", "password 3")).status == 200

    for when in DESTROY:
        _killed(stack, "destroy", when)
    assert "pending operations" not in stack.destroy().output
    assert objects(lab) == []


def _killed(stack: Stack, command: str, when: str) -> None:
    code, _ = ended(stack, "KILL", command, when=when)
    assert code != 0
    recover(stack)


def test_f5_after_the_recovery_nothing_is_left_and_nothing_warns(fresh_stack: Stack, lab: Node) -> None:
    """With the Kubernetes provider 4.25, which takes over what exists."""
    killed_again_and_again(fresh_stack, lab)


def test_f5b_the_recovery_converges_where_a_creation_fails_on_what_exists(lab: Node, tmp_path: Path) -> None:
    """With the Kubernetes provider as it is from 4.29 on, which refuses what a killed `up` has begun."""
    stack = Stack.make(lab, tmp_path / "project")
    creating_provider.use(stack.folder)
    program = stack.folder / "__main__.py"
    text = program.read_text()
    try:
        # Without the question to the cluster, that provider's own words; else the rest would prove nothing.
        program.write_text(re.sub(r"\n +ask=.*", "", text))
        _killed(stack, "up", FIRST_UP["node trust"])
        assert 'daemonsets "registry-trust" already exists' in stack.up(check=False).output
        program.write_text(text)
        killed_again_and_again(stack, lab)
    finally:
        program.write_text(text)
        stack.remove()

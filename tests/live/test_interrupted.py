"""A command that is ended in the middle: by Ctrl-C, and by the death of all its processes."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.live import creating_provider
from tests.live.harness import PROJECT, Node, Stack

CREATING = "kubernetes:apps/v1:Deployment registry creating"
KINDS = "deployments,daemonsets,replicasets,jobs,pods,secrets,configmaps,services"


def ended(stack: Stack, signal: str, command: str, *, when: str) -> tuple[int, str]:
    """Start a Pulumi command, send its processes a signal once the output matches; give exit code and output."""
    log, identifier = stack.folder / "ended.log", stack.folder / "ended.pid"
    script = f"""
        echo $$ > {identifier}
        export PULUMI_BACKEND_URL={stack.environment["PULUMI_BACKEND_URL"]}
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
        re.sub(r"^(pod|replicaset\.apps)/(registry-trust|registry)-(?!proof).*", r"\1/\2", name)
        for name in names
        if name not in {"service/kubernetes", "configmap/kube-root-ca.crt"}
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
        "configmap/registry-trust-authorities",
        "configmap/registry-trust-served",
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


SECRETS = "Secret registry-htpasswd creating"
NODE_TRUST = "DaemonSet registry-trust-daemon creating .*(Available|Pod registry-trust)"
REGISTRY = "Deployment registry creating .*Waiting for app ReplicaSet"
PROOF = "Pod registry-proof-pod creating"
"""What `up` says while the respective object is being made."""


def killed_again_and_again(
    stack: Stack, lab: Node, first: Sequence[str], changing: Sequence[str], destroy: Sequence[str]
) -> None:
    """Kill commands at each of their points and recover; then state and cluster are as if nothing had happened."""
    for when in first:
        _killed(stack, "up", when)
    assert "pending operations" not in stack.up().output
    assert objects(lab) == EXPECTED
    assert stack.up("--expect-no-changes").changed == set()

    password = ""
    for number, when in enumerate(changing):
        password = f"password {number}"
        stack.set("password", password, secret=True)
        _killed(stack, "up", when)
    assert "pending operations" not in stack.up().output
    assert objects(lab) == EXPECTED
    assert lab.registry("/v2/", account=("test", password)).status == 200

    for when in destroy:
        _killed(stack, "destroy", when)
    assert "pending operations" not in stack.destroy().output
    assert objects(lab) == []


def _killed(stack: Stack, command: str, when: str) -> None:
    code, _ = ended(stack, "KILL", command, when=when)
    assert code != 0
    recover(stack)


def test_f5_after_the_recovery_nothing_is_left_and_nothing_warns(fresh_stack: Stack, lab: Node) -> None:
    """With the Kubernetes provider 4.25, which takes over what exists."""
    first = (SECRETS, REGISTRY, "Image registry-proof-image creating")
    changing = ("Secret registry-htpasswd updating", "Deployment registry deleting original", PROOF)
    destroy = ("Deployment registry deleting", "Secret registry-config deleting")
    killed_again_and_again(fresh_stack, lab, first, changing, destroy)


def test_f5b_the_recovery_converges_where_a_creation_fails_on_what_exists(lab: Node, tmp_path: Path) -> None:
    """With the Kubernetes provider as it is from 4.29 on, which refuses what a killed `up` has begun."""
    stack = Stack.make(lab, tmp_path / "project")
    creating_provider.use(stack.folder)
    program = stack.folder / "__main__.py"
    text = program.read_text()
    try:
        # Without the question to the cluster, that provider's own words; else the rest would prove nothing.
        program.write_text(re.sub(r"\n +ask=.*", "", text))
        _killed(stack, "up", NODE_TRUST)
        assert 'daemonsets "registry-trust" already exists' in stack.up(check=False).output
        program.write_text(text)
        killed_again_and_again(stack, lab, (PROOF,), ("Deployment registry creating",), ())
    finally:
        program.write_text(text)
        stack.remove()

"""The pull request's preview, by the very commands of the workflow's job, from a clean clone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.environment import DEV_PASSPHRASE
from tests.live.harness import PROJECT, Node, Stack

WORKFLOW = PROJECT / ".github" / "workflows" / "preview.yml"
RUNS_A_PREVIEW = "make preview"


@dataclass
class Job:
    """The steps of the job `preview` that run commands, and what GitHub gives them."""

    clone: Path
    temporary: Path
    expressions: Mapping[str, str]
    """What the expressions in the steps' environments stand for; all others are empty, as unset secrets are."""

    def run(self, node: Node) -> subprocess.CompletedProcess[str]:
        """Run the steps in order; the preview on the node, where the cluster can be reached. Gives its result."""
        outputs = dict(self.expressions)
        for step in yaml.safe_load(WORKFLOW.read_text())["jobs"]["preview"]["steps"]:
            if "run" not in step:
                continue
            file = self.temporary / "output"
            file.write_text("")
            environment = {"STACK": "dev", "GITHUB_OUTPUT": str(file), "RUNNER_TEMP": str(self.temporary)}
            environment |= {name: _filled(text, outputs) for name, text in step.get("env", {}).items()}
            script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
            if step["run"].startswith(RUNS_A_PREVIEW):
                return node.run(script, cwd=self.clone, env=environment, check=False)
            # Installing packages needs the machine's network, by the way that is set for it.
            inherited = os.environ | node.lab.environment() | environment
            subprocess.run(script, cwd=self.clone, env=inherited, check=True, capture_output=True)
            for line in file.read_text().splitlines():
                name, _, value = line.partition("=")
                outputs[f"steps.{step['id']}.outputs.{name}"] = value
        raise AssertionError(f"no step of the job runs `{RUNS_A_PREVIEW}`")

    @property
    def log(self) -> str:
        """What the comment on the pull request is made from."""
        return (self.temporary / "preview.log").read_text()


def _filled(text: str, expressions: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        first = found[1].split("||")[0].strip()
        return expressions.get(first, "")

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


@dataclass(frozen=True)
class World:
    """All that a preview must leave alone."""

    state: str
    objects: dict[str, str]

    @classmethod
    def now(cls, stack: Stack) -> World:
        """Take it down."""
        files = sorted(p for p in (stack.backend / ".pulumi" / "stacks").rglob("*.json"))
        state = hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()
        listed = stack.node.get("pods,secrets,services,deployments")["items"]
        # A Deployment's or a Pod's status is touched by the cluster itself.
        return cls(state, {item["metadata"]["uid"]: json.dumps(item.get("spec")) for item in listed})


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files as git has them, and nothing of what lies beside them."""
    folder = tmp_path_factory.mktemp("clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def up(stack: Stack) -> Stack:
    """A stack that is up, whose state the job previews against."""
    stack.up()
    return stack


@pytest.fixture
def job(clone: Path, up: Stack, lab: Node, tmp_path: Path) -> Iterator[Job]:
    """The job, given the state, the passphrase and a kubeconfig; the clone's stack file is put back after."""
    settings = clone / "Pulumi.dev.yaml"
    original = settings.read_text()
    yield Job(
        clone,
        tmp_path,
        {
            "runner.temp": str(tmp_path),
            "secrets.KUBECONFIG": lab.run(["cat", "/etc/kubernetes/admin.conf"]).stdout,
            "secrets.PULUMI_CONFIG_PASSPHRASE": DEV_PASSPHRASE,
            "vars.PULUMI_BACKEND_URL": f"file://{up.backend}",
        },
    )
    settings.write_text(original)


def change(job: Job, setting: str) -> None:
    """Write a line of the clone's stack file anew, or add it, as a pull request would."""
    file = job.clone / "Pulumi.dev.yaml"
    key = setting.partition(" ")[0]
    others = [line for line in file.read_text().splitlines() if not line.startswith(f"  private-registry:{key} ")]
    file.write_text("\n".join([*others, f"  private-registry:{setting}", ""]))


def test_it_shows_the_diff_of_a_changed_setting_and_changes_nothing(job: Job, up: Stack, lab: Node) -> None:
    """The new folder is in the output and in the comment's file; state and cluster stay as they were."""
    before = World.now(up)
    change(job, "hostPath: /data/elsewhere")

    result = job.run(lab)

    assert result.returncode == 0, result.stdout + result.stderr
    for text in (result.stdout, job.log):
        assert re.search(r'~ path *: "/data/registry" => "/data/elsewhere"', text)
    assert World.now(up) == before


def test_it_fails_on_an_error_and_says_which(job: Job, up: Stack, lab: Node) -> None:
    """A setting that cannot work ends the job with an exit code, the reason in the comment's file as well."""
    before = World.now(up)
    change(job, "replicas: 3")

    result = job.run(lab)

    assert result.returncode != 0
    for text in (result.stdout, job.log):
        assert "private-registry:replicas must be 1, got 3" in text
    assert World.now(up) == before


def test_it_prints_no_secret(job: Job, lab: Node) -> None:
    """Neither the credentials of the kubeconfig nor those of the registry, in any form that it keeps."""
    change(job, "username: someone-else")

    result = job.run(lab)

    kubeconfig: dict[str, Any] = json.loads(job.expressions["secrets.KUBECONFIG"])
    canaries = [kubeconfig["users"][0]["user"]["client-key-data"]]
    for secret in lab.get("secrets")["items"]:
        for value in secret["data"].values():
            canaries += [value, base64.b64decode(value).decode().strip()]
    printed = result.stdout + result.stderr + job.log
    assert result.returncode == 0, printed
    assert "[secret]" in printed
    assert [canary for canary in canaries if canary in printed] == []


@pytest.mark.parametrize("target", ["preview", "deploy"])
def test_secrets_and_variables_that_are_unset_do_no_harm(target: str, job: Job, up: Stack, lab: Node) -> None:
    """GitHub sets them to empty strings: they count as absent, and the stack itself names the cluster."""
    change(job, "kubeconfig: /etc/kubernetes/admin.conf")
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["preview"]["steps"]
    step = next(step for step in steps if step.get("run", "").startswith(RUNS_A_PREVIEW))
    environment = dict.fromkeys(step["env"], "")
    environment["PULUMI_BACKEND_URL"] = f"file://{up.backend}"
    environment["PULUMI_CONFIG_PASSPHRASE"] = DEV_PASSPHRASE
    assert {"KUBECONFIG", "PULUMI_ACCESS_TOKEN", "AWS_REGION", "PREVIEW_LOG"} <= environment.keys()
    subprocess.run(["make", "venv"], cwd=job.clone, check=True, capture_output=True)
    pods = {item["metadata"]["uid"] for item in lab.get("pods")["items"]}

    result = lab.run(["make", target, "STACK=dev"], cwd=job.clone, env=environment, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d+ unchanged", result.stdout), result.stdout
    assert {item["metadata"]["uid"] for item in lab.get("pods")["items"]} == pods

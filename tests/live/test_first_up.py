"""From an empty cluster to a proven pipeline, by one `pulumi up`."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live.harness import ADDRESS, PASSWORD, PUSH_ADDRESS, USER, Node, Stack, Update
from tests.live.observation import MANIFEST


@pytest.fixture(scope="module")
def preview(stack: Stack) -> Update:
    """The preview before anything is up."""
    return stack.preview()


@pytest.fixture(scope="module")
def first_up(preview: Update, stack: Stack) -> Update:
    """The one `up`, after that preview."""
    assert preview.code == 0
    return stack.up()


def test_the_proof_pod_runs_the_digest_that_the_registry_reports_for_the_tag(
    first_up: Update, stack: Stack, lab: Node
) -> None:
    """The Pod's image is the registry's answer for the tag, by digest and not by tag."""
    answer = lab.registry(
        "/v2/alpine_test/manifests/test_1.0",
        method="HEAD",
        headers=[MANIFEST],
    )
    pod = lab.get("pod", stack.outputs()["proofPods"][0])

    assert first_up.code == 0
    assert pod["status"]["phase"] == "Running"
    assert pod["spec"]["containers"][0]["image"] == stack.outputs()["image"]
    assert pod["spec"]["containers"][0]["image"].endswith(f"@{answer.headers['docker-content-digest']}")
    assert pod["status"]["containerStatuses"][0]["imageID"].endswith(answer.headers["docker-content-digest"])


def test_a_node_fetches_from_the_registry_what_its_own_docker_engine_pushed(
    first_up: Update, lab: Node, tmp_path: Path
) -> None:
    """Its containerd serves both, and would else find the layers at hand: a proof of less than on other nodes."""
    name = f"fetched-{uuid4().hex[:8]}"
    (tmp_path / "Dockerfile").write_text(f"FROM alpine\nLABEL made={name}\n")
    image = f"{PUSH_ADDRESS}/alpine_test:{name}"
    lab.run(["docker", "login", PUSH_ADDRESS, f"--username={USER}", "--password-stdin"], stdin=PASSWORD)
    lab.run(["docker", "build", f"--tag={image}", "."], cwd=tmp_path)
    lab.run(["docker", "push", image])
    manifest = json.loads(lab.registry(f"/v2/alpine_test/manifests/{name}", headers=[MANIFEST]).body)
    overrides = json.dumps({"spec": {"imagePullSecrets": [{"name": "regcred"}]}})
    words = ["run", name, f"--image={ADDRESS}/alpine_test:{name}", "--restart=Never", f"--overrides={overrides}"]
    lab.kubectl(*words, "--", "true")
    try:
        lab.wait_for("jsonpath={.status.phase}=Succeeded", f"pod/{name}", seconds=60)
    finally:
        lab.kubectl("delete", "pod", name, "--wait=false")
    log = lab.kubectl("logs", "deployment/registry", "--container=registry").splitlines()

    assert first_up.code == 0
    blob = f"/v2/alpine_test/blobs/{manifest['config']['digest']}"
    assert [line for line in log if blob in line and "method=GET" in line and "useragent=containerd" in line]


def test_commands_in_the_outputs_work_as_pasted(first_up: Update, stack: Stack, lab: Node) -> None:
    """Login, push, pull and catalog need nothing but the password that they ask for."""
    assert first_up.code == 0
    commands = stack.outputs()["commands"]

    def pasted(command: str, stdin: str | None = None) -> str:
        return lab.run(["bash", "-c", command], cwd=stack.folder, env=stack.environment, stdin=stdin).stdout

    login = pasted(f"{commands['login']} --password-stdin", PASSWORD)
    push = pasted(commands["push"])
    pull = pasted(commands["pull"])
    catalog = pasted(commands["catalog"].replace(f"--user {USER}", f"--user {USER}:{PASSWORD}"))

    assert "Login Succeeded" in login
    assert "digest: sha256:" in push
    assert "Status:" in pull
    assert '{"repositories":["alpine_test"]}' in catalog

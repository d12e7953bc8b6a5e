"""`docker.Image` against a real Docker Engine and registry, as the official plugin and the stand-in both behave."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.live.docker_provider.stacks import NODES_DOCKER, PASSWORD, Registry, Stack
from tests.live.harness import Node
from tests.live.observation import until

NOWHERE = "unix:///run/no-docker-engine.sock"
PLUGIN_S_WORDS = "returned an unexpected error from Configure: failed to connect to any docker daemon"


def pushed(
    address: str, *, name: str, password: str = PASSWORD, server: str = "", build: str = "", host: str = ""
) -> str:
    """Write the program that pushes `app` under a repository's name."""
    return f"""
image = docker.Image(
    "image",
    image_name="{address}/{name}:v1",
    build=docker.DockerBuildArgs(context="app", platform="linux/amd64"{build}),
    registry=docker.RegistryArgs(
        server="{server or address}", username="test", password=pulumi.Output.secret("{password}")
    ),
    opts=pulumi.ResourceOptions(provider=docker.Provider("engine", host={host!r} or None)),
)
for output in "base_image_name context dockerfile image_name platform registry_server repo_digest".split():
    pulumi.export(output, getattr(image, output))
"""


def test_f14_the_digest_is_the_one_that_the_registry_reports(
    docker_host: str, stack: Stack, registry: Registry
) -> None:
    """C22, on each kind of Docker Engine: of what is pushed, also where the push does not tell its digest."""
    name = f"digest-{stack.folder.name}"
    stack.program(pushed(registry.address, name=name, host=docker_host))
    outputs = stack.up()
    assert outputs == {
        "base_image_name": f"{registry.address}/{name}:v1",
        "context": "app",
        "dockerfile": "Dockerfile",
        "image_name": f"{registry.address}/{name}:v1",
        "platform": "linux/amd64",
        "registry_server": registry.address,
        "repo_digest": f"{registry.address}/{name}@{registry.digest(name, 'v1')}",
    }

    # The same image under a second name, so that the Docker Engine knows it in two repositories.
    stack.program(pushed(registry.address, name=f"{name}/second", host=docker_host))
    assert (
        stack.up()["repo_digest"] == f"{registry.address}/{name}/second@{registry.digest(f'{name}/second', 'v1')}"
    )

    (stack.app / "a.txt").write_text("two\n")
    assert stack.up()["repo_digest"].endswith(registry.digest(f"{name}/second", "v1"))
    assert registry.digest(f"{name}/second", "v1") != registry.digest(name, "v1")


def test_f14_the_node_s_docker_engine_is_as_a_new_installation(lab: Node) -> None:
    """It keeps images in containerd's store."""
    words = ["docker", "info", "--format", "{{json .DriverStatus}}"]
    assert ["driver-type", "io.containerd.snapshotter.v1"] in json.loads(lab.run(words).stdout)


@pytest.mark.parametrize("builder", ["0", "1"], ids=["classic", "buildkit"])
def test_f14_a_build_upon_a_loaded_image_takes_seconds_without_a_network(
    builder: str, lab: Node, tmp_path: Path
) -> None:
    """BuildKit asks the public registry for the base image first, and has to be told at once that there is none."""
    (tmp_path / "Dockerfile").write_text(f"FROM alpine\nLABEL made={tmp_path.name}\n")
    started = time.monotonic()
    lab.run(["docker", "build", "--quiet", "."], cwd=tmp_path, env={"DOCKER_BUILDKIT": builder}, timeout=60)
    assert time.monotonic() - started < 10


def test_preview_builds_and_pushes_nothing(stack: Stack, registry: Registry) -> None:
    """C21: a preview on an empty stack shows a creation and leaves Docker Engine and registry as they are."""
    stack.program(pushed(registry.address, name="previewed"))
    assert stack.changes() == {"create": 3}
    assert registry.digest("previewed", "v1") == ""
    images = stack.lab.run(["docker", "images", "--quiet", f"{registry.address}/previewed"], check=True)
    assert images.stdout == ""


def test_only_what_is_in_the_context_is_a_change(stack: Stack, registry: Registry) -> None:
    """C24: times, ignored files and files outside change nothing; content, mode and name do."""
    (stack.app / ".dockerignore").write_text("*.log\n!kept.log\n")
    for name in ("noise.log", "kept.log"):
        (stack.app / name).write_text("")
    stack.program(pushed(registry.address, name="context"))
    first = stack.up()["repo_digest"]

    os.utime(stack.app / "a.txt", (1, 1))
    (stack.app / "noise.log").write_text("more")
    (stack.folder / "outside").write_text("more")
    assert stack.changes() == {}

    (stack.app / "kept.log").write_text("more")
    assert stack.changes() == {"update": 1}
    (stack.app / "kept.log").write_text("")
    assert stack.changes() == {}
    (stack.app / "a.txt").chmod(0o755)
    assert stack.changes() == {"update": 1}
    (stack.app / "a.txt").chmod(0o644)

    (stack.app / "a.txt").write_text("two\n")
    second = stack.up()["repo_digest"]
    assert second != first
    assert second.endswith(registry.digest("context", "v1"))


def test_ignored_files_are_not_in_the_image(stack: Stack, registry: Registry) -> None:
    """The image holds what the ignore rules let through, and nothing else."""
    (stack.app / ".dockerignore").write_text("*\n!a.txt\n")
    (stack.app / "secret.txt").write_text("x")
    stack.program(pushed(registry.address, name="ignored"))
    stack.up()
    name = f"{registry.address}/ignored:v1"
    container = stack.lab.run(["docker", "create", name, "none"], check=True).stdout.strip()
    listed = stack.lab.run(["sh", "-c", f"docker export {container} | tar -t"], check=True).stdout.split()
    stack.lab.run(["docker", "rm", container], check=True)
    assert "a.txt" in listed
    assert {"secret.txt", "Dockerfile"}.isdisjoint(listed)


def test_new_credentials_alone_change_nothing(stack: Stack, registry: Registry) -> None:
    """Rotating a password does not build again; another server is a change."""
    stack.program(pushed(registry.address, name="rotated"))
    stack.up()
    stack.program(pushed(registry.address, name="rotated", password="another"))
    assert stack.changes() == {}
    stack.program(pushed(registry.address, name="rotated", server=f"http://{registry.address}"))
    assert stack.changes() == {"update": 1}


def test_another_name_is_an_update(stack: Stack, registry: Registry) -> None:
    """An image is never replaced: a new name builds and pushes under it."""
    stack.program(pushed(registry.address, name="before"))
    stack.up()
    stack.program(pushed(registry.address, name="after"))
    assert stack.changes() == {"update": 1}
    assert stack.up()["repo_digest"].endswith(registry.digest("after", "v1"))


def test_refresh_changes_nothing(stack: Stack, registry: Registry) -> None:
    """`Read` returns the state as it is, so the next update is empty."""
    stack.program(pushed(registry.address, name="refreshed"))
    stack.up()
    _, before = stack.state()
    stack.pulumi("refresh", "--yes", "--skip-preview", check=True)
    _, after = stack.state()
    assert after["outputs"].keys() == before["outputs"].keys()
    assert after["outputs"]["repoDigest"] == before["outputs"]["repoDigest"]
    assert stack.changes() == {}


def test_destroy_leaves_the_image_in_the_registry(stack: Stack, registry: Registry) -> None:
    """`Delete` removes nothing."""
    stack.program(pushed(registry.address, name="destroyed"))
    stack.up()
    stack.pulumi("destroy", "--yes", "--skip-preview", check=True)
    assert registry.digest("destroyed", "v1").startswith("sha256:")


def test_the_password_is_nowhere_in_clear(stack: Stack, registry: Registry) -> None:
    """Neither state, nor preview, nor the update's output shows the registry's password."""
    stack.program(pushed(registry.address, name="secret"))
    said = stack.pulumi("preview", "--diff", check=True)
    made = stack.pulumi("up", "--yes", "--skip-preview", "--diff", check=True)
    text, _ = stack.state()
    for shown in (said.stdout, said.stderr, made.stdout, made.stderr, text):
        assert PASSWORD not in shown


def test_a_wrong_password_fails_with_the_docker_engine_s_message_and_the_next_update_resumes(
    docker_host: str, stack: Stack, registry: Registry
) -> None:
    """A denied push is an error that tells why, shows no password, and leaves nothing to repair."""
    name = f"denied-{stack.folder.name}"
    stack.program(pushed(registry.address, name=name, password="wrong-canary", host=docker_host))
    said = stack.failed_up()
    assert "unauthorized" in said.lower() or "authentication" in said
    assert "wrong-canary" not in said
    assert registry.digest(name, "v1") == ""
    stack.program(pushed(registry.address, name=name, host=docker_host))
    assert stack.up()["repo_digest"].endswith(registry.digest(name, "v1"))


def test_a_registry_that_is_not_there_is_told_in_full(stack: Stack) -> None:
    """The Docker Engine's own message reaches the person."""
    stack.program(pushed("localhost:1", name="app"))
    assert "connection refused" in stack.failed_up()


def test_f15_without_a_docker_engine_each_command_fails_at_once_and_a_later_one_resumes(
    stack: Stack, registry: Registry
) -> None:
    """C21: the plugin connects when it is configured, so a preview and a removal need the Docker Engine too."""
    stack.program(pushed(registry.address, name="resumed"))
    for command in ("preview", "up --yes --skip-preview", "destroy --yes --skip-preview"):
        if command.startswith("destroy"):
            stack.up()
        started = time.monotonic()
        result = stack.pulumi(*command.split(), env={"DOCKER_HOST": NOWHERE})
        assert time.monotonic() - started < 60
        assert result.returncode != 0, command
        said = result.stdout + result.stderr
        # A traceback of the SDK may follow: unlike the product, this small program lets Pulumi interrupt it.
        assert PLUGIN_S_WORDS in said
        if is_stand_in(stack.lab):
            assert f"there is no Docker Engine at {NOWHERE} (taken from DOCKER_HOST)" in said
            assert "dockerHost" in said
    stack.pulumi("destroy", "--yes", "--skip-preview", check=True)


def test_the_providers_host_wins_over_the_environment(stack: Stack, registry: Registry) -> None:
    """`docker.Provider(host=...)` decides which Docker Engine is used; DOCKER_HOST does not."""
    stack.program(pushed(registry.address, name="hosted", host=NODES_DOCKER))
    stack.up(env={"DOCKER_HOST": NOWHERE})


def test_a_broken_build_is_told_in_full(stack: Stack) -> None:
    """The Docker Engine's message about the failed step reaches the person."""
    (stack.app / "Dockerfile").write_text("FROM scratch\nCOPY absent /\n")
    stack.program(pushed("localhost:1", name="app"))
    assert "absent" in stack.failed_up()


@pytest.mark.parametrize(
    ("name", "build", "said"),
    [
        ("MyApp", "", "must be lower"),
        ("app", ', dockerfile="./Dockerfile"', "build.dockerfile"),
        ("app", ', target="first"', "build.target"),
    ],
)
def test_bad_inputs_are_refused_in_preview(stack: Stack, name: str, build: str, said: str) -> None:
    """C25: what cannot work, or only with the official plugin, is refused before anything is built."""
    if build and not is_stand_in(stack.lab):
        pytest.skip("the official plugin has this input")
    stack.program(pushed("localhost:5000", name=name, build=build))
    result = stack.pulumi("preview")
    assert result.returncode != 0
    assert said in (result.stdout + result.stderr).replace("lowercase", "lower case")


def test_an_interrupt_ends_a_push_quickly(stack: Stack, lab: Node) -> None:
    """Ctrl-C ends a push to a registry that never answers, and the Docker Engine does not go on with it."""
    if not is_stand_in(lab):
        pytest.skip("the official plugin does not answer a cancellation")

    def started(words: str, name: str) -> tuple[subprocess.Popen[bytes], Path]:
        # Its id on the node: a signal to the process out here would end only the command that entered the node.
        script = f"echo $$ > {name}.pid; exec {words}"
        log = stack.folder / f"{name}.log"
        return lab.start_process(["sh", "-c", script], log, cwd=stack.folder), log

    def signal(kind: str, name: str) -> None:
        lab.run(["kill", f"-{kind}", (stack.folder / f"{name}.pid").read_text().strip()])

    def asked() -> int:
        return log.read_text().count("asked")

    (stack.folder / "silent.py").write_text(SILENT)
    silent, log = started("python3 -u silent.py", "silent")
    try:
        until(lambda: log.read_text().endswith("\n"), "the silent registry")
        stack.program(pushed(f"localhost:{log.read_text().strip()}", name="app"))
        backend = " ".join(f"{name}={value}" for name, value in stack.backend.items())
        update, _ = started(f"env {backend} pulumi up --yes --skip-preview --stack dev --non-interactive", "up")
        until(lambda: asked() > 0, "the push to begin")
        signal("INT", "up")
        assert update.wait(timeout=30) != 0
        before = asked()
        time.sleep(2)
        assert asked() == before
    finally:
        signal("KILL", "silent")
        silent.wait(timeout=60)


SILENT = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1])
held = []
while True:
    held.append(server.accept()[0])
    print("asked")
"""
"""A registry that takes connections and answers none."""


def is_stand_in(lab: Node) -> bool:
    """Whether the lab's own plugin runs here, and not the official one."""
    listing = lab.run(["sh", "-c", 'ls "$PULUMI_HOME/plugins/resource-docker-v5.2.0"'], check=False)
    return "docker_provider" in listing.stdout

"""`docker.Image` against a real engine and registry, as the official plugin and the stand-in both behave."""

import os
import time

import pytest

from tests.live.docker_provider.stacks import PASSWORD, Registry, Stack
from tests.live.harness import Node

NO_ENGINE = "unix:///run/no-engine.sock"


def pushed(registry: Registry, *, name: str, password: str = PASSWORD, server: str = "", more: str = "") -> str:
    """Write the program that pushes `app` under a repository's name."""
    return f"""
image = docker.Image(
    "image",
    image_name="{registry.address}/{name}:v1",
    build=docker.DockerBuildArgs(context="app", platform="linux/amd64"{more}),
    registry=docker.RegistryArgs(
        server="{server or registry.address}", username="test", password=pulumi.Output.secret("{password}")
    ),
)
for output in "base_image_name context dockerfile image_name platform registry_server repo_digest".split():
    pulumi.export(output, getattr(image, output))
"""


def local(build: str, *, name: str = "local:v1", more: str = "") -> str:
    """Write the program that builds without a push."""
    return f"""
image = docker.Image("image", image_name="{name}", build={build}, skip_push=True{more})
pulumi.export("repo_digest", image.repo_digest)
"""


APP = 'docker.DockerBuildArgs(context="app", platform="linux/amd64")'


def test_the_digest_is_the_one_that_the_registry_reports(stack: Stack, registry: Registry) -> None:
    """C22: `repoDigest` is repository@digest of what was pushed; the other outputs tell what was built."""
    stack.program(pushed(registry, name="digest"))
    outputs = stack.up()
    assert outputs == {
        "base_image_name": f"{registry.address}/digest:v1",
        "context": "app",
        "dockerfile": "Dockerfile",
        "image_name": f"{registry.address}/digest:v1",
        "platform": "linux/amd64",
        "registry_server": registry.address,
        "repo_digest": f"{registry.address}/digest@{registry.digest('digest', 'v1')}",
    }


def test_preview_builds_and_pushes_nothing(stack: Stack, registry: Registry) -> None:
    """C21: a preview on an empty stack shows a creation and leaves engine and registry as they are."""
    stack.program(pushed(registry, name="previewed"))
    assert stack.changes() == {"create": 2}
    assert registry.digest("previewed", "v1") == ""
    images = stack.lab.run(["docker", "images", "--quiet", f"{registry.address}/previewed"], check=True)
    assert images.stdout == ""


def test_only_what_is_in_the_context_is_a_change(stack: Stack, registry: Registry) -> None:
    """C24: times, ignored files and files outside change nothing; content, mode and name do."""
    (stack.app / ".dockerignore").write_text("*.log\n!kept.log\n")
    for name in ("noise.log", "kept.log"):
        (stack.app / name).write_text("")
    stack.program(pushed(registry, name="context"))
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
    stack.program(pushed(registry, name="ignored"))
    stack.up()
    name = f"{registry.address}/ignored:v1"
    container = stack.lab.run(["docker", "create", name, "none"], check=True).stdout.strip()
    listed = stack.lab.run(["sh", "-c", f"docker export {container} | tar -t"], check=True).stdout.split()
    stack.lab.run(["docker", "rm", container], check=True)
    assert "a.txt" in listed
    assert {"secret.txt", "Dockerfile"}.isdisjoint(listed)


def test_new_credentials_alone_change_nothing(stack: Stack, registry: Registry) -> None:
    """Rotating a password does not build again; another server is a change."""
    stack.program(pushed(registry, name="rotated"))
    stack.up()
    stack.program(pushed(registry, name="rotated", password="another"))
    assert stack.changes() == {}
    stack.program(pushed(registry, name="rotated", server=f"http://{registry.address}"))
    assert stack.changes() == {"update": 1}


def test_another_name_is_an_update(stack: Stack, registry: Registry) -> None:
    """An image is never replaced: a new name builds and pushes under it."""
    stack.program(pushed(registry, name="before"))
    stack.up()
    stack.program(pushed(registry, name="after"))
    assert stack.changes() == {"update": 1}
    assert stack.up()["repo_digest"].endswith(registry.digest("after", "v1"))


def test_refresh_changes_nothing(stack: Stack, registry: Registry) -> None:
    """`Read` returns the state as it is, so the next update is empty."""
    stack.program(pushed(registry, name="refreshed"))
    stack.up()
    _, before = stack.state()
    stack.pulumi("refresh", "--yes", "--skip-preview", check=True)
    _, after = stack.state()
    assert after["outputs"].keys() == before["outputs"].keys()
    assert after["outputs"]["repoDigest"] == before["outputs"]["repoDigest"]
    assert stack.changes() == {}


def test_destroy_leaves_the_image_in_the_registry(stack: Stack, registry: Registry) -> None:
    """`Delete` removes nothing."""
    stack.program(pushed(registry, name="destroyed"))
    stack.up()
    stack.pulumi("destroy", "--yes", "--skip-preview", check=True)
    assert registry.digest("destroyed", "v1").startswith("sha256:")


def test_the_password_is_nowhere_in_clear(stack: Stack, registry: Registry) -> None:
    """Neither state, nor preview, nor the update's output shows the registry's password."""
    stack.program(pushed(registry, name="secret"))
    said = stack.pulumi("preview", "--diff", check=True)
    made = stack.pulumi("up", "--yes", "--skip-preview", "--diff", check=True)
    text, _ = stack.state()
    for shown in (said.stdout, said.stderr, made.stdout, made.stderr, text):
        assert PASSWORD not in shown


def test_a_wrong_password_fails_with_the_engines_message_and_the_next_update_resumes(
    stack: Stack, registry: Registry
) -> None:
    """A denied push is an error that tells why, shows no password, and leaves nothing to repair."""
    stack.program(pushed(registry, name="denied", password="wrong-canary"))
    said = stack.failed_up()
    assert "unauthorized" in said or "authentication" in said
    assert "wrong-canary" not in said
    assert registry.digest("denied", "v1") == ""
    stack.program(pushed(registry, name="denied"))
    assert stack.up()["repo_digest"].endswith(registry.digest("denied", "v1"))


def test_a_registry_that_is_not_there_is_told_in_full(stack: Stack) -> None:
    """The engine's own message reaches the person."""
    program = 'docker.Image("image", image_name="localhost:1/app:v1", build=' + APP + ")\n"
    stack.program(program)
    assert "connection refused" in stack.failed_up()


def test_without_an_engine_the_update_fails_at_once_and_a_later_one_resumes(
    stack: Stack, registry: Registry
) -> None:
    """C21: an engine that is stopped is a clear error within seconds."""
    stack.program(pushed(registry, name="resumed"))
    started = time.monotonic()
    said = stack.failed_up(env={"DOCKER_HOST": NO_ENGINE})
    assert time.monotonic() - started < 20
    assert NO_ENGINE in said
    stack.up()


def test_the_providers_host_wins_over_the_environment(stack: Stack) -> None:
    """`docker.Provider(host=...)` decides which engine is used; DOCKER_HOST does not."""
    provider = 'docker.Provider("engine", host="unix:///var/run/docker.sock")'
    stack.program(local(APP, more=f", opts=pulumi.ResourceOptions(provider={provider})"))
    stack.up(env={"DOCKER_HOST": NO_ENGINE})


def test_without_a_push_the_digest_is_the_local_image(stack: Stack) -> None:
    """`skipPush` needs no host in the name and gives the image's id."""
    stack.program(local(APP, name="image-test-local:v1"))
    digest = stack.up()["repo_digest"]
    found = stack.lab.run(["docker", "image", "inspect", "--format", "{{.Id}}", "image-test-local:v1"], check=True)
    assert digest == found.stdout.strip()


def test_preview_builds_when_asked_to(stack: Stack) -> None:
    """`buildOnPreview` finds a broken Dockerfile before the update."""
    (stack.app / "Dockerfile").write_text("FROM scratch\nCOPY absent /\n")
    stack.program(local(APP, more=", build_on_preview=True"))
    result = stack.pulumi("preview")
    assert result.returncode != 0
    assert "absent" in result.stdout + result.stderr


def test_a_broken_build_is_told_in_full(stack: Stack) -> None:
    """The engine's message about the failed step reaches the person."""
    (stack.app / "Dockerfile").write_text("FROM scratch\nCOPY absent /\n")
    stack.program(local(APP))
    assert "absent" in stack.failed_up()


def test_arguments_and_target_reach_the_build(stack: Stack) -> None:
    """`args` and `target` decide what is built."""
    (stack.app / "Dockerfile").write_text(
        'FROM scratch AS first\nARG COLOUR\nLABEL colour="$COLOUR"\nCOPY . /\nFROM scratch\nCOPY absent /\n'
    )
    build = 'docker.DockerBuildArgs(context="app", target="first", args={"COLOUR": "blue"})'
    stack.program(local(build, name="image-test-args:v1"))
    stack.up()
    label = '{{index .Config.Labels "colour"}}'
    found = stack.lab.run(["docker", "image", "inspect", "--format", label, "image-test-args:v1"], check=True)
    assert found.stdout.strip() == "blue"


def test_a_dockerfile_outside_the_context_is_used(stack: Stack) -> None:
    """The Dockerfile may lie beside the context, and then is no part of the image."""
    (stack.app / "Dockerfile").unlink()
    (stack.folder / "Other").write_text("FROM scratch\nCOPY a.txt /\nLABEL from=other\n")
    stack.program(local('docker.DockerBuildArgs(context="app", dockerfile="Other")', name="image-test-other:v1"))
    stack.up()
    label = '{{index .Config.Labels "from"}}'
    found = stack.lab.run(["docker", "image", "inspect", "--format", label, "image-test-other:v1"], check=True)
    assert found.stdout.strip() == "other"


@pytest.mark.parametrize(
    ("build", "name", "said"),
    [
        (
            'docker.DockerBuildArgs(context="./app", dockerfile="./Dockerfile")',
            "localhost:5000/a",
            "app/Dockerfile",
        ),
        ('docker.DockerBuildArgs(context="app")', "localhost:5000/MyApp", "must be lower"),
        ('docker.DockerBuildArgs(context="app")', "app", "fully qualified"),
    ],
)
def test_bad_inputs_are_refused_in_preview(stack: Stack, build: str, name: str, said: str) -> None:
    """C25: what cannot work is refused before anything is built."""
    stack.program(f'docker.Image("image", image_name="{name}", build={build})\n')
    result = stack.pulumi("preview")
    assert result.returncode != 0
    assert said in (result.stdout + result.stderr).replace("lowercase", "lower case")


def test_an_interrupt_ends_a_build_quickly(stack: Stack, lab: Node) -> None:
    """Ctrl-C ends a build that would take minutes, and the engine does not go on with it."""
    listing = lab.run(["sh", "-c", 'ls "$PULUMI_HOME/plugins/resource-docker-v5.2.0"'], check=False)
    if "docker_provider" not in listing.stdout:
        pytest.skip("the official plugin does not answer a cancellation")
    marker = stack.folder.name
    (stack.app / "Dockerfile").write_text(f"FROM alpine\nRUN : {marker}; while true; do echo tick; sleep 1; done\n")
    stack.program(local('docker.DockerBuildArgs(context="app", network="none")'))
    started = time.monotonic()
    command = ["timeout", "--foreground", "--signal=INT", "6", "pulumi", "up", "--yes", "--skip-preview"]
    result = lab.run(command, cwd=stack.folder, env=stack.backend, check=False)
    assert "tick" in result.stdout
    assert time.monotonic() - started < 12
    time.sleep(1)
    running = lab.run(["docker", "ps", "--no-trunc", "--format", "{{.Command}}"], check=True)
    assert marker not in running.stdout

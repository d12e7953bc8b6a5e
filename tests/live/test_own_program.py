"""The component in another program: the README's text in an empty project, with nothing but the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import PROJECT, Node, Stack, Update
from tests.live.observation import MANIFEST

SECTION = (PROJECT / "README.md").read_text().partition("### In your own program")[2].partition("\n## ")[0]
PASSWORD = "canary of nineteen."
NODE, HOST = "minikube", "192.168.99.100"


def blocks(language: str) -> list[str]:
    """The section's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the package, installed from a folder by pip, and with what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    source = folder / "source"
    source.mkdir()
    for name in ("components", "test-image"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", source], check=True
    )
    # The dependencies are those of the tests' own environment, without another download.
    shown = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    Path(shown.stdout.strip(), "dependencies.pth").write_text(f"{ours}\n")
    shutil.rmtree(source)
    return folder / "venv"


@pytest.fixture(scope="module")
def other(lab: Node, environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An empty project with the README's program, not yet up."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    [program] = blocks("python")
    (folder / "__main__.py").write_text(program)
    (folder / ".state").mkdir()
    variables = {
        "PULUMI_BACKEND_URL": f"file://{folder}/.state",
        "PATH": f"{environment}/bin:{lab.lab.environment()['PATH']}",
    }
    stack = Stack(lab, folder, folder / ".state", environment=variables)
    stack.pulumi("stack", "select", "--create", "--stack", stack.name)
    yield stack
    stack.destroy()
    lab.run(["rm", "-rf", "/data/apps", "/data/builds"])


@pytest.fixture(scope="module")
def up(other: Stack) -> Update:
    """Set up by the README's commands, with this lab's node and address."""
    [commands] = blocks("console")
    values = {"192.168.49.2": HOST, "minikube": NODE}
    for words in re.findall(r"^\$ pulumi config set (.+)$", commands, re.MULTILINE):
        *flags, last = words.split()
        if "--secret" in flags:
            other.set(last, PASSWORD, secret=True)
        else:
            other.pulumi("config", "set", flags[-1], values[last])
    return other.up()


def test_f3_two_registries_come_up_in_another_program(up: Update, other: Stack, lab: Node) -> None:
    """Each with a port, folder and pull secret of its own, and with a proof; the next `up` has nothing to do."""
    outputs = other.outputs()

    assert up.code == 0
    for name, port in (("apps", 5000), ("builds", 5001)):
        address = f"{HOST}:{port}"
        assert outputs[name]["address"] == address
        digest = outputs[name]["image"].removeprefix(f"{address}/alpine_test@")
        answer = lab.run(
            [
                *("curl", "--silent", "--include", "--config", "-"),
                *("--cacert", f"/etc/docker/certs.d/{address}/private-registry.crt"),
                *("--header", MANIFEST, f"https://{address}/v2/alpine_test/manifests/{digest}"),
            ],
            stdin=f'user = "registry:{PASSWORD}"',
        )
        assert answer.stdout.startswith("HTTP/2 200"), answer.stdout
        pods = lab.get("pods", f"--selector=app.kubernetes.io/name=proof,app.kubernetes.io/instance={name}-proof")
        [pod] = pods["items"]
        assert pod["spec"]["containers"][0]["image"] == outputs[name]["image"]
        assert lab.get("secret", f"{name}-pull")["type"] == "kubernetes.io/dockerconfigjson"
    assert other.up("--expect-no-changes").changed == set()


def test_f3_a_bad_password_of_another_program_is_refused_without_a_traceback(up: Update, other: Stack) -> None:
    """Known only when Pulumi has decrypted it, it ends the update with the rule and without its value."""
    assert up.code == 0
    with other.settings_kept():
        other.set("password", "canary", secret=True)
        refused = other.preview(check=False)

    assert refused.code != 0
    assert "private-registry:password must be at least 12 bytes outside development, got 6" in refused.output
    assert "Traceback" not in refused.output
    assert "canary" not in refused.output

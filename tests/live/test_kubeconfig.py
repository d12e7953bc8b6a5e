"""Which cluster: every way of naming the same one is the same to Pulumi, and wrong ones are refused (C30)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.live.harness import Stack, Update

CANARY = "canary-Zq7v9Kx2"
CONTEXT = "private-registry:kubeContext"
SECRET_CONTENT = f"""\
apiVersion: v1
kind: Config
current-context: one
users: [{{name: me, user: {{token: {CANARY}}}}}]
clusters: [{{name: here, cluster: {{server: "https://127.0.0.1:1"}}}}]
contexts: [{{name: one, context: {{cluster: here, user: me}}}}]
"""


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """A stack that is up on the cluster of KUBECONFIG; its home holds a copy of that file."""
    home = stack.folder / "home"
    (home / "clusters").mkdir(parents=True)
    (home / "clusters" / "mine").write_text(stack.node.run(["cat", "/etc/kubernetes/admin.conf"]).stdout)
    stack.environment["HOME"] = str(home)
    stack.up()
    return stack


@pytest.fixture
def configurable(deployed: Stack) -> Iterator[Stack]:
    """That stack, for a test that changes its settings; they are put back."""
    with deployed.settings_kept():
        yield deployed


@pytest.fixture
def elsewhere(configurable: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The same without KUBECONFIG leading to the cluster, so that only the setting can."""
    monkeypatch.setitem(configurable.environment, "KUBECONFIG", str(configurable.folder / "none"))
    return configurable


def is_unchanged(update: Update) -> bool:
    """Whether a preview with `--expect-no-changes` ended well."""
    return update.code == 0 and bool(re.search(r"\d+ unchanged", update.output))


def refusal(update: Update) -> str:
    """The message of a preview that was refused; there is no traceback around it."""
    assert update.code != 0
    assert "Traceback" not in update.output
    [line] = {line.strip() for line in update.output.splitlines() if line.strip().startswith("error: private-reg")}
    return line.removeprefix("error: ")


def test_c30_a_path_with_tilde_is_the_same_cluster(elsewhere: Stack) -> None:
    """`~` is the home of whoever runs Pulumi, as in a shell."""
    elsewhere.set("kubeconfig", "~/clusters/mine")

    assert is_unchanged(elsewhere.preview("--expect-no-changes"))


def test_c30_content_is_the_same_cluster_and_is_never_printed(elsewhere: Stack) -> None:
    """The file's text as an encrypted setting, with nothing on disk."""
    content = (elsewhere.folder / "home/clusters/mine").read_text()
    elsewhere.set("kubeconfig", content, secret=True)
    preview = elsewhere.preview("--expect-no-changes", "--diff")
    [key] = [line.split(":", 1)[1].strip() for line in content.splitlines() if "client-key-data" in line]

    assert is_unchanged(preview)
    assert key[:40] not in preview.output
    assert key[:40] not in elsewhere.file.read_text()


def test_c30_the_environment_is_the_same_cluster_with_its_context_named(configurable: Stack) -> None:
    """KUBECONFIG as such, and with the context that is current anyway."""
    assert is_unchanged(configurable.preview("--expect-no-changes"))
    configurable.set("kubeContext", "minikube")
    assert is_unchanged(configurable.preview("--expect-no-changes"))


def test_c30_a_missing_file_is_refused_by_key_and_path(configurable: Stack) -> None:
    """Before anything is asked of a cluster."""
    configurable.set("kubeconfig", "~/clusters/other")
    preview = configurable.preview(check=False)

    assert preview.code != 0
    assert "Traceback" not in preview.output
    assert (
        "private-registry:kubeconfig must be a kubeconfig in YAML or JSON, or the path of a file, "
        'got "~/clusters/other"; fix: '
    ) in preview.output


def test_c30_a_missing_context_is_refused_with_those_that_there_are(configurable: Stack) -> None:
    """The message names the key, where it was looked for and what would do."""
    configurable.set("kubeContext", "production")

    assert refusal(configurable.preview(check=False)) == (
        f"{CONTEXT} must name a context of KUBECONFIG (/etc/kubernetes/admin.conf); contexts there: minikube"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'{SECRET_CONTENT}token: "{CANARY}', "private-registry:kubeconfig: not YAML or JSON at line 7"),
        (
            SECRET_CONTENT.replace("current-context: one", "current-context: two"),
            f"{CONTEXT} must name a context of private-registry:kubeconfig; contexts there: one",
        ),
    ],
    ids=["broken", "context"],
)
def test_c30_wrong_content_is_refused_and_never_printed(configurable: Stack, content: str, message: str) -> None:
    """A parser's own words would quote the text around the fault."""
    configurable.set("kubeconfig", content, secret=True)
    preview = configurable.preview(check=False)

    assert refusal(preview) == message
    assert CANARY not in preview.output

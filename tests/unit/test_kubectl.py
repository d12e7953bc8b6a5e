"""How kubectl is called, and which of its words are shown; a program of the same name stands on PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.cluster.kubectl import KubectlError, KubectlMissingError, kubectl

KUBECONFIG = '{"kind": "Config"}'
CANARY = "canary-of-a-plugin"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program, yet to be written, before all others on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "kubectl"


def write(file: Path, *lines: str) -> None:
    """Write a program of the shell."""
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    file.chmod(0o755)


def failure() -> str:
    """Give the text of a call that fails."""
    with pytest.raises(KubectlError) as failed:
        kubectl(["get", "pods"], KUBECONFIG, 10)
    return str(failed.value)


def test_it_gets_words_time_limit_and_kubeconfig(script: Path) -> None:
    """The file is this user's alone, and gone afterwards."""
    write(script, 'echo "$@"; cat "$KUBECONFIG"; echo; stat -c %a "$(dirname "$KUBECONFIG")"; echo "$KUBECONFIG"')

    words, content, mode, file = kubectl(["get", "pods"], KUBECONFIG, 10).splitlines()

    assert (words, content, mode) == ("--request-timeout=10s get pods", KUBECONFIG, "700")
    assert not Path(file).parent.exists()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Unable to connect to the server: dial tcp: i/o timeout", "dial tcp: i/o timeout"),
        (
            "error: You must be logged in to the server (Unauthorized)",
            "You must be logged in to the server (Unauthorized)",
        ),
        ("The connection to the server x was refused", "The connection to the server x was refused"),
        ("Error from server (Forbidden): no", "Error from server (Forbidden): no"),
    ],
)
def test_its_last_word_is_the_reason(script: Path, line: str, shown: str) -> None:
    """What a plugin for credentials prints is left out: it may be anything."""
    write(
        script, f"echo 'error: first' >&2; echo 'token {CANARY}' >&2; echo '{line}' >&2; echo {CANARY} >&2; exit 1"
    )

    assert failure() == shown


def test_without_a_word_of_its_own_the_code_is_the_reason(script: Path) -> None:
    """Nothing else can be shown."""
    write(script, f"echo {CANARY} >&2; exit 3")

    assert failure() == "kubectl ended with code 3"


def test_a_question_for_a_name_means_that_there_are_no_credentials(script: Path) -> None:
    """Nobody is there to answer it."""
    write(script, "printf 'Please enter Username: '; echo 'error: EOF' >&2; exit 1")

    assert failure() == "the kubeconfig has no credentials for it"


def test_bytes_that_are_no_text_do_no_harm(script: Path) -> None:
    """A plugin may print them."""
    write(script, r"printf 'error: \377\n' >&2; exit 1")

    assert failure() == "\N{REPLACEMENT CHARACTER}"


def test_one_that_does_not_end_is_ended(script: Path) -> None:
    """Twice the time of a request, since a plugin may ask first."""
    write(script, "exec sleep 60")

    with pytest.raises(KubectlError, match=r"^kubectl gave no answer within 2 seconds$"):
        kubectl(["get"], KUBECONFIG, 1)


def test_a_missing_one_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cluster is not to blame."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(KubectlMissingError):
        kubectl(["get"], KUBECONFIG, 1)


def test_one_that_may_not_be_run_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as a file without the mode for it."""
    (tmp_path / "kubectl").write_text("no program")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(KubectlError, match=r"^kubectl cannot be run: Exec format error$"):
        kubectl(["get"], KUBECONFIG, 1)


def test_it_gets_nothing_of_the_stack_s_secrets(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi hands settings and passphrase over in the environment; what plugins of kubectl need stays."""
    monkeypatch.setenv("PULUMI_CONFIG", CANARY)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", CANARY)
    monkeypatch.setenv("AWS_PROFILE", "registry")
    write(script, "env")

    printed = kubectl(["get", "pods"], KUBECONFIG, 10)

    assert CANARY not in printed
    assert "AWS_PROFILE=registry" in printed

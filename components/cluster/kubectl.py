"""Questions to the cluster by `kubectl`, which reads every kind of kubeconfig: plugins, proxies, rotating tokens.

Owns how it is called and which of its words may be shown.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OWN_WORDS: Final = (
    "Unable to connect to the server: ",
    "The connection to the server ",
    "Error from server",
    "error: ",
)
"""How kubectl begins what it says itself. Other lines are those of a plugin, which may print anything."""


_PROMPT: Final = "Please enter Username"
"""What kubectl asks where a kubeconfig has a user without credentials, or none."""

_WITHIN: Final = 10
"""Seconds for each request of a question."""

NO_CREDENTIALS: Final = "the kubeconfig has no credentials for it"


class KubectlError(Exception):
    """kubectl gave no answer. The text is its own reason."""


class KubectlMissingError(KubectlError):
    """There is no kubectl on PATH."""

    def __init__(self) -> None:
        super().__init__("kubectl is not on PATH")


class Questions:
    """Questions to one cluster. What is certain to be asked can be asked early, while something else is done."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._threads = ThreadPoolExecutor()
        self._early: dict[tuple[str, ...], Future[str]] = {}

    def early(self, words: Sequence[str]) -> None:
        """Ask now; the same question gets this answer later, once."""
        self._early[tuple(words)] = self._threads.submit(kubectl, words, self._kubeconfig, _WITHIN)

    def __call__(self, words: Sequence[str]) -> str:
        """Run kubectl with these words and give what it prints. Raises KubectlError."""
        early = self._early.pop(tuple(words), None)
        return early.result() if early else kubectl(words, self._kubeconfig, _WITHIN)


def kubectl(words: Sequence[str], kubeconfig: str, seconds: int) -> str:
    """Run kubectl with a kubeconfig's content and give what it prints; `seconds` limit each of its requests.

    Raises KubectlError.
    """
    with configured(kubeconfig) as environment:
        try:
            answer = subprocess.run(
                ["kubectl", f"--request-timeout={seconds}s", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=2 * seconds,
                check=False,
            )
        except FileNotFoundError:
            raise KubectlMissingError from None
        except subprocess.TimeoutExpired:
            raise KubectlError(f"kubectl gave no answer within {2 * seconds} seconds") from None
        except OSError as problem:
            raise KubectlError(f"kubectl cannot be run: {problem.strerror}") from None
    if answer.returncode and _PROMPT in answer.stdout:
        raise KubectlError(NO_CREDENTIALS)
    if answer.returncode:
        raise KubectlError(_reason(answer.stderr) or f"kubectl ended with code {answer.returncode}")
    return answer.stdout


def _reason(stderr: str) -> str:
    """Find what kubectl says last about why it failed."""
    own = [line.strip() for line in stderr.splitlines() if line.startswith(_OWN_WORDS)]
    return own[-1].removeprefix(_OWN_WORDS[0]).removeprefix(_OWN_WORDS[-1]) if own else ""


@contextmanager
def configured(kubeconfig: str) -> Iterator[dict[str, str]]:
    """Give the environment for kubectl. The kubeconfig lies in a folder of this user alone meanwhile.

    It is this program's, without the stack's settings and passphrase, which Pulumi hands over there: other
    processes of the user could read them in kubectl's environment, and its plugins get them.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_CONFIG")}
    with tempfile.TemporaryDirectory(prefix="private-registry-") as folder:
        file = Path(folder) / "kubeconfig"
        file.write_text(kubeconfig, encoding="utf-8")
        yield {**own, "KUBECONFIG": str(file)}

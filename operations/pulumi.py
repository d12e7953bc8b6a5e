"""Pulumi, called as people call it, on the stack's own file of settings or on another one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .failure import OperationError

_SHOWN: Final = 400
"""Characters of what Pulumi says that are repeated."""
_CHANGES: Final = "no changes were expected"


def ask(stack: str, *words: str) -> str:
    """Run a command and give what it prints. Raises OperationError."""
    result = subprocess.run(
        _command(stack, words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode:
        said = " ".join(result.stderr.split())[:_SHOWN]
        raise OperationError(f"`pulumi {' '.join(words)} --stack {stack}` failed: {said}")
    return result.stdout


def up(stack: str, settings: Path | None = None) -> None:
    """Run `pulumi up`, whose output passes through, with other settings than the stack's. Raises OperationError."""
    other = ["--config-file", str(settings)] if settings else []
    process = subprocess.Popen(_command(stack, ["up", "--yes", "--skip-preview", *other]), stdin=subprocess.DEVNULL)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # Pulumi had the same signal, and first ends what it has begun; a kill would leave its state unclear.
        process.wait()
        raise
    if code:
        raise OperationError(f"`pulumi up --stack {stack}` failed; its reasons are above")


def check_nothing_waits(stack: str) -> None:
    """Refuse a stack whose next `pulumi up` would change something. Raises OperationError."""
    words = ("preview", "--expect-no-changes")
    result = subprocess.run(
        _command(stack, words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not result.returncode:
        return
    if _CHANGES in result.stdout:
        raise OperationError(
            f"stack {stack} has changes that are not up, and this command would bring them up too; "
            f"fix: `pulumi up --stack {stack}` first"
        )
    raise OperationError(f"`pulumi {' '.join(words)} --stack {stack}` failed:\n{result.stdout.rstrip()}")


def _command(stack: str, words: Sequence[str]) -> list[str]:
    if not shutil.which("pulumi"):
        raise OperationError("pulumi is not on PATH; fix: https://www.pulumi.com/docs/iac/download-install/")
    return ["pulumi", *words, "--stack", stack, "--non-interactive", "--color", "never"]

"""The dev stack as Pulumi hands it to the program; what is secret in it is a canary."""

from __future__ import annotations

import functools
import gc
import json
import runpy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

from tests.components.recorder import PROJECT, Recorder

ROOT: Final = Path(__file__).resolve().parents[2]
CANARY: Final = "canary-of-the-stack"
"""In place of what the stack's file holds encrypted."""
TOKEN: Final = "canary-of-the-kubeconfig"
SERVER: Final = "https://127.0.0.1:9"
"""Nobody answers there, and kubectl hears so at once."""
UID: Final = "11111111-2222-3333-4444-555555555555"
"""What the cluster is known by."""
KUBECONFIG: Final = {
    "current-context": "dev",
    "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    "clusters": [{"name": "dev", "cluster": {"server": SERVER}}],
    "users": [{"name": "dev", "user": {"token": TOKEN}}],
}

Dev = Callable[..., Recorder]
"""Type of the fixture `dev`, which is `run` below."""


def run(*, preview: bool = False, encrypted: bool = False, stack: str = "dev", **changes: str) -> Recorder:
    """Run `__main__.py` with a stack's values, some of them changed, and give what it registered.

    `encrypted` is whether the changed ones were set with `--secret`.
    """
    values, secret = _configuration(stack)
    values |= {f"{PROJECT}:{key}": value for key, value in changes.items()}
    if encrypted:
        secret += [f"{PROJECT}:{key}" for key in changes]

    def program() -> None:
        pulumi.runtime.set_all_config(values, secret)
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    recorder = Recorder(preview=preview)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        recorder.run(program)
    finally:
        # The program changes both for its own short life, which the tests outlive.
        gc.enable()
        signal.signal(signal.SIGINT, interrupt)
    return recorder


def _configuration(name: str) -> tuple[dict[str, str], list[str]]:
    """Give all values as Pulumi passes them, text each, and the keys of those that are secret."""
    project, stack = _config_of("Pulumi.yaml"), _config_of(f"Pulumi.{name}.yaml")
    secret = [key for key, value in stack.items() if isinstance(value, dict) and "secure" in value]
    values = {f"{PROJECT}:{key}": item["default"] for key, item in project.items() if "default" in item}
    values |= stack | dict.fromkeys(secret, CANARY)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return texts, secret


@functools.cache  # thousands of tests read the same two files
def _config_of(file: str) -> dict[str, Any]:
    """Give the section `config` of a file of the project."""
    config: dict[str, Any] = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["config"]
    return config

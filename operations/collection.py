"""Collecting images where several Pods may write: the whole registry is read-only meanwhile.

`readOnly` comes up from a copy of the stack's file. The file itself says all along what the next `pulumi up` makes
true again, also after a kill.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.server.collection import NOW, check_untagged, flags

from . import pulumi
from .failure import OperationError
from .progress import Progress
from .registry_pods import DEPLOYMENT, RegistryPods, StillCollectsError
from .stack import Stack


def collect(stack: Stack, progress: Progress, *, remove: bool, untagged: bool) -> int:
    """Show what no image needs, or remove it. Gives the exit code. Raises OperationError."""
    if untagged:
        try:
            check_untagged(str(stack.get("image")))
        except ValueError as problem:
            raise OperationError(f"UNTAGGED {problem}; fix: leave UNTAGGED out, or a newer `image`") from None
    if remove and (time := stack.get("collectionTime")):
        raise OperationError(
            f"the registry collects by itself at {time} (collectionTime); "
            f"fix: `kubectl exec {DEPLOYMENT} -- {NOW}` has it collect now"
        )
    pods = RegistryPods(stack.kubeconfig(), str(stack.get("namespace")), progress)
    if not remove:
        found = pods.collect(pods.ready(), flags(report_only=True, untagged=untagged))
        progress.say(f"{found}\nnothing was removed: this was a dry run; APPLY=1 removes")
        return 0
    with _read_only(stack, progress):
        found = pods.collect_alone(flags(report_only=False, untagged=untagged))
    # After all that Pulumi says.
    progress.say(f"removed: {found}")
    return 0


@contextmanager
def _read_only(stack: Stack, progress: Progress) -> Iterator[None]:
    """Have the registry refuse pushes meanwhile, unless it does so anyway."""
    progress.say("asking Pulumi whether the stack is up as it is set")
    pulumi.check_nothing_waits(stack.name)
    if stack.get("readOnly"):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="private-registry-") as folder:
        settings = Path(folder) / f"Pulumi.{stack.name}.yaml"
        settings.write_bytes(Path(settings.name).read_bytes())
        pulumi.ask(stack.name, "config", "set", "readOnly", "true", "--config-file", str(settings))
        progress.say("the registry refuses pushes from now on, and pulls go on")
        try:
            pulumi.up(stack.name, settings)
            yield
        except StillCollectsError:
            raise
        except BaseException:
            _take_pushes(stack, progress)
            raise
        _take_pushes(stack, progress)


def _take_pushes(stack: Stack, progress: Progress) -> None:
    progress.say("the registry takes pushes again")
    try:
        pulumi.up(stack.name)
    except (OperationError, KeyboardInterrupt):
        progress.say(f"error: the registry may still refuse pushes; fix: `pulumi up --stack {stack.name}`")
        raise

"""The registry's Pods, and its own collection in one of them.

What collects ends with the connection to it: it must never go on while pushes are taken, which would destroy what
is pushed.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from components.cluster.kubectl import KubectlError, configured, kubectl
from components.cluster.labels import selector
from components.server.names import CONFIG, REVISION

from .failure import OperationError
from .progress import Progress

DEPLOYMENT: Final = "deployment/registry"
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in selector("registry", "registry").items())
_WITHIN: Final = 20
"""Seconds for each question to the cluster."""
_LATER: Final = 60
"""Seconds that an ending Pod may take beyond its grace period."""
_EACH: Final = 1.0
"""Seconds between two questions. A new Pod takes longer until it takes a push."""

_COLLECT: Final = r"""
exec 3<&0
registry garbage-collect "$@" 2>&1 & collecting=$!
{ read -r _ <&3; kill -9 "$collecting"; } > /dev/null 2>&1 & watching=$!
wait "$collecting"; code=$?
kill "$watching" 2> /dev/null
exit "$code"
"""
"""Nothing is ever written to its input: the end of it is the end of the connection."""

_STOP: Final = r"""
for process in /proc/[0-9]*; do
  case "$(tr '\0' ' ' 2> /dev/null < "$process/cmdline")" in
    "registry garbage-collect "*) kill -9 "${process#/proc/}" ;;
  esac
done
:
"""

_MARKING: Final = ": marking "
_MANIFEST: Final = re.compile(r"^manifest eligible for deletion: \{(\S+) (\w+:[0-9a-f]+)")
_BLOB: Final = "blob eligible for deletion: "


@dataclass(frozen=True)
class Pod:
    """A Pod of the registry."""

    name: str
    revision: str
    """Of what it serves and allows."""
    is_ready: bool
    is_ending: bool
    grace: int
    """Seconds that it has to end."""

    @classmethod
    def read(cls, pod: dict[str, Any]) -> Pod:
        """Read it as the API server gives it."""
        metadata, conditions = pod["metadata"], pod.get("status", {}).get("conditions") or ()
        return cls(
            metadata["name"],
            (metadata.get("annotations") or {}).get(REVISION, ""),
            any(item["type"] == "Ready" and item["status"] == "True" for item in conditions),
            "deletionTimestamp" in metadata,
            pod["spec"].get("terminationGracePeriodSeconds", 0),
        )


class StillCollectsError(OperationError):
    """Something may still collect, so nobody may push."""


class RegistryPods:
    """The Pods of a stack's registry."""

    def __init__(self, kubeconfig: str, namespace: str, progress: Progress) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = f"--namespace={namespace}"
        self._progress = progress

    def ready(self) -> Pod:
        """Give one that serves. Raises OperationError if there is none."""
        for pod in self._all():
            if pod.is_ready and not pod.is_ending:
                return pod
        raise OperationError(
            f"no Pod of the registry is Ready; fix: `kubectl describe {DEPLOYMENT} {self._namespace}` says why"
        )

    def collect_alone(self, flags: Sequence[str]) -> str:
        """Collect once none of the Pods of before is left, and only as long as the Deployment stays as it is."""
        revision = self._revision()
        self._wait_for_the_end_of_others(revision)
        pod = self.ready()
        try:
            return self.collect(pod, flags, revision)
        finally:
            self._stop(pod)

    def collect(self, pod: Pod, flags: Sequence[str], revision: str = "") -> str:
        """Have the registry's own program collect in a Pod. Gives what it has found.

        With a revision, it is ended when the Deployment gets another. Raises OperationError if it did not come to
        its end.
        """
        words = ["exec", "--stdin", pod.name, "--container=registry", self._namespace, "--", "sh", "-c", _COLLECT]
        manifests = blobs = 0
        self._progress.begin("manifests and blobs that are needed")
        with (
            configured(self._kubeconfig) as environment,
            subprocess.Popen(
                ["kubectl", *words, "collect", *flags, CONFIG],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process,
            self._watched(revision, process) as changed,
        ):
            assert process.stdout
            last = ""
            for line in map(str.strip, process.stdout):
                last = line or last
                if _MARKING in line:
                    self._progress.done(1)
                elif found := _MANIFEST.search(line):
                    manifests += 1
                    self._progress.say(f"no tag names {found[1]}@{found[2]}")
                elif line.startswith(_BLOB):
                    blobs += 1
        self._progress.finish()
        if changed.is_set():
            raise OperationError(
                "the registry was changed by somebody else meanwhile, so the collection was ended before its time; "
                "nothing is lost; fix: the same command again"
            )
        if process.returncode:
            raise OperationError(f"the collection in Pod {pod.name} ended with code {process.returncode}: {last}")
        return f"{manifests} manifests and {blobs} blobs that no image needs"

    @contextmanager
    def _watched(self, revision: str, process: subprocess.Popen[str]) -> Iterator[threading.Event]:
        """End a collection when the Deployment is changed: new Pods would take pushes."""
        changed, ended = threading.Event(), threading.Event()

        def watch() -> None:
            while revision and not ended.wait(_EACH):
                try:
                    same = self._revision() == revision
                except OperationError:
                    # Who cannot see it cannot tell.
                    same = False
                if not same:
                    changed.set()
                    process.kill()
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield changed
        finally:
            ended.set()
            thread.join()

    def _wait_for_the_end_of_others(self, revision: str) -> None:
        """Wait until all Pods are of this revision. Raises OperationError for one that does not end."""
        others = self._others(revision)
        self._progress.begin("Pods of before that have ended", len(others))
        limit = time.monotonic() + max((pod.grace for pod in others), default=0) + _LATER
        left = others
        while left:
            if time.monotonic() > limit:
                names = ", ".join(pod.name for pod in left)
                raise OperationError(
                    f"these Pods of before do not end and may still take pushes: {names}; nothing was removed; "
                    f"fix: `kubectl describe pod {left[0].name} {self._namespace}` says why"
                )
            time.sleep(_EACH)
            now = self._others(revision)
            self._progress.done(len(left) - len(now))
            left = now
        self._progress.finish()

    def _others(self, revision: str) -> list[Pod]:
        return [pod for pod in self._all() if pod.is_ending or pod.revision != revision]

    def _stop(self, pod: Pod) -> None:
        """Make sure that nothing collects any more: the end of a connection may come late to the other side."""
        words = ["exec", pod.name, "--container=registry", self._namespace, "--", "sh", "-c", _STOP]
        try:
            kubectl(words, self._kubeconfig, _WITHIN)
        except KubectlError as problem:
            if "(NotFound)" in str(problem):
                return
            raise StillCollectsError(
                f"it is not known whether Pod {pod.name} still collects, so the registry is left read-only: "
                f"{problem}; fix: `kubectl delete pod {pod.name} {self._namespace}`, and then `pulumi up`"
            ) from None

    def _revision(self) -> str:
        deployment = self._ask("get", DEPLOYMENT)
        annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
        return str(annotations.get(REVISION, ""))

    def _all(self) -> list[Pod]:
        return [Pod.read(pod) for pod in self._ask("get", "pods", f"--selector={_SELECTOR}")["items"]]

    def _ask(self, *words: str) -> dict[str, Any]:
        try:
            answer = kubectl([*words, self._namespace, "--output=json"], self._kubeconfig, _WITHIN)
        except KubectlError as problem:
            raise OperationError(f"the cluster cannot be asked for the registry: {problem}") from None
        found: dict[str, Any] = json.loads(answer)
        return found

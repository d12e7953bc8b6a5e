"""The Docker Engine: builds an image, pushes it, and tells what it does, through the `docker` package.

Knows nothing of Pulumi. Builds go to the classic builder: the API's BuildKit needs a session, a gRPC service that
the Docker Engine calls back over a hijacked connection, which the `docker` package does not have and without which
BuildKit cannot log in to a registry.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import docker
import docker.errors
import docker.types
import docker.utils
import requests
import urllib3.exceptions

from . import references
from .address import ANSWER_SECONDS, Address, reason
from .context import BuildContext
from .inputs import ImageInputs

_LOST = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,  # what a connection that breaks within an answer raises
    OSError,
)
_TAIL_LINES = 20
"""How much of a failed build's output goes into its error, as nothing else of it outlives the update."""


class EngineError(Exception):
    """The Docker Engine is out of reach or refused something; the message holds its answer in full."""


class CancelledError(EngineError):
    """The person asked to stop."""


class Job:
    """One image's way through the Docker Engine; `cancel` ends it from another thread."""

    def __init__(self, address: Address, log: Callable[[str], None]) -> None:
        self._address = address
        self._log = log
        self._stopped = threading.Event()
        self._responses: list[requests.Response] = []

    def cancel(self) -> None:
        """Close what is open towards the Docker Engine, which ends its builds and pushes when the client leaves."""
        self._stopped.set()
        for response in self._responses:
            try:
                docker.types.CancellableStream(iter(()), response).close()
            except (AttributeError, OSError):
                # The answer has ended meanwhile and its socket is gone.
                continue

    def run(self, image: ImageInputs) -> str:
        """Build the image and push it; give `repository@sha256:...` of what the registry has then.

        Raises EngineError, CancelledError, UnreachableError, or ContextError when the context cannot be read.
        """
        client = self._connect()
        try:
            login = {
                "username": image.username,
                "password": image.password,
                "serveraddress": references.credentials_key(image.server),
            }
            # Base images may lie in the same registry. `build` takes credentials from nowhere else.
            logins = client._auth_configs  # type: ignore[attr-defined]  # noqa: SLF001
            logins.add_auth(login["serveraddress"], login)
            self._build(client, image)
            return self._push(client, image, login)
        except docker.errors.APIError as error:
            raise EngineError(f"the Docker Engine at {self._address.host} refused: {_explain(error)}") from error
        except _LOST as error:
            self._stop_if_cancelled()
            raise EngineError(f"lost the Docker Engine at {self._address.host}: {error}") from error
        finally:
            client.close()

    def _connect(self) -> docker.APIClient:
        environment = {**os.environ, "DOCKER_HOST": self._address.host}
        try:
            options = docker.utils.kwargs_from_env(environment=environment)
            client = docker.APIClient(version="auto", timeout=ANSWER_SECONDS, **options)
        except (*_LOST, ValueError) as error:
            raise self._address.unreachable(reason(error)) from error
        # A build step or a registry may be silent for as long as it likes.
        client.timeout = None  # type: ignore[assignment]  # the stubs forget that None means no limit
        client.hooks["response"].append(self._remember)
        return client

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        self._responses.append(response)

    def _build(self, client: docker.APIClient, image: ImageInputs) -> None:
        self._log("building the image")
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        with BuildContext(image.context).archive() as archive:
            answers = client.build(
                fileobj=archive,
                custom_context=True,
                tag=image.image_name,
                platform=image.platform,
                buildargs=dict(image.args),
                rm=True,
                forcerm=True,
                use_config_proxy=False,
                decode=True,
            )
            try:
                for _ in self._follow(answers, tail):
                    pass
            except CancelledError:
                raise
            except EngineError as error:
                output = "".join(f"\n  {line}" for line in tail)
                raise EngineError(
                    f"building {image.image_name} failed: {error}; its last output:{output}"
                ) from error

    def _push(self, client: docker.APIClient, image: ImageInputs, login: dict[str, str]) -> str:
        reference = references.parse(image.image_name)
        self._log(f"pushing {image.image_name}")
        answers = client.push(reference.repository, tag=reference.tag, stream=True, decode=True, auth_config=login)
        digest = ""
        try:
            for aux in self._follow(answers):
                digest = aux.get("Digest", digest)
        except CancelledError:
            raise
        except EngineError as error:
            raise EngineError(f"pushing {image.image_name} failed: {error}") from error
        if digest:
            return f"{reference.repository}@{digest}"
        # With containerd's image store, the default since Docker Engine 29, the answer to a push holds no digest.
        inspected: dict[str, Any] = client.inspect_image(image.image_name)  # type: ignore[no-untyped-call]  # no stub
        known = inspected.get("RepoDigests") or []
        pinned = pushed_digest(reference.repository, known)
        if pinned is None:
            raise EngineError(
                f"pushing {image.image_name} ended, and the Docker Engine knows no digest of it in "
                f"{reference.repository}, only {', '.join(known) or 'none'}"
            )
        # The Docker Engine lists a digest as soon as the image has its name: ask whether it arrived.
        client.inspect_distribution(pinned, auth_config=login)  # type: ignore[no-untyped-call]  # no stub
        return pinned

    def _follow(
        self, answers: Iterator[dict[str, Any]], tail: deque[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Log an answer stream's lines, give its `aux` parts, and raise its error."""
        seen: dict[str, str] = {}
        for answer in answers:
            self._stop_if_cancelled()
            if "error" in answer:
                raise EngineError(answer.get("errorDetail", {}).get("message") or answer["error"])
            layer, status = str(answer.get("id", "")), str(answer.get("status", ""))
            # A layer's progress bar repeats its status many times a second.
            if status and seen.get(layer) != status:
                seen[layer] = status
                self._log(f"{layer}: {status}" if layer else status)
            for line in filter(str.strip, str(answer.get("stream", "")).splitlines()):
                self._log(line)
                if tail is not None:
                    tail.append(line)
            if isinstance(answer.get("aux"), dict):
                yield answer["aux"]
        self._stop_if_cancelled()

    def _stop_if_cancelled(self) -> None:
        if self._stopped.is_set():
            raise CancelledError("cancelled")


def pushed_digest(repository: str, known: Sequence[str]) -> str | None:
    """Of an image's digests in all repositories that it has a name in, the one in this repository."""
    return next((digest for digest in known if digest.rpartition("@")[0] == repository), None)


def _explain(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)

"""The Docker Engine: builds an image, pushes it, and tells what it does, through the `docker` package.

Owns addresses, connections and the engine's answers; knows nothing of Pulumi. Builds go to the engine's
classic builder: the API's BuildKit needs a session, a gRPC service that the engine calls back over a hijacked
connection, which the `docker` package does not have and without which BuildKit cannot log in to a registry.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import docker.types
import docker.utils
import requests
import urllib3.exceptions

from . import references
from .context import BuildContext
from .inputs import ImageInputs

DEFAULT_HOST = "unix:///var/run/docker.sock"
_LOST = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,  # what a connection that breaks within an answer raises
    OSError,
)
_ANSWER_SECONDS = 5
"""How long the engine may take to answer its first question; a longer wait would look like a hang."""
_TAIL_LINES = 20
"""How much of a failed build's output goes into its error, as nothing else of it outlives the update."""


class EngineError(Exception):
    """The engine is out of reach or refused something; the message holds its answer in full."""


class CancelledError(EngineError):
    """The person asked to stop."""


@dataclass(frozen=True)
class Address:
    """Where an engine listens, and which setting said so."""

    host: str
    source: str

    @classmethod
    def choose(cls, configured: str | None, environment: Mapping[str, str]) -> "Address":
        """Prefer the provider's `host`, then DOCKER_HOST, then the standard socket."""
        if configured:
            return cls(configured, "the provider's `host`")
        if environment.get("DOCKER_HOST"):
            return cls(environment["DOCKER_HOST"], "DOCKER_HOST")
        return cls(DEFAULT_HOST, "the default")


class Job:
    """One image's way through the engine; `cancel` ends it from another thread."""

    def __init__(self, address: Address, log: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._address = address
        self._log = log
        self._warn = warn
        self._stopped = threading.Event()
        self._responses: list[requests.Response] = []

    def cancel(self) -> None:
        """Close what is open towards the engine, which ends its builds and pushes when the client leaves."""
        self._stopped.set()
        for response in self._responses:
            try:
                docker.types.CancellableStream(iter(()), response).close()
            except (AttributeError, OSError):
                # The answer has ended meanwhile and its socket is gone.
                continue

    def run(self, image: ImageInputs, *, push: bool) -> str:
        """Build the image and, if asked, push it.

        Returns `repository@sha256:...` as the registry answered the push, or else the local image id.
        Raises EngineError, CancelledError, or ContextError when the context cannot be read.
        """
        client = self._connect()
        try:
            login = self._login(image)
            if login and (push or image.cache_from):
                # Base images may lie in the same registry. `build` takes credentials from nowhere else.
                logins = client._auth_configs  # type: ignore[attr-defined]  # noqa: SLF001
                logins.add_auth(login["serveraddress"], login)
            for name in image.cache_from:
                self._pull_cache(client, name, image, login)
            image_id = self._build(client, image)
            return self._push(client, image, login) if push else image_id
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
            client = docker.APIClient(version="auto", timeout=_ANSWER_SECONDS, **options)
        except (*_LOST, ValueError) as error:
            raise EngineError(
                f"cannot reach a Docker Engine at {self._address.host} (taken from {self._address.source}): "
                f"{_root_cause(error)}. Start the engine there, or name another address: "
                "`pulumi config set dockerHost ADDRESS`, the Docker provider's `host`, or DOCKER_HOST"
            ) from error
        # A build step or a registry may be silent for as long as it likes.
        client.timeout = None  # type: ignore[assignment]  # the stubs forget that None means no limit
        client.hooks["response"].append(self._remember)
        return client

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        self._responses.append(response)

    def _login(self, image: ImageInputs) -> dict[str, str] | None:
        if not (image.username and image.password):
            if image.username or image.password:
                missing, given = ("password", "username") if image.username else ("username", "password")
                self._warn(
                    f"`registry.{given}` is set but `registry.{missing}` is not: "
                    "using the Docker login of this machine instead"
                )
            return None
        server = image.server or references.parse(image.image_name).host
        key = references.credentials_key(server)
        return {"username": image.username, "password": image.password, "serveraddress": key}

    def _pull_cache(
        self, client: docker.APIClient, name: str, image: ImageInputs, login: dict[str, str] | None
    ) -> None:
        reference = references.parse(name)
        self._log(f"pulling {name} for its layers")
        try:
            answers = client.pull(
                reference.repository,
                tag=reference.tag,
                stream=True,
                decode=True,
                auth_config=login,
                platform=image.platform,
            )
            for _ in self._follow(answers):
                pass
        except (EngineError, docker.errors.APIError) as error:
            self._stop_if_cancelled()
            # A cache that is not there yet is the normal first run.
            reason = error if isinstance(error, EngineError) else _explain(error)
            self._warn(f"cannot use {name} as a cache: {reason}")

    def _build(self, client: docker.APIClient, image: ImageInputs) -> str:
        self._log("building the image")
        archive, dockerfile = BuildContext(image.context, image.dockerfile).archive()
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        image_id = ""
        with archive:
            answers = client.build(
                fileobj=archive,
                custom_context=True,
                dockerfile=dockerfile,
                tag=image.image_name,
                platform=image.platform,
                buildargs=dict(image.args),
                target=image.target,
                network_mode=image.network,
                extra_hosts=list(image.add_hosts) or None,
                cache_from=list(image.cache_from) or None,
                rm=True,
                forcerm=True,
                use_config_proxy=False,
                decode=True,
            )
            try:
                for aux in self._follow(answers, tail):
                    image_id = aux.get("ID", image_id)
            except CancelledError:
                raise
            except EngineError as error:
                output = "".join(f"\n  {line}" for line in tail)
                raise EngineError(
                    f"building {image.image_name} failed: {error}; its last output:{output}"
                ) from error
        if not image_id:
            raise EngineError(f"building {image.image_name} ended without an image id in the engine's answer")
        return image_id

    def _push(self, client: docker.APIClient, image: ImageInputs, login: dict[str, str] | None) -> str:
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
        if not digest:
            raise EngineError(f"pushing {image.image_name} ended without a digest in the engine's answer")
        return f"{reference.repository}@{digest}"

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


def _explain(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def _root_cause(error: BaseException) -> str:
    # The libraries wrap "no such file" and "connection refused" five exceptions deep.
    cause = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    if isinstance(cause, TimeoutError):
        return f"no answer within {_ANSWER_SECONDS} seconds"
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)

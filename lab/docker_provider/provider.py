"""The plugin: Pulumi's calls for `docker:index/image:Image`, answered as the official one does.

Kept (read from the sources of the official provider): each command fails without a Docker Engine, a preview and a
removal too; the digest of the context makes a change of content a change of inputs; a change is always an update;
new registry credentials alone are no change; preview builds nothing; `repoDigest` is what the Docker Engine says of
the push, or else of the image; `Read` returns the state as it is and `Delete` leaves images alone. State holds the
inputs as the secret `__inputs`, as the official plugin's does, so either can go on from the other's state.

Different, on purpose: the classic builder instead of BuildKit (see `engine`), so Dockerfile syntax that only
BuildKit knows is refused by the Docker Engine; what this project does not set is refused by name (see `inputs`);
the digest is asked of the registry too where the push did not report it; a failed build shows its last output.
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import grpc.aio  # type: ignore[import-untyped]
from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from . import inputs as rules
from .address import Address, UnreachableError
from .context import DOCKERFILE, BuildContext, ContextError
from .inputs import Plain

if TYPE_CHECKING:
    from .engine import Job

VERSION = "5.2.0"
_IMAGE = "docker:index/image:Image"
_INPUTS = "__inputs"
"""Where the state keeps the inputs of the last build."""

Properties = dict[str, PropertyValue]
T = TypeVar("T")


class ProviderError(Exception):
    """Something that the person can mend; its message reaches them as it is, without a traceback."""


class Log:
    """Pulumi's log for one resource; hides the resource's secrets wherever they turn up."""

    def __init__(self, pulumi_address: str, urn: str, secrets: frozenset[str]) -> None:
        self._pulumi = engine_pb2_grpc.EngineStub(grpc.insecure_channel(pulumi_address))
        self._urn = urn
        # The longest first, so that a secret that holds another one is hidden whole.
        self._secrets = sorted(secrets, key=len, reverse=True)

    def hide(self, message: str) -> str:
        """Put `[secret]` in place of each secret."""
        for secret in self._secrets:
            message = message.replace(secret, "[secret]")
        return message

    def progress(self, message: str) -> None:
        """Show a line while the resource is worked on."""
        line = self.hide(message)
        self._pulumi.Log(
            engine_pb2.LogRequest(severity=engine_pb2.INFO, message=line, urn=self._urn, ephemeral=True)
        )


class DockerProvider(api.Provider):
    """Answers for the one resource, with one Docker Engine per configured provider."""

    def __init__(self, pulumi_address: str) -> None:
        self._pulumi_address = pulumi_address
        self._address = Address.choose(None, os.environ)
        self._jobs: set[Job] = set()

    async def get_schema(self, request: api.GetSchemaRequest) -> api.GetSchemaResponse:  # noqa: ARG002
        """Refuse: the SDK that goes with the official plugin is generated already."""
        raise ProviderError("the lab's stand-in for the Docker provider holds no schema")

    async def check_config(self, request: api.CheckRequest) -> api.CheckResponse:
        """Refuse what this plugin would silently ignore."""
        failures = rules.check_provider(plain_map(request.new_inputs))
        return api.CheckResponse(request.new_inputs, _failures(failures))

    async def diff_config(self, request: api.DiffRequest) -> api.DiffResponse:  # noqa: ARG002
        """Leave the comparison to Pulumi; another Docker Engine replaces nothing."""
        # No `changes`: the SDK hands a bool to a field in which 1 means "none".
        return api.DiffResponse()

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        """Take the Docker Engine's address, and fail unless one answers there, as the official plugin does."""
        host = plain_map(request.args).get("host")
        known = host if isinstance(host, str) and host != rules.UNKNOWN else None
        self._address = Address.choose(known, os.environ)
        try:
            await asyncio.to_thread(self._address.ping)
        except UnreachableError as error:
            # In the words of the official plugin, which go on in those of the error.
            text = f"docker native provider returned an unexpected error from Configure: {error}"
            raise ProviderError(text) from error
        return api.ConfigureResponse(
            accept_secrets=True, supports_preview=True, accept_resources=False, accept_outputs=False
        )

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        """Judge the inputs and fill in the digest of the context."""
        _expect_image(request.type)
        log = self._log(request.urn, request.new_inputs)
        given = plain_map(request.new_inputs)
        failures = rules.check_image(given)
        if failures:
            return api.CheckResponse(request.new_inputs, _failures([log.hide(reason) for reason in failures]))
        build = given.get("build")
        context = build.get("context", rules.UNKNOWN) if isinstance(build, Mapping) else rules.UNKNOWN
        own = request.new_inputs["build"]
        if context == rules.UNKNOWN or not isinstance(own.value, Mapping):
            return api.CheckResponse(request.new_inputs)
        try:
            digest = await asyncio.to_thread(BuildContext(Path(str(context))).digest)
        except ContextError as error:
            return api.CheckResponse(request.new_inputs, _failures([str(error)]))
        # Older states hold the Dockerfile's path: without it the next update would build again.
        # The program's own values stay as they are, for they may be secret.
        whole = {
            **without_nulls(own.value),
            "dockerfile": PropertyValue(os.path.normpath(Path(str(context), DOCKERFILE))),
            rules.DIGEST_KEY: PropertyValue(digest),
        }
        return api.CheckResponse({**without_nulls(request.new_inputs), "build": own.with_value(whole)})

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        """Compare the inputs of the last build with the new ones; each difference is an update."""
        old = plain(request.old_state.get(_INPUTS, PropertyValue({})))
        return diff_inputs(old if isinstance(old, Mapping) else {}, plain_map(request.new_inputs))

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        """Build and push, or in preview show what is known."""
        if request.preview:
            return api.CreateResponse(None, request.properties)
        state = await self._build(request.urn, request.properties)
        return api.CreateResponse(str(plain(request.properties["imageName"])), state)

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        """Build and push again, as for a new image."""
        if request.preview:
            return api.UpdateResponse(request.news)
        return api.UpdateResponse(await self._build(request.urn, request.news))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        """Return the state unchanged."""
        return api.ReadResponse(request.resource_id, request.properties, request.inputs)

    async def delete(self, request: api.DeleteRequest) -> None:
        """Leave the image where it is, in the Docker Engine and in the registry."""

    async def cancel(self) -> None:
        """End each build and push that is under way."""
        for job in list(self._jobs):
            job.cancel()

    async def _build(self, urn: str, properties: Properties) -> Properties:
        # Not at the top: a preview or an update without changes never needs it, and it costs a third of
        # the time that this plugin takes to start.
        from .engine import EngineError, Job  # noqa: PLC0415

        image = rules.read_image(plain_map(properties))
        log = self._log(urn, properties)
        job = Job(self._address, log.progress)
        self._jobs.add(job)
        try:
            digest = await asyncio.to_thread(job.run, image)
        except (EngineError, ContextError, UnreachableError) as error:
            raise ProviderError(log.hide(str(error))) from error
        finally:
            self._jobs.discard(job)
        # Each output with the input that it comes from: a secret stays one.
        outputs = {
            "baseImageName": (image.image_name, ("imageName",)),
            "context": (str(image.context), ("build", "context")),
            "dockerfile": (DOCKERFILE, ("build", "context")),
            "imageName": (image.image_name, ("imageName",)),
            "platform": (image.platform, ("build", "platform")),
            "registryServer": (image.server, ("registry", "server")),
            "repoDigest": (digest, ("imageName",)),
        }
        state = {
            key: PropertyValue(value, is_secret=is_secret(properties, source))
            for key, (value, source) in outputs.items()
        }
        return {**state, _INPUTS: PropertyValue(properties, is_secret=True)}

    def _log(self, urn: str, properties: Properties) -> Log:
        return Log(self._pulumi_address, urn, self._secret_leaves(properties))

    @staticmethod
    def _secret_leaves(properties: Properties) -> frozenset[str]:
        found = set(secret_texts(PropertyValue(properties)))
        registry = plain(properties.get("registry", PropertyValue(None)))
        if isinstance(registry, Mapping) and isinstance(registry.get("password"), str):
            # A password is one even where the program forgot to say so.
            found.add(str(registry["password"]))
        return frozenset(found - {"", rules.UNKNOWN})


def plain(value: PropertyValue) -> Plain:
    """Take the wrapping off a property value; nulls inside an object are left out."""
    inner: Any = value.value
    if isinstance(inner, Mapping):
        return plain_map(inner)
    if isinstance(inner, tuple):
        return [plain(item) for item in inner]
    return inner if isinstance(inner, bool | float | str) else None


def plain_map(values: Mapping[str, PropertyValue]) -> dict[str, Plain]:
    """Take the wrapping off an object's values."""
    return {key: plain(value) for key, value in without_nulls(values).items()}


def without_nulls(values: Mapping[str, PropertyValue]) -> Properties:
    """Leave out the keys that hold nothing, which is how a program says that an option is not set."""
    return {key: value for key, value in values.items() if value.value is not None}


def is_secret(properties: Mapping[str, PropertyValue], path: tuple[str, ...]) -> bool:
    """Say whether the value at a path of keys is secret, by itself or through what holds it."""
    found = properties.get(path[0], PropertyValue(None))
    if found.is_secret or len(path) == 1:
        return found.is_secret
    return isinstance(found.value, Mapping) and is_secret(found.value, path[1:])


def secret_texts(value: PropertyValue, *, inherited: bool = False) -> Iterator[str]:
    """Find each text that is secret, by itself or through what holds it."""
    secret = inherited or value.is_secret
    inner: Any = value.value
    if isinstance(inner, str) and secret:
        yield inner
    children = inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, tuple) else ()
    for child in children:
        yield from secret_texts(child, inherited=secret)


def diff_inputs(old: Mapping[str, Plain], new: Mapping[str, Plain]) -> api.DiffResponse:
    """Compare two sets of plain inputs, credentials of the registry aside."""

    def counted(key: str, value: Plain) -> Plain:
        if key != "registry" or not isinstance(value, Mapping):
            return value
        return {part: item for part, item in value.items() if part not in {"username", "password"}}

    kinds = {
        (True, True): api.PropertyDiffKind.UPDATE,
        (True, False): api.PropertyDiffKind.DELETE,
        (False, True): api.PropertyDiffKind.ADD,
    }
    changed = [
        key
        for key in sorted({*old, *new})
        if (key in old) != (key in new) or counted(key, old[key]) != counted(key, new[key])
    ]
    return api.DiffResponse(
        changes=bool(changed),
        diffs=changed,
        detailed_diff={key: api.PropertyDiff(kinds[key in old, key in new], input_diff=True) for key in changed},
    )


def _failures(reasons: list[str]) -> list[api.CheckFailure]:
    # No property beside the reason: Pulumi would print its value, be it a password.
    return [api.CheckFailure("", reason) for reason in reasons]


def _expect_image(resource_type: str) -> None:
    # The SDK takes the type from the URN, where a component's child carries its parents' types in front.
    if resource_type.rpartition("$")[2] != _IMAGE:
        raise ProviderError(
            f"the lab's stand-in for the Docker provider has no {resource_type}, only {_IMAGE}; "
            "run where the official plugin can be downloaded"
        )


class Servicer(ProviderServicer):
    """The SDK's servicer, which shows the person a ProviderError's message instead of a Python traceback."""

    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802  # gRPC names and types
        """Answer a configuration."""
        return await _or_abort(super().Configure, request, context)

    async def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802  # gRPC names and types
        """Answer a check of the provider's configuration."""
        return await _or_abort(super().CheckConfig, request, context)

    async def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Answer a request for the schema."""
        return await _or_abort(super().GetSchema, request, context)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Answer a check of inputs."""
        return await _or_abort(super().Check, request, context)

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Answer a creation."""
        return await _or_abort(super().Create, request, context)

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Answer an update."""
        return await _or_abort(super().Update, request, context)


async def _or_abort(call: Callable[[Any, Any], Awaitable[T]], request: object, context: Any) -> T:  # noqa: ANN401
    try:
        return await call(request, context)
    except Exception as wrapped:
        # The SDK replaces what was raised by an Exception whose text is a traceback, and keeps it as context.
        if isinstance(wrapped.__context__, ProviderError):
            await _abort(context, str(wrapped.__context__))
        raise


async def _abort(context: Any, message: str) -> NoReturn:  # noqa: ANN401
    # Not UNKNOWN, gRPC's default: after that Pulumi believes that the image may half exist, and
    # asks for a repair of the state before the next update.
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
    raise AssertionError("abort always raises")


def serve() -> None:
    """Run the plugin: print the port that it listens on, then answer until Pulumi ends it."""
    parser = argparse.ArgumentParser(prog="pulumi-resource-docker")
    parser.add_argument("pulumi", help="address of the Pulumi that asks")
    pulumi_address: str = parser.parse_known_args()[0].pulumi

    provider, parent = DockerProvider(pulumi_address), os.getppid()

    async def run() -> None:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        servicer = Servicer([], VERSION, provider, pulumi_address)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        try:
            # A Pulumi that was killed asks nothing any more and would leave this plugin behind.
            while os.getppid() == parent:
                await server.wait_for_termination(timeout=1)
        finally:
            await provider.cancel()
            await server.stop(grace=None)

    # An interrupt is how Pulumi ends a plugin that it no longer needs.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
    # Pulumi waits for the end of a plugin, and the interpreter would first take every module apart.
    os._exit(0)

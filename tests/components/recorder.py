"""A stand-in for Pulumi that keeps what a program registers, in the form in which Pulumi receives it.

Owns the recording and the few outputs that the program reads back. Leaves alone what providers do: it adds no
defaults and checks no schema, so that only what the program itself said can be asserted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]  # no stubs
from pulumi.runtime import mocks, rpc, settings, stack
from pulumi.runtime.proto import resource_pb2

PROJECT: Final = "private-registry"
STACK: Final = "dev"
DIGEST: Final = "sha256:" + "0123456789abcdef" * 4
"""Of every image that a program pushes."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that Pulumi was told to keep secret."""

    value: Any


@dataclass(slots=True)
class Registration:
    """One resource, as registered."""

    type: str
    name: str
    urn: str
    parent: str
    """URN of the parent; empty for the stack itself."""
    inputs: dict[str, Any]
    """As the provider names them; `Secret` around what is secret, `rpc.UNKNOWN` for what is not known yet."""
    request: resource_pb2.RegisterResourceRequest = field(repr=False)
    """All else, such as the resource's options."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """What a component or the stack said of itself at its end."""


class _NoMocks(pulumi.runtime.Mocks):
    """Refuses what the program has no reason to do: call a provider's functions, or read foreign resources."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program called {args.token}")

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(f"the program read {args.typ} {args.name}")


class _Engine(mocks.MockEngine):
    """Answers as a Pulumi that is new enough."""

    def RequirePulumiVersion(self, _: object) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's own name
        return empty_pb2.Empty()


class Recorder(mocks.MockMonitor):
    """Runs one program and keeps its registrations."""

    def __init__(self, *, preview: bool = False, stashed: Mapping[str, Any] | None = None) -> None:
        """`stashed` is what an earlier run has left in Stashes, by name; without it, this is the first run."""
        super().__init__(_NoMocks())
        self._preview = preview
        self.stashed: Mapping[str, Any] = stashed or {}
        self._registrations: dict[str, Registration] = {}

    def run(self, program: Callable[[], object]) -> None:
        """Run the program to its end, in an event loop and with runtime settings that no other run sees."""

        async def main() -> None:
            # Not set_mocks: it declares a stack whose outputs are registered before the program has begun.
            settings.configure(
                settings.Settings(
                    monitor=self,
                    engine=_Engine(logging.getLogger("pulumi")),
                    project=PROJECT,
                    stack=STACK,
                    organization="organization",
                    dry_run=self._preview,
                )
            )
            await stack.run_in_stack(declare)

        def declare() -> None:
            program()

        asyncio.run(main())

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registrations.values())

    def all(self, type_: str) -> dict[str, Registration]:
        """Give all registrations of a type by name."""
        return {item.name: item for item in self if item.type == type_}

    def one(self, type_: str, name: str | None = None) -> Registration:
        """Give the only registration of a type, or the one with this name."""
        [found] = [item for item in self if item.type == type_ and name in {None, item.name}]
        return found

    def awaited(self, item: Registration) -> set[str]:
        """Give the URNs of all that has to be there before a resource, directly or by way of others."""
        found: set[str] = set()
        left = list(item.request.dependencies)
        while left:
            urn = left.pop()
            if urn not in found:
                found.add(urn)
                left += self._registrations[urn].request.dependencies
        return found

    def tree(self) -> str:
        """Draw who is whose child: a line each, type and name, indented by depth and sorted."""

        def lines(parent: str, depth: int) -> Iterator[str]:
            for item in sorted(self, key=lambda item: (item.type, item.name)):
                if item.parent == parent:
                    yield f"{'  ' * depth}{item.type} {item.name}\n"
                    yield from lines(item.urn, depth + 1)

        return "".join(lines("", 0))

    def RegisterResource(  # noqa: N802 - Pulumi's own name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Keep a registration and answer it."""
        urn = str(self.make_urn(request.parent, request.type, request.name))
        if urn in self._registrations:
            # As Pulumi does; a dict alone would hide one of the two.
            raise AssertionError(f"registered twice: {urn}")
        wire = json_format.MessageToDict(request.object)
        self._registrations[urn] = Registration(
            request.type, request.name, urn, request.parent, _decoded(wire), request
        )
        state = struct_pb2.Struct()
        state.update({**wire, **self._computed(request, wire)})
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id", object=state)

    def RegisterResourceOutputs(  # noqa: N802 - Pulumi's own name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        """Keep the outputs of a component or of the stack."""
        self._registrations[request.urn].outputs = _decoded(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()

    def _computed(self, request: resource_pb2.RegisterResourceRequest, wire: dict[str, Any]) -> dict[str, Any]:
        """Give the outputs that a provider adds and the program reads."""
        if request.type == "pulumi:index:Stash":
            # Pulumi keeps the first input as the output, secret as it was.
            given = wire["input"]
            if request.name in self.stashed:
                kept = self.stashed[request.name]
                given = {**given, "value": kept} if rpc.is_rpc_secret(given) else kept
            return {"output": given}
        if request.type == "docker:index/image:Image" and not self._preview:
            return {"repoDigest": f"{wire['imageName'].rpartition(':')[0]}@{DIGEST}"}
        return {}


def without_secrets(value: object) -> str:
    """Write as text what of a value Pulumi would keep and show in clear."""
    return json.dumps(value, default=lambda _: "[secret]", ensure_ascii=False)


def with_secrets(value: object) -> str:
    """Write all of a value as text."""
    return json.dumps(value, default=lambda secret: secret.value, ensure_ascii=False)


def _decoded(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    if rpc.is_rpc_secret(value):
        return Secret(_decoded(value["value"]))
    if isinstance(value, Mapping):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value

"""The Kubernetes provider as it is from 4.29 on: a creation fails where an object of that name exists.

The lab has 4.25, which takes such an object over. This runs in its place and hands every call on to it, but for the
creation of what the cluster has already: that ends with the API server's words, as a client's create would.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc  # type: ignore[import-untyped]  # no stubs
import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]  # no stubs
from pulumi.runtime.proto import provider_pb2

PROGRAM: Final = "pulumi-resource-kubernetes"
VERSION: Final = "4.25.0"
_CREATE: Final = "/pulumirpc.ResourceProvider/Create"
_OPTIONS: Final = [("grpc.max_receive_message_length", 2**28), ("grpc.max_send_message_length", 2**28)]


def use(project: Path) -> None:
    """Have a project's stacks run it in place of the plugin."""
    folder = project / "creating-provider"
    folder.mkdir()
    launcher = folder / PROGRAM
    command = shlex.join([sys.executable, str(Path(__file__).resolve())])
    launcher.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    launcher.chmod(0o755)
    file = project / "Pulumi.yaml"
    manifest = yaml.safe_load(file.read_text())
    manifest["plugins"] = {"providers": [{"name": "kubernetes", "path": folder.name, "version": VERSION}]}
    file.write_text(yaml.safe_dump(manifest, sort_keys=False))


class _Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # no stubs
    """Hands each call on as bytes."""

    def __init__(self, port: str) -> None:
        self._provider = grpc.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)

    def service(self, details: Any) -> Any:  # noqa: ANN401 - no stubs
        """Give the handler of a method."""
        call = self._provider.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: _answer(details.method, call, request, context)
        )


def _answer(method: str, call: Callable[..., bytes], request: bytes, context: Any) -> bytes:  # noqa: ANN401 - no stubs
    if method == _CREATE and (taken := _taken(provider_pb2.CreateRequest.FromString(request))):
        context.abort(grpc.StatusCode.UNKNOWN, taken)
    try:
        return call(request, metadata=context.invocation_metadata())
    except grpc.RpcError as error:
        # The details of a partial failure are among the metadata.
        context.set_trailing_metadata(error.trailing_metadata())
        context.abort(error.code(), error.details())
        raise


def _taken(request: provider_pb2.CreateRequest) -> str:
    """Word the refusal if there is such an object; a dry run passes, as with 4.29."""
    # A patch is for what is there.
    if request.preview or "Patch::" in request.urn:
        return ""
    wanted = json_format.MessageToDict(request.properties)
    kind, metadata = wanted["kind"].lower(), wanted["metadata"]
    command = ["kubectl", "get", kind, metadata["name"], "--namespace", metadata["namespace"], "--ignore-not-found"]
    if not subprocess.run([*command, "--output=name"], capture_output=True, text=True, check=True).stdout:
        return ""
    return (
        f'resource "{request.urn}" was not successfully created by the Kubernetes API server: '
        f'{kind}s "{metadata["name"]}" already exists'
    )


def main() -> None:
    """Start the provider, serve in its place, and end with it."""
    plugins = Path(os.environ["PULUMI_HOME"]) / "plugins" / f"resource-kubernetes-v{VERSION}"
    provider = subprocess.Popen([plugins / PROGRAM, *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
    assert provider.stdout is not None
    server = grpc.server(ThreadPoolExecutor(32), options=_OPTIONS)
    server.add_generic_rpc_handlers([_Proxy(provider.stdout.readline().strip())])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while provider.poll() is None:
        time.sleep(0.2)


if __name__ == "__main__":
    main()

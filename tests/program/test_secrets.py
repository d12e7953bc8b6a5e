"""No secret leaves the program in clear: not in inputs, options, outputs or messages."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from pulumi.runtime.proto import resource_pb2

from tests.components.recorder import Recorder, Secret, with_secrets, without_secrets
from tests.program.dev_stack import CANARY, TOKEN, Dev


def options(request: resource_pb2.RegisterResourceRequest) -> str:
    """Give all of a registration but its inputs."""
    rest = resource_pb2.RegisterResourceRequest()
    rest.CopyFrom(request)
    rest.ClearField("object")
    return str(rest)


def shown(recorder: Recorder) -> str:
    """Give all that Pulumi would keep and show in clear."""
    return "\n".join(without_secrets([item.inputs, item.outputs]) + options(item.request) for item in recorder)


def everything(recorder: Recorder) -> str:
    """Give all that reached Pulumi."""
    return "\n".join(with_secrets([item.inputs, item.outputs]) for item in recorder)


def secrets(recorder: Recorder) -> dict[str, str]:
    """Give each text that has to stay secret, by what it is."""
    kept = {
        item.name: item.inputs["stringData"].value for item in recorder.all("kubernetes:core/v1:Secret").values()
    }
    stashed = {
        item.name: item.inputs["input"].value
        for item in recorder.all("pulumi:index:Stash").values()
        if isinstance(item.inputs["input"], Secret)
    }
    return {
        "password": CANARY,
        "login": base64.b64encode(f"test:{CANARY}".encode()).decode(),
        "hash": kept["registry-htpasswd"]["htpasswd"].strip().partition(":")[2],
        "upload key": json.loads(kept["registry-config"]["config.yml"])["http"]["secret"],
        "seed": stashed["registry-seed"],
        # The lines of PEM are kept as they are, whatever escapes the line ends.
        "CA's key": stashed["registry-ca-1"]["key"].splitlines()[1],
        "certificate's key": kept["registry-tls"]["tls.key"].splitlines()[1],
        "token": TOKEN,
    }


@pytest.mark.parametrize("removed", ["false", "true"])
@pytest.mark.parametrize("preview", [False, True])
def test_c47_nothing_shows_a_secret(
    dev: Dev, caplog: pytest.LogCaptureFixture, *, preview: bool, removed: str
) -> None:
    """Whether a stack comes up, is previewed or gives up its data."""
    with caplog.at_level(logging.DEBUG, logger="pulumi"):
        recorder = dev(preview=preview, removeData=removed)
    text = shown(recorder) + caplog.text

    assert "192.168.99.100" in text
    assert [name for name, value in secrets(recorder).items() if value in text] == []


def test_each_secret_is_there_to_be_found(dev: Dev) -> None:
    """The search above is for what really reaches Pulumi."""
    recorder = dev()
    text = everything(recorder)

    assert [name for name, value in secrets(recorder).items() if value not in text] == []


@pytest.mark.parametrize("preview", [False, True])
def test_c49_no_text_of_an_output_object(dev: Dev, *, preview: bool) -> None:
    """Pulumi's warning stands where an Output was put into a Python string."""
    assert "__str__ on an Output" not in everything(dev(preview=preview))

"""What is declared otherwise where the registry lost the image; that it helps, live tests show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pytest

from components.proof.lookup import NoAnswer
from components.proof.stored_image import PUSHED_AGAIN, StoredImage
from components.server.registry_server import RESTARTED
from components.stack_configuration import compose
from tests.components.declaration import IMAGE, NEEDED
from tests.components.recorder import Recorder

BUILD = {"context": "test-image", "args": {"BOUND_TO": "0123"}}
SPEC = {"replicas": 1, "template": {"metadata": {"annotations": {"a": "b"}}, "spec": {"containers": []}}}
Result = pulumi.ResourceTransformResult | None


@dataclass
class Registry:
    """What the registry answers."""

    digest: str | None = "sha256:1"
    """Empty if it has no image, None if it cannot be asked."""
    can_store: bool = True


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry that has the image, until the test says otherwise."""
    state = Registry()

    async def lookup(_: StoredImage, reference: str) -> str:
        assert reference == "test_1.0"
        if state.digest is None:
            raise NoAnswer("nobody listens")
        return state.digest

    async def can_store(_: StoredImage) -> bool:
        return state.can_store

    monkeypatch.setattr(StoredImage, "_lookup", lookup)
    monkeypatch.setattr(StoredImage, "_can_store", can_store)
    return state


def transformed(
    transform: Callable[[StoredImage, pulumi.ResourceTransformArgs], Awaitable[Result]],
    props: dict[str, Any],
    *,
    preview: bool = False,
) -> tuple[dict[str, Any], pulumi.ResourceOptions] | None:
    """Let a transform work on a resource with these properties, and give what it makes of them."""
    results: list[tuple[dict[str, Any], pulumi.ResourceOptions] | None] = []

    def program() -> None:
        settings = compose(NEEDED)
        image = settings.proof.image(())
        stored = StoredImage(
            image, settings.exposure, settings.tls, settings.access, settings.access.accounts({}), "CA"
        )
        opts = pulumi.ResourceOptions(ignore_changes=["kept"], protect=True)
        args = pulumi.ResourceTransformArgs(custom=True, type_=IMAGE, name="x", props=props, opts=opts)

        async def run() -> bool:
            result = await transform(stored, args)
            known = await pulumi.Output.from_input(dict(result.props)).future() if result else None
            results.append((known, result.opts) if result and known else None)
            return True

        # A program waits for its outputs.
        pulumi.export("done", pulumi.Output.from_input(run()))

    Recorder(preview=preview).run(program)
    [found] = results
    return found


def test_f2_a_lost_image_is_replaced_by_another_input(registry: Registry) -> None:
    """And by nothing that the image is made of. Its Pods go with what is replaced."""
    registry.digest = ""
    found = transformed(StoredImage.push_again, {"build": BUILD, "imageName": "a"})
    again = transformed(StoredImage.push_again, {"build": BUILD, "imageName": "a"})

    assert found
    assert again
    props, opts = found
    nonce = props["build"]["args"].pop(PUSHED_AGAIN)
    assert nonce != again[0]["build"]["args"][PUSHED_AGAIN]
    assert props == {"build": BUILD, "imageName": "a"}
    assert (opts.ignore_changes, opts.replace_on_changes, opts.protect) == ([], ["build"], True)


def test_f2_a_registry_that_can_store_nothing_is_started_anew(registry: Registry) -> None:
    """Its Pods get another annotation, and keep the others."""
    registry.digest, registry.can_store = "", False
    found = transformed(StoredImage.restart_registry, {"spec": SPEC})

    assert found
    props, opts = found
    assert props["spec"]["template"]["metadata"]["annotations"].pop(RESTARTED)
    assert props == {"spec": SPEC}
    assert (opts.ignore_changes, opts.protect) == ([], True)


def test_f2_a_registry_that_only_lost_the_image_goes_on(registry: Registry) -> None:
    """Nobody's push or pull is cut off for it."""
    registry.digest = ""

    assert transformed(StoredImage.restart_registry, {"spec": SPEC}) is None


@pytest.mark.parametrize("digest", ["sha256:1", None])
def test_f2_nothing_changes_while_the_image_is_there_or_nobody_answers(
    registry: Registry, digest: str | None
) -> None:
    """A registry out of this machine's reach may have everything."""
    registry.digest, registry.can_store = digest, False

    assert transformed(StoredImage.push_again, {"build": BUILD}) is None
    assert transformed(StoredImage.restart_registry, {"spec": SPEC}) is None


def test_f2_a_preview_changes_nothing(registry: Registry) -> None:
    """It asks nobody."""
    registry.digest, registry.can_store = "", False

    assert transformed(StoredImage.push_again, {"build": BUILD}, preview=True) is None
    assert transformed(StoredImage.restart_registry, {"spec": SPEC}, preview=True) is None

"""Changed rights hold when `up` ends, or it says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import pulumi
import pytest

from components.cluster.kubectl import KubectlError
from components.server import takeover

VERSION: Final = "0123456789abcdef"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told on the way."""
    texts: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, *_, **__: texts.append(text))
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_, **__: texts.append(text))
    monkeypatch.setattr(takeover, "_EACH", 0.01)
    return texts


@pytest.fixture(autouse=True)
def _up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An `up`, and no preview."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)


def wait(ask: Callable[[Sequence[str]], str] | None, within: int = 5) -> None:
    """Wait for this version."""
    resource: Any = None
    asyncio.run(takeover.taken_over(ask, "registry", "images", VERSION, within, resource))


def test_it_is_waited_for_until_the_door_has_them(said: list[str]) -> None:
    """One line tells of it, however often is asked."""
    answers = iter(["old\n", "old\n", f"{VERSION}\n"])
    wait(lambda _: next(answers))

    assert said == ["the rights have changed: waiting until the node brings them to the door"]
    assert next(answers, None) is None


def test_what_holds_already_is_not_told_of(said: list[str]) -> None:
    """As with each `up` without changes."""
    asked: list[Sequence[str]] = []

    def ask(words: Sequence[str]) -> str:
        asked.append(words)
        return VERSION

    wait(ask)

    assert said == []
    assert [" ".join(words) for words in asked] == [
        "exec deployment/registry --namespace=images --container=door -- cat /run/door/version"
    ]


@pytest.mark.usefixtures("said")
def test_rights_that_do_not_come_end_the_up_with_an_error() -> None:
    """Else those who have lost a right would keep it, and nobody would know."""
    with pytest.raises(pulumi.RunError) as failed:
        wait(lambda _: "old", within=0)

    assert "the registry still goes by those before" in str(failed.value)
    assert "`kubectl rollout restart deployment/registry --namespace=images` ends it" in str(failed.value)


def test_an_account_that_may_not_ask_is_told_so(said: list[str]) -> None:
    """They come by themselves."""

    def forbidden(_: Sequence[str]) -> str:
        raise KubectlError("pods is forbidden")

    wait(forbidden)

    assert len(said) == 1
    assert "whether changed rights hold is not known, they do within two minutes: pods is forbidden" in said[0]


def test_without_a_cluster_to_ask_nothing_is_waited_for(said: list[str]) -> None:
    """As in another program."""
    wait(None)

    assert said == []

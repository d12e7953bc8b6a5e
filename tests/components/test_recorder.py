"""The recorder itself: what the other tests rely on."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from tests.components.recorder import Recorder, Secret, with_secrets, without_secrets


def pod_with(value: pulumi.Input[str]) -> None:
    """Declare a Pod with a value deep inside."""
    kubernetes.core.v1.Pod("pod", metadata={"annotations": {"a": value}}, spec={"containers": [{"name": "c"}]})


def test_secret_deep_inside_is_seen_as_one() -> None:
    """And stays out of the text that Pulumi would show."""
    recorder = Recorder()
    recorder.run(lambda: pod_with(pulumi.Output.secret("canary")))
    metadata = recorder.one("kubernetes:core/v1:Pod").inputs["metadata"]

    assert metadata == {"annotations": {"a": Secret("canary")}}
    assert "canary" not in without_secrets(metadata)
    assert "canary" in with_secrets(metadata)


def test_value_in_clear_is_seen_in_clear() -> None:
    """Else no search for a canary could fail."""
    recorder = Recorder()
    recorder.run(lambda: pod_with("canary"))

    assert "canary" in without_secrets(recorder.one("kubernetes:core/v1:Pod").inputs)


def test_name_used_twice_is_refused() -> None:
    """As by Pulumi."""

    def twice() -> None:
        pod_with("a")
        pod_with("b")

    with pytest.raises(Exception, match="registered twice"):
        Recorder().run(twice)


def test_what_is_awaited_by_way_of_others_is_seen() -> None:
    """And nothing that merely stands beside it."""

    def chain() -> None:
        first, _beside = (pulumi.Stash(name, input="x") for name in ("first", "beside"))
        second = pulumi.Stash("second", input="x", opts=pulumi.ResourceOptions(depends_on=[first]))
        pulumi.Stash("third", input=second.output)

    recorder = Recorder()
    recorder.run(chain)
    first, second, third = (recorder.one("pulumi:index:Stash", name) for name in ("first", "second", "third"))

    assert recorder.awaited(third) == {first.urn, second.urn}
    assert recorder.awaited(first) == set()


def test_programs_error_reaches_the_test() -> None:
    """Also one that is raised late, when an output has its value."""

    def late() -> None:
        pulumi.Output.from_input("x").apply(lambda _: pytest.fail("raised in apply"))

    with pytest.raises(pytest.fail.Exception, match="raised in apply"):
        Recorder().run(late)


def test_runs_do_not_see_each_other() -> None:
    """Each has its own event loop and its own runtime settings."""
    first, second = Recorder(), Recorder()
    first.run(lambda: pod_with("first"))
    second.run(lambda: pod_with("second"))

    assert len(list(first)) == len(list(second)) == 2
    assert pulumi.get_stack() == "stack"

"""Secrets that another program gives as Outputs: used as texts are, and checked when they are known."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from components.private_registry import PrivateRegistry
from components.stack_configuration import compose
from tests.authority import NOW, Authority
from tests.components.declaration import IMAGE, KEPT, NEEDED, PASSWORD, SECRET, declared
from tests.components.recorder import Recorder, Secret, with_secrets, without_secrets

SHORT = "canary"
"""A password that is refused."""

AUTHORITY = Authority()
PAIR = AUTHORITY.issue("10.0.0.5")


def declared_with(values: Callable[[], dict[str, Any]], *, preview: bool = False) -> Recorder:
    """Declare a registry with values that are made in the program, as Outputs are."""
    recorder = Recorder(preview=preview, stashed=KEPT)
    recorder.run(lambda: PrivateRegistry("registry", compose({**NEEDED, **values()}), now=NOW + timedelta(days=1)))
    return recorder


def secret(text: str) -> pulumi.Output[str]:
    """As `config.require_secret` gives it."""
    return pulumi.Output.secret(text)


def plain(text: str) -> pulumi.Output[str]:
    """As a resource gives it that does not know what is secret."""
    return pulumi.Output.from_input(text)


async def later(text: str) -> str:
    """As a coroutine gives it."""
    return text


def provided(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    """A certificate that is made elsewhere."""
    files = {"tls_certificate": PAIR.certificate, "tls_key": PAIR.key, "tls_ca": AUTHORITY.pem}
    return {"tls": "provided", **files, **values}


@pytest.mark.parametrize("form", [secret, plain, later])
def test_f3_a_password_as_an_output_is_used_as_its_text(form: Callable[[str], Any]) -> None:
    """In every object, and secret in each, whether the program said so or not."""
    expected, recorder = declared(), declared_with(lambda: {"password": form(PASSWORD)})

    for type_ in (SECRET, IMAGE):
        assert {name: item.inputs for name, item in recorder.all(type_).items()} == {
            name: item.inputs for name, item in expected.all(type_).items()
        }
    assert recorder.one(IMAGE).inputs["registry"]["password"] == Secret(PASSWORD)
    assert all(json.dumps(PASSWORD)[1:-1] not in without_secrets(item.inputs) for item in recorder)


def test_f3_the_word_for_a_generated_password_is_no_password() -> None:
    """In an Output it is seen too late to make one."""
    with pytest.raises(pulumi.RunError, match="password must be the text generated itself, and no Output of it"):
        declared_with(lambda: {"password": secret("generated"), "development": True})


@pytest.mark.parametrize("form", [secret, plain, later])
def test_f3_passwords_of_users_as_outputs_are_used_as_their_texts(form: Callable[[str], Any]) -> None:
    """Beside others that are texts."""
    texts = {"alice": "a password of alice", "bob": "a password of bob"}
    expected = declared(users=texts)
    recorder = declared_with(lambda: {"users": {**texts, "alice": form(texts["alice"])}})

    assert recorder.one(SECRET, "registry-htpasswd").inputs == expected.one(SECRET, "registry-htpasswd").inputs


@pytest.mark.parametrize("form", [secret, plain, later])
def test_f3_certificate_and_key_as_outputs_are_served(form: Callable[[str], Any]) -> None:
    """Together or one of them."""
    expected = declared(**provided())
    for keys in (["tls_key"], ["tls_certificate", "tls_key"]):

        def values(keys: list[str] = keys) -> dict[str, Any]:
            given = provided()
            return {**given, **{key: form(given[key]) for key in keys}}

        recorder = declared_with(values)

        assert recorder.one(SECRET, "registry-tls").inputs == expected.one(SECRET, "registry-tls").inputs


def refused(values: Callable[[], dict[str, Any]]) -> str:
    """The message for what is refused once it is known."""
    with pytest.raises(pulumi.RunError) as raised:
        declared_with(values)
    # Of a plain RunError Pulumi shows the text alone.
    assert type(raised.value) is pulumi.RunError
    return str(raised.value)


@pytest.mark.parametrize("form", [secret, plain, later])
def test_f3_a_bad_password_as_an_output_is_refused_by_its_key(
    form: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Its value is nowhere in the message."""
    with caplog.at_level(logging.DEBUG):
        message = refused(lambda: {"password": form(SHORT), "users": {"alice": form("a\nb canary canary")}})

    assert message == (
        "The settings cannot work:\n"
        "  private-registry:password must be at least 12 bytes outside development, got 6; "
        "fix: `pulumi config set --secret password`\n"
        '  private-registry:users["alice"] must not contain control characters such as a line break; '
        "fix: `pulumi config set --secret --path 'users[\"alice\"]'`"
    )
    assert "canary" not in message + caplog.text


@pytest.mark.parametrize("form", [secret, plain, later])
@pytest.mark.parametrize("key", ["canary", "", Authority().issue("10.0.0.5").key])
def test_f3_a_bad_key_as_an_output_is_refused_by_its_key(form: Callable[[str], Any], key: str) -> None:
    """Neither a text that is no key nor the key of another certificate is served, and neither is shown."""
    message = refused(lambda: provided(tls_key=form(key)))

    assert "private-registry:tlsKey must " in message
    assert "canary" not in message
    assert "PRIVATE KEY" not in message


def test_f3_a_password_that_a_preview_does_not_know_is_left_for_the_update() -> None:
    """Another resource makes it in the same update; the preview shows what waits for it."""

    def values() -> dict[str, Any]:
        unknown = pulumi.Output.from_input(pulumi.UNKNOWN)
        return {"password": unknown, "users": {"alice": unknown}}

    recorder = declared_with(values, preview=True)

    assert rpc.UNKNOWN in with_secrets(recorder.one(SECRET, "registry-htpasswd").inputs)

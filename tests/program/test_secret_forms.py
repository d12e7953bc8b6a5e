"""In whatever form and under whatever key a secret comes, nothing shows a piece of it.

Each row is a mistake that people make. The program runs with it, and all that a person could see is searched:
messages, tracebacks, and what the state and previews keep in clear.
"""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator, Mapping

import pytest
import yaml

from components.stack_configuration import KEYS
from tests.authority import Authority
from tests.program.dev_stack import KUBECONFIG, Dev
from tests.program.test_secrets import shown

WORD = "Kanarienvogel"
TOKEN = f"{WORD}Tok7enKanarienvogelTok7enKanarienvogel"
PASSWORD = f"{WORD}-Pass7wort"
PAIR = Authority().issue("192.168.99.100")
DOCUMENT = {**KUBECONFIG, "users": [{"name": "dev", "user": {"token": TOKEN, "client-key-data": TOKEN}}]}
YAML = yaml.safe_dump(DOCUMENT)
LONG = yaml.safe_dump({**DOCUMENT, "padding": TOKEN * 200})


def base64_of(text: str) -> str:
    """Encode a text as people do who were told to hide it."""
    return base64.b64encode(text.encode()).decode()


_OPEN = yaml.safe_dump(KUBECONFIG)
COMMON = json.dumps(KUBECONFIG) + _OPEN + base64_of(_OPEN)
"""What stands in any kubeconfig."""


def pieces(secret: str) -> Iterator[str]:
    """Give every piece of 12 characters of a secret that is longer; the ones of its common words left out."""
    lines = [line for line in secret.splitlines() if line]
    for line in lines:
        for start in range(0, max(1, len(line) - 11), 7):
            piece = line[start : start + 12]
            if len(piece) >= 8 and piece not in COMMON and "-----" not in piece:
                yield piece


FORMS = {
    "kubeconfig in YAML": YAML,
    "kubeconfig in JSON": json.dumps(DOCUMENT),
    "kubeconfig on one line": " ".join(YAML.split()),
    "kubeconfig with escaped line ends": YAML.replace("\n", "\\n"),
    "kubeconfig in quotes": json.dumps(YAML),
    "kubeconfig in base64": base64_of(YAML),
    "kubeconfig in wrapped base64": base64.encodebytes(YAML.encode()).decode(),
    "kubeconfig cut in half": YAML[: len(YAML) // 2],
    "long kubeconfig on one line": " ".join(LONG.split()),
    "long kubeconfig in base64": base64_of(LONG),
    "token": TOKEN,
    "token with a colon": f"token: {TOKEN}",
    "private key": PAIR.key,
    "private key on one line": " ".join(PAIR.key.split("\n")),
    "private key in base64": base64_of(PAIR.key),
    "private key without its first line": "".join(PAIR.key.splitlines()[1:]),
    "password": PASSWORD,
    "account and password": f"ci:{PASSWORD}",
    "address with a password": f"https://ci:{PASSWORD}@reg.example.test:5000",
    "address with a password, no scheme": f"ci:{PASSWORD}@reg.example.test",
    "password with a line end": f"{PASSWORD}\n",
    "docker's own file": json.dumps({"auths": {"h:1": {"auth": base64_of(f"ci:{PASSWORD}")}}}),
    "path that holds a token": f"/run/{TOKEN}/kubeconfig",
}
"""What people put into a setting that is meant for something else, or meant for it in another form."""


def seen(dev: Dev, caplog: pytest.LogCaptureFixture, values: Mapping[str, str], *, encrypted: bool = False) -> str:
    """Run the program with these settings; give all that a person could see of it."""
    with caplog.at_level(logging.DEBUG, logger="pulumi"):
        try:
            recorder = dev(encrypted=encrypted, **dict(values))
        except BaseException:  # noqa: BLE001 - whatever ends the program is printed
            return traceback.format_exc() + caplog.text
    return shown(recorder) + caplog.text


SECRET_KEYS = [name for name, key in KEYS.items() if key.secret]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", SECRET_KEYS)
def test_n01_no_form_of_a_secret_is_shown_under_a_key_for_secrets(
    dev: Dev, caplog: pytest.LogCaptureFixture, key: str, form: str
) -> None:
    """Encrypted, as the key demands; taken or refused, it is never shown."""
    values = {key: FORMS[form]}
    if key in {"tlsKey", "tlsCertificate"}:
        values |= {"tls": "provided", "tlsCertificate": PAIR.certificate} | values
    text = seen(dev, caplog, values, encrypted=True)

    assert [piece for piece in pieces(FORMS[form]) if piece in text] == []


@pytest.mark.parametrize("form", [form for form in FORMS if form not in {"password", "password with a line end"}])
@pytest.mark.parametrize("key", ["kubeconfig", "tlsKey"])
def test_n01_no_form_of_a_secret_is_shown_in_clear_either(
    dev: Dev, caplog: pytest.LogCaptureFixture, key: str, form: str
) -> None:
    """Without `--secret` it is refused, and the message does not spread it further."""
    tls = {"tls": "provided", "tlsCertificate": PAIR.certificate} if key == "tlsKey" else {}
    text = seen(dev, caplog, {**tls, key: FORMS[form]})

    assert f"private-registry:{key} must be " in text
    assert [piece for piece in pieces(FORMS[form]) if piece in text] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if not key.secret])
def test_f20_no_secret_under_a_wrong_key_is_shown(
    dev: Dev, caplog: pytest.LogCaptureFixture, key: str, form: str
) -> None:
    """Encrypted, since people who set a secret say so. What can be used is no mistake that could be known."""
    text = seen(dev, caplog, {key: FORMS[form]}, encrypted=True)

    if "The settings cannot work" in text or "Traceback" in text:
        assert f"private-registry:{key}" in text
        assert [piece for piece in pieces(FORMS[form]) if piece in text] == []


OBVIOUS = [form for form in FORMS if "password" not in form or "address" in form or form == "account and password"]


@pytest.mark.parametrize("form", [form for form in OBVIOUS if form != "path that holds a token"])
@pytest.mark.parametrize("key", ["host", "namespace", "tlsSecret", "username", "node", "nodeTrust", "testImage"])
def test_f20_what_looks_like_a_secret_is_not_shown_even_in_clear(
    dev: Dev, caplog: pytest.LogCaptureFixture, key: str, form: str
) -> None:
    """A log of continuous integration is read by more people than a stack's file."""
    tls = {"tls": "provided"} if key == "tlsSecret" else {}
    text = seen(dev, caplog, {**tls, key: FORMS[form]})

    if "The settings cannot work" in text:
        assert [piece for piece in pieces(FORMS[form]) if piece in text] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["KUBECONFIG", "PRIVATE_REGISTRY_NOW"])
def test_n01_no_secret_in_an_environment_variable_is_shown(
    dev: Dev, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    """People export the content where a path belongs. A password alone looks like a path."""
    monkeypatch.setenv(name, FORMS[form])
    text = seen(dev, caplog, {})

    assert name in text
    if form not in {"password", "password with a line end"}:
        assert [piece for piece in pieces(FORMS[form]) if piece in text] == []


@pytest.mark.parametrize(
    "users",
    [
        {f"ci:{PASSWORD}": PASSWORD},
        {"ci": [PASSWORD]},
        {"ci": {"password": PASSWORD}},
        {"ci": f"{PASSWORD}\n{PASSWORD}"},
    ],
    ids=["in the name", "in a list", "in an object", "two lines"],
)
def test_f20_no_password_within_users_is_shown(
    dev: Dev, caplog: pytest.LogCaptureFixture, users: dict[str, object]
) -> None:
    """Names are not encrypted, yet what follows a colon in one is somebody's password."""
    text = seen(dev, caplog, {"users": json.dumps(users)}, encrypted=True)

    assert "private-registry:users[" in text
    assert [piece for piece in (PASSWORD, PASSWORD[3:], TOKEN[:12]) if piece in text] == []


def test_the_search_finds_what_is_shown(dev: Dev, caplog: pytest.LogCaptureFixture) -> None:
    """The checks above can fail: an ordinary wrong value is quoted, and pieces of it are found."""
    text = seen(dev, caplog, {"host": "wrong_name_of_a_host"})

    assert [piece for piece in pieces("wrong_name_of_a_host") if piece in text]

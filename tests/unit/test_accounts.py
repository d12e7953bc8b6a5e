"""Accounts: what can log in, what is refused, and that the same inputs give the same bytes."""

import base64
import json
import re

import bcrypt
import pytest

from components.access import accounts

SEED = bytes(range(32))
AWKWARD = "q\"q'q\\ $& {}<:> blank é"
"""Every byte that JSON, a shell or a template has been seen to damage (C03)."""


def hashes(text: str) -> dict[str, str]:
    """Read htpasswd lines as the registry does: trimmed, split at the first colon."""
    return dict(line.strip().split(":", 1) for line in text.split("\n") if line.strip())


@pytest.mark.parametrize("password", [AWKWARD, "0123456", "1e5", "true", "x" * 72, "é" * 36, " inner blank "])
def test_c03_c48_each_password_verifies_as_typed(password: str) -> None:
    """Nothing is trimmed, escaped, cut or read as a number on the way into the hash."""
    stored = hashes(accounts.htpasswd({"ci": password}, SEED))["ci"]

    assert bcrypt.checkpw(password.encode(), stored.encode())
    assert not bcrypt.checkpw(password[:-1].encode(), stored.encode())


def test_c04_stored_hashes_are_bcrypt_of_cost_5() -> None:
    """The registry reads bcrypt only, and hashes unknown users at cost 5 itself."""
    assert hashes(accounts.htpasswd({"ci": "secret"}, SEED))["ci"].startswith("$2b$05$")


def test_htpasswd_is_the_same_every_time_and_in_any_order() -> None:
    """A second `up` must find nothing to change (C01)."""
    first = accounts.htpasswd({"b": "two", "a": "one"}, SEED)

    assert first == accounts.htpasswd({"a": "one", "b": "two"}, SEED)
    assert list(hashes(first)) == ["a", "b"]
    assert first.endswith("\n")


def test_htpasswd_of_no_account_is_empty() -> None:
    """An empty file lets nobody in."""
    assert accounts.htpasswd({}, SEED) == ""


def test_salt_depends_on_seed_and_user_only() -> None:
    """Equal passwords of two users, or in two registries, must not show as equal hashes."""
    by_user = hashes(accounts.htpasswd({"a": "same", "b": "same"}, SEED))
    other_seed = hashes(accounts.htpasswd({"a": "same"}, bytes(32)))
    other_password = hashes(accounts.htpasswd({"a": "other"}, SEED))

    assert by_user["a"] != by_user["b"]
    assert by_user["a"] != other_seed["a"]
    assert by_user["a"][:29] == other_password["a"][:29] == accounts.salt(SEED, "a").decode()


def test_salt_is_one_that_bcrypt_writes_back_unchanged() -> None:
    """The last of its 22 characters holds two bits only, which other encodings get wrong."""
    for user in map(str, range(50)):
        salt = accounts.salt(SEED, user)

        assert bcrypt.hashpw(b"x", salt).startswith(salt)


def test_http_secret_differs_from_the_seed_and_between_seeds() -> None:
    """It goes into the registry's file, from which the seed must not be readable."""
    secret = accounts.http_secret(SEED)

    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert secret != SEED.hex()
    assert secret != accounts.http_secret(bytes(32))
    assert secret == accounts.http_secret(SEED)


def test_c03_pull_secret_keeps_every_byte() -> None:
    """Decoded, user and password are byte for byte what was given, in both forms that clients read."""
    entry = json.loads(accounts.dockerconfigjson(["10.0.0.5:5000"], "ci", AWKWARD))["auths"]["10.0.0.5:5000"]

    assert (entry["username"], entry["password"]) == ("ci", AWKWARD)
    assert base64.b64decode(entry["auth"], validate=True) == f"ci:{AWKWARD}".encode()


def test_pull_secret_has_an_entry_for_each_address_once() -> None:
    """Repeated addresses and their order make no difference."""
    text = accounts.dockerconfigjson(["localhost:5000", "10.0.0.5:5000", "localhost:5000"], "ci", "secret")

    assert list(json.loads(text)["auths"]) == ["10.0.0.5:5000", "localhost:5000"]
    assert text == accounts.dockerconfigjson(["10.0.0.5:5000", "localhost:5000"], "ci", "secret")


@pytest.mark.parametrize("name", ["registry", "j.doe@example.test", "two words", "é", "a#b", "007"])
def test_accepts_usernames(name: str) -> None:
    """Whatever basic auth and an htpasswd line carry."""
    accounts.check_username(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "must not be empty"),
        ("a:b", 'must not contain a colon, which ends the name in basic auth, got "a:…"'),
        ("a\nb", "must not contain control characters, got a text of several lines"),
        ("a\x7f", "must not contain control characters"),
        ("a\ud800", "must not contain control characters"),
        ("#a", 'must not begin with #, which makes a comment in htpasswd, got "#a"'),
        (" a", 'must not begin or end with a blank, which the registry trims, got " a"'),
        ("a\u00a0", "must not begin or end with a blank"),
    ],
)
def test_refuses_usernames_that_cannot_log_in(name: str, message: str) -> None:
    """Each would make a line that the registry reads as another account, or as none."""
    with pytest.raises(ValueError, match=re.escape(message)):
        accounts.check_username(name)


@pytest.mark.parametrize("password", ["x" * 12, "x" * 72, "é" * 6, AWKWARD, " " * 12])
def test_accepts_passwords(password: str) -> None:
    """Both ends of the range, counted in bytes."""
    accounts.check_password(password, development=False)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "must not be empty"),
        ("canary-canary\n", "must not contain control characters such as a line break"),
        ("canary-canary\ud800", "must not contain control characters such as a line break"),
        ("canary", "must be at least 12 bytes outside development, got 6"),
    ],
)
def test_refuses_passwords_that_cannot_work(password: str, message: str) -> None:
    """The message says why, and nothing of the password."""
    with pytest.raises(ValueError, match=message) as refused:
        accounts.check_password(password, development=False)

    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(("password", "size"), [("x" * 73, 73), ("€" * 25, 75)])
@pytest.mark.parametrize("development", [True, False])
def test_c05_refuses_passwords_longer_than_bcrypt_reads(password: str, size: int, *, development: bool) -> None:
    """The limit is given in bytes, and counts bytes: 25 characters can be too many."""
    with pytest.raises(
        ValueError, match=rf"must be at most 72 bytes of UTF-8 \(bcrypt reads no more\), got {size}"
    ):
        accounts.check_password(password, development=development)


def test_development_allows_short_passwords_but_not_empty_ones() -> None:
    """A throw-away stack may use the tutorial's `pass`."""
    accounts.check_password("pass", development=True)

    with pytest.raises(ValueError, match="must not be empty"):
        accounts.check_password("", development=True)

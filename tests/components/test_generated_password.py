"""A password that is made here: secret, kept, and used like one that is set."""

from __future__ import annotations

import bcrypt

from tests.components.declaration import IMAGE, KEPT, SECRET, STASH, content, declared
from tests.components.recorder import Secret

KEPT_PASSWORD = "kept-kept-kept-kept"


def test_it_is_long_random_secret_and_stays() -> None:
    """Each new stack has its own; the state keeps the first."""
    first, second = (declared(password="generated").one(STASH, "registry-password") for _ in range(2))
    made = [item.inputs["input"] for item in (first, second)]

    assert all(isinstance(value, Secret) and len(value.value) == 43 for value in made)
    assert made[0] != made[1]
    assert first.request.ignoreChanges == ["input"]


def test_it_is_in_all_that_carries_the_password() -> None:
    """From the state, whatever a later run has drawn."""
    recorder = declared(password="generated", stashed={**KEPT, "registry-password": KEPT_PASSWORD})
    [line] = content(recorder.one(SECRET, "registry-htpasswd"))["htpasswd"].splitlines()

    assert bcrypt.checkpw(KEPT_PASSWORD.encode(), line.partition(":")[2].encode())
    assert recorder.one(IMAGE).inputs["registry"]["password"] == Secret(KEPT_PASSWORD)


def test_a_password_that_is_set_is_in_no_stash() -> None:
    """And no other one is made."""
    assert "registry-password" not in declared().all(STASH)

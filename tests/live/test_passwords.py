"""Every byte of a password survives: in config, htpasswd, pull secret, Docker Engine and the node's pull."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.harness import ADDRESS, PUSH_ADDRESS, USER, Node, Stack

_ODD = "p\"q'r\\s$HOME`id`&t{{u}}<v>:w x%41é€𝄞"
"""What templating, shells, JSON, URLs and basic auth are known to break, all in one."""

_LONGEST = "€" * 24
"""72 bytes, all that bcrypt reads."""


def _every_character() -> Iterator[str]:
    """Printable ASCII, then characters whose UTF-8 has each byte that UTF-8 can have (C0 controls aside)."""
    yield from map(chr, range(0x20, 0x7F))
    yield from (chr(0xA0 + n) for n in range(0x20))  # C2, A0 to BF
    yield from (chr(lead * 64) for lead in range(3, 32))  # C3 to DF; with 80
    yield from (chr(0x400 + n) for n in range(0x20))  # 80 to 9F
    yield from (chr(lead * 4096 + 0x800 * (lead == 0)) for lead in range(16) if lead != 13)  # E0 to EF
    yield "\ud7a3"  # ED
    yield from (chr(max(lead * 0x40000, 0x10000)) for lead in range(5))  # F0 to F4


def _chunks(characters: Iterator[str]) -> Iterator[str]:
    """Passwords of at most 72 bytes that hold all of the characters."""
    chunk = ""
    for character in characters:
        if len((chunk + character).encode()) > 72:
            yield chunk
            chunk = ""
        chunk += character
    yield chunk


_TYPED = {
    "leading-zero": "0123456",
    "float": "1e5",
    "boolean": "true",
    "null": "null",
    "list": "[1]",
    "quoted": '"quoted"',
    "secure": '{"secure": "v1:AAAA"}',
    "blanks": "  blanks around  ",
    "apr1": "$apr1$uExZmTB3$UMGM9cVrKyVPGM4wJw6KC1",
    "bcrypt": "$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcdef",
    "comment": "#comment",
    "composed": unicodedata.normalize("NFC", "é"),
    "decomposed": unicodedata.normalize("NFD", "é"),
    "longest": "L" * 72,
    **{f"bytes{n}": chunk for n, chunk in enumerate(_chunks(_every_character()))},
}
"""Accounts with passwords that some tool on the way might take for something else."""

_SIMILAR = {
    "leading-zero": ["123456", "42798"],
    "float": ["100000", "100000.0"],
    "boolean": ["True", "1"],
    "null": ["", "None"],
    "list": ["1", "[1.0]"],
    "quoted": ["quoted"],
    "blanks": ["blanks around", "  blanks around", "blanks around  "],
    "composed": [unicodedata.normalize("NFD", "é"), "e"],
    "decomposed": [unicodedata.normalize("NFC", "é"), "e"],
    "longest": ["L" * 71],
}
"""What the account would have instead, had a tool read the password as a number, a word or another spelling."""


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """One `up` with the oddest password for pushing and pulling, and the other ones as further accounts."""
    stack.set("password", _ODD, secret=True)
    for user, password in _TYPED.items():
        stack.set(f"users.{user}", password, secret=True, path=True)
    stack.up()
    return stack


def _status(lab: Node, user: str, password: str) -> int:
    """The registry's answer to a login with exactly these bytes."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return lab.registry("/v2/", account=None, headers=[f"Authorization: Basic {encoded}"]).status


def _htpasswd(lab: Node) -> dict[str, str]:
    """The accounts as the registry has them, user to hash."""
    secrets = lab.get("secrets", "--namespace=default")["items"]
    (encoded,) = (secret["data"]["htpasswd"] for secret in secrets if "htpasswd" in secret["data"])
    return dict(line.split(":", 1) for line in base64.b64decode(encoded).decode().splitlines())


def test_the_passwords_hold_every_byte() -> None:
    """The accounts below have, taken together, every byte that a password can have."""
    used = {byte for password in _TYPED.values() for byte in password.encode()}
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}  # in no UTF-8
    controls = {*range(0x20), 0x7F}

    assert set(range(0x100)) - used == never | controls


def test_c03_the_pull_secret_holds_the_password_byte_for_byte(deployed: Stack, lab: Node) -> None:
    """It is JSON, and password and auth decode to what was typed."""
    encoded = lab.get("secret", deployed.outputs()["pullSecret"])["data"][".dockerconfigjson"]
    auths = json.loads(base64.b64decode(encoded))["auths"]

    assert set(auths) == {ADDRESS, PUSH_ADDRESS}
    for entry in auths.values():
        assert entry["password"] == _ODD
        assert base64.b64decode(entry["auth"]).decode() == f"{USER}:{_ODD}"


def test_c03_the_image_was_pushed_and_pulled_with_the_password(deployed: Stack, lab: Node) -> None:
    """The Docker Engine pushed with it, and the proof Pod pulled with it."""
    tags = lab.registry("/v2/alpine_test/tags/list", account=(USER, _ODD))

    assert json.loads(tags.body)["tags"] == ["test_1.0"]
    assert lab.get("pod", deployed.outputs()["proofPods"][0])["status"]["phase"] == "Running"


@pytest.mark.usefixtures("deployed")
def test_c03_docker_login_takes_the_password(lab: Node) -> None:
    """So does a person's own login; a near one is refused."""
    words = ["docker", "login", PUSH_ADDRESS, "--username", USER, "--password-stdin"]
    try:
        wrong = lab.run(words, stdin=_ODD.replace("$HOME", ""), check=False)
        right = lab.run(words, stdin=_ODD)
    finally:
        lab.run(["docker", "logout", PUSH_ADDRESS])

    # Docker Engine 29 tries plain HTTP next at a loopback address, and reports that answer.
    assert wrong.returncode != 0
    assert "failed with status: 40" in wrong.stderr
    assert "Login Succeeded" in right.stdout


@pytest.mark.usefixtures("deployed")
def test_c04_every_stored_hash_is_bcrypt(lab: Node) -> None:
    """A password that looks like a hash, an htpasswd line or a file name is a password all the same."""
    hashes = _htpasswd(lab)

    assert set(hashes) == {USER, *_TYPED}
    assert {value[:4] for value in hashes.values()} == {"$2b$"}
    assert len({value[7:29] for value in hashes.values()}) == len(hashes), "each account has a salt of its own"


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("user", _TYPED)
def test_c48_each_password_logs_in_exactly_as_typed(lab: Node, user: str) -> None:
    """The password logs in, and nothing that a tool might have made of it."""
    password = _TYPED[user]
    assert _status(lab, user, password) == 200
    # Behind the 72nd byte the registry's own bcrypt ignores what a client sends.
    longer = [password + "x"] if len(password.encode()) < 72 else []
    for similar in [*_SIMILAR.get(user, []), *longer, password[1:], password[:-1]]:
        assert _status(lab, user, similar) == 401, similar


def test_c05_a_longer_password_is_refused_by_its_bytes(deployed: Stack) -> None:
    """73 bytes of ASCII and 75 of 25 letters: refused in preview with the limit, and not cut."""
    file = deployed.file
    before = file.read_text()
    try:
        deployed.set("password", "m" * 73, secret=True)
        deployed.set("users.long", "€" * 25, secret=True, path=True)
        preview = deployed.preview(check=False)
    finally:
        file.write_text(before)

    assert preview.code != 0
    limit = "must be at most 72 bytes of UTF-8 (bcrypt reads no more)"
    assert f"private-registry:password {limit}, got 73" in preview.output
    assert f'private-registry:users["long"] {limit}, got 75' in preview.output
    assert "Traceback" not in preview.output
    assert "mmmm" not in preview.output and "€€" not in preview.output


def _proof(stack: Stack, lab: Node) -> dict[str, Any]:
    """The Pod that proved the registry last; its name is always the same."""
    return lab.get("pod", stack.outputs()["proofPods"][0])


def test_c05_72_bytes_work_end_to_end(deployed: Stack, lab: Node) -> None:
    """With the longest password the image is pushed and a new Pod pulls; without its last letter nobody logs in."""
    before = _proof(deployed, lab)
    deployed.set("password", _LONGEST, secret=True)
    try:
        deployed.up()

        after = _proof(deployed, lab)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["status"]["phase"] == "Running"
        assert _status(lab, USER, _LONGEST) == 200
        assert _status(lab, USER, _LONGEST[:-1]) == 401
        assert _status(lab, USER, _ODD) == 401
    finally:
        # The tests above may come after this one.
        deployed.set("password", _ODD, secret=True)
        deployed.up()

"""Accounts: which names and passwords can work, and the texts that carry them.

Owns the rules for account names and passwords, the htpasswd lines, the pull secret's JSON, and all that is
derived from the registry's seed. Keeps nothing and draws no random numbers: the caller keeps the seed. A
broken rule is a `ValueError` whose text begins with "must" and never holds a password.
"""

import base64
import hashlib
import hmac
import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

import bcrypt

from ..shown import shown

MINIMUM_PASSWORD_BYTES: Final = 12
"""Outside development. With a cheap hash (see `_COST`) the password itself has to be strong."""

_MAXIMUM_PASSWORD_BYTES: Final = 72
"""bcrypt reads no more. Older libraries cut silently, so that the first 72 bytes alone would log in."""

_COST: Final = 5
"""The registry pays for the hash on every request: cost 5 serves 515 a second, cost 10 only 16. It also
hashes unknown users at cost 5, so any other cost tells by the time it takes which users exist."""

_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT_BASE64: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _has_forbidden_characters(text: str) -> bool:
    """Find control characters (RFC 7617 forbids them in basic auth) and surrogates (UTF-8 lacks them)."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def check_username(name: str) -> None:
    """Refuse a name that basic auth or an htpasswd line cannot carry."""
    written = shown_name(name)
    if not name:
        raise ValueError("must not be empty")
    if ":" in name:
        raise ValueError(f"must not contain a colon, which ends the name in basic auth, got {written}")
    if _has_forbidden_characters(name):
        raise ValueError(f"must not contain control characters, got {written}")
    if name.startswith("#"):
        raise ValueError(f"must not begin with #, which makes a comment in htpasswd, got {written}")
    if name != name.strip():
        raise ValueError(f"must not begin or end with a blank, which the registry trims, got {written}")


def shown_name(name: str) -> str:
    """Quote an account's name for a message. What follows a colon is left out: it may be the password."""
    first, colon, _ = name.partition(":")
    return shown(f"{first}:…" if colon else name)


def check_password(password: str, *, development: bool) -> None:
    """Refuse a password that cannot log in as typed, or, outside development, one that is quickly guessed."""
    if not password:
        raise ValueError("must not be empty")
    if _has_forbidden_characters(password):
        raise ValueError("must not contain control characters such as a line break")
    size = len(password.encode())
    if size > _MAXIMUM_PASSWORD_BYTES:
        raise ValueError(
            f"must be at most {_MAXIMUM_PASSWORD_BYTES} bytes of UTF-8 (bcrypt reads no more), got {size}"
        )
    if size < MINIMUM_PASSWORD_BYTES and not development:
        raise ValueError(f"must be at least {MINIMUM_PASSWORD_BYTES} bytes outside development, got {size}")


def _derive(seed: bytes, purpose: str) -> bytes:
    """32 bytes that only the holder of the seed can make, different for each purpose."""
    return hmac.digest(seed, purpose.encode(), hashlib.sha256)


def salt(seed: bytes, user: str) -> bytes:
    """Give the user's bcrypt salt, cost included: always the same, so that a second `up` changes nothing.

    It depends on the random seed and never on the password: a salt is public, so that one would be a fast
    way to try guesses.
    """
    text = base64.b64encode(_derive(seed, f"salt:{user}")[:16]).decode()[:22]
    return f"$2b${_COST:02}$".encode() + text.translate(str.maketrans(_BASE64, _BCRYPT_BASE64)).encode()


def htpasswd(accounts: Mapping[str, str], seed: bytes) -> str:
    """Render the registry's htpasswd file, name to password in, one bcrypt line each out, sorted by name."""
    return "".join(
        f"{user}:{bcrypt.hashpw(password.encode(), salt(seed, user)).decode()}\n"
        for user, password in sorted(accounts.items())
    )


def http_secret(seed: bytes) -> str:
    """Give the secret with which the registry signs the state of uploads, 64 hexadecimal digits."""
    return _derive(seed, "http").hex()


def dockerconfigjson(addresses: Iterable[str], user: str, password: str) -> str:
    """Render the content of a pull secret: one entry for each `host:port`, all for the same account."""
    entry = {
        "username": user,
        "password": password,
        "auth": base64.b64encode(f"{user}:{password}".encode()).decode(),
    }
    return json.dumps({"auths": dict.fromkeys(sorted(addresses), entry)})

"""How a value appears in a message. What may hold a secret is described, never quoted, not even in part."""

import json
import re
from typing import Final

_LONGEST: Final = 120
"""Characters that are quoted. Longer values are no names or addresses."""

_MIXED: Final = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+_=.-]{32,}")
"""A run in which digits and letters of both cases mix is base64 or a token."""

_TOKEN: Final = re.compile(
    r"\b(eyJ|LS0tLS|YXBpVmVyc2lvbj|gh[opsu]_|github_pat_|glpat-|xox[abps]-|hvs\.|dckr_pat_)[A-Za-z0-9_-]{6,}"
)
"""How tokens of common makers, JSON in base64, and PEM in base64 begin."""

_JSON: Final = re.compile(r"\{|\[\s*[\[{\"]")
"""How an object begins, or a list of texts; not an IPv6 address."""

_LOGIN: Final = re.compile(r"([A-Za-z][\w.+-]+):(?!\d*$)[^/\s]+")
"""`account:password`; not `host:port`, and no path or URL."""

_HEXADECIMAL: Final = re.compile(r"[\[\]0-9A-Fa-f:.]+(%\w+)?")
"""An IPv6 address, or what was meant as one."""

_USERINFO: Final = re.compile(r"[^/\s]:[^/\s]*@(?!sha256:)")
"""`user:password@host`, with a scheme or without."""


def suspected(text: str) -> str:
    """Describe a value that may hold a secret, as in "what looks like PEM"; empty if nothing points to one."""
    start = text.lstrip("\ufeff \t\r\n'\"")
    if "-----BEGIN" in text or "PRIVATE KEY" in text:
        return "what looks like PEM"
    if _JSON.match(start):
        return "what looks like JSON"
    if "apiVersion:" in text or "client-key-data" in text or "current-context" in text:
        return "what looks like a kubeconfig"
    if _TOKEN.search(text) or _MIXED.search("".join(text.split())):
        return "what looks like base64 or a token"
    if _USERINFO.search(text):
        return "what looks like an address with a password"
    if len(text.splitlines()) > 1:
        return "a text of several lines"
    if len(text) > _LONGEST:
        return f"a text of {len(text)} characters"
    return ""


def shown(text: str) -> str:
    """Quote a value, or describe it if it may hold a secret. Of `account:password` only the account is quoted."""
    login = None if _HEXADECIMAL.fullmatch(text) else _LOGIN.fullmatch(text)
    return shown_image(f"{login[1]}:…" if login else text)


def shown_image(text: str) -> str:
    """Quote an image's name, in which a colon begins the tag, or describe it if it may hold a secret."""
    return suspected(text) or json.dumps(text, ensure_ascii=False)

"""How a stack's configuration becomes settings.

The only reader of `pulumi.Config`. Owns what only a stack's file can get wrong: keys that are no settings, and
secrets in clear text. What the values have to be like is the settings' concern.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from components import kubeconfig, x509
from components.problems import PROJECT, Problems, SettingsError
from components.settings import Settings, key_of


def load(config: pulumi.Config) -> Settings:
    """Read a stack's settings. Raises SettingsError with all that is wrong with them and with the file."""
    # The engine reports a password that is missing; elsewhere the rule about empty ones does.
    values: dict[str, Any] = {"password": ""}
    known = {key_of(item.name): item for item in fields(Settings)}
    for key, item in known.items():
        text = config.get(key)
        if text is not None:
            values[item.name] = text if item.type is str else _parsed(text)
    problems = Problems(_misspelt(key, known) for key in _keys_set(config.name) if key not in known)
    problems += _secrets_in_clear(config, values)
    try:
        settings = Settings(**values)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    problems.raise_any()
    return settings


def _parsed(text: str) -> object:
    """Read a value that is no string, which config holds as JSON; other text fails its type check."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _keys_set(namespace: str) -> list[str]:
    """List the keys under a namespace that the stack sets, without the namespace.

    `pulumi.Config` cannot enumerate. The language host puts every key into PULUMI_CONFIG before it starts
    the program and copies them to the SDK's own map, which is also what `set_all_config` fills; reading
    both keeps this right if the host stops doing either.
    """
    prefix = f"{namespace}:"
    return sorted(
        {key.removeprefix(prefix) for key in (*CONFIG.get(), *get_config_env()) if key.startswith(prefix)}
    )


def _misspelt(key: str, known: Mapping[str, object]) -> str:
    """Say that a key is no setting. Its value is not shown: it may be a password under a wrong name."""
    alike = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(key.lower().replace("_", "").replace("-", ""), alike, n=1)
    hint = f"did you mean {alike[nearest[0]]}?" if nearest else "docs/settings.md lists all"
    return f"{PROJECT}:{key} is not a setting; {hint} fix: `pulumi config rm {key}`, then set the right one"


def _secrets_in_clear(config: pulumi.Config, values: Mapping[str, Any]) -> list[str]:
    """Find secrets that stand unencrypted in the stack's file.

    The engine knows this of a whole key only: one encrypted user hides that another is not.
    """
    fixes = {
        "password": "`pulumi config set --secret password`",
        "users": "`pulumi config rm users`, then `pulumi config set --secret --path users.<name>` for each",
        "tlsKey": "`pulumi config set --secret tlsKey < key.pem`, or give the path of the file",
        "kubeconfig": "`pulumi config set --secret kubeconfig`, or give the path of the file",
    }
    used = {key for key in ("password", "users") if values.get(key)}
    if x509.is_content(values.get("tls_key", "")):
        used.add("tlsKey")
    if kubeconfig.is_content(values.get("kubeconfig", "")):
        used.add("kubeconfig")
    return [
        f"{PROJECT}:{key} must be encrypted, but stands in clear text in the stack's file; fix: {fix}"
        for key, fix in fixes.items()
        if key in used and not is_config_secret(config.full_key(key))
    ]

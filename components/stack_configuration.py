"""How a stack's configuration becomes settings.

The only reader of `pulumi.Config`. Owns what only a stack can get wrong: keys that are no settings, keys of another
kind than the chosen one, and secrets in clear text. What the values have to be like is the sections' concern.
"""

import difflib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Final

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from .access.settings import GENERATED
from .connections import Connections
from .exposure import settings as exposures
from .problems import PROJECT, Problems, SettingsError
from .sections import MAPPINGS, SecretText, check_types, config_set, key_of, listed
from .settings import Settings
from .shown import shown, suspected
from .storage import settings as storage
from .tls import settings as tls

_CHOICES: Final[Mapping[str, Mapping[str, type[Any]]]] = {
    "exposure": exposures.KINDS,
    "storage": storage.KINDS,
    "tls": tls.KINDS,
}
"""Sections that are a choice among kinds, by the key that chooses; the first kind is the default.

Kinds may share a field, which then has the same default in each.
"""


_OF_PROVIDERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "kubernetes": (
        "kubeconfig and kubeContext",
        {"context": "kubeContext", "cluster": "kubeContext", "kubeconfig": "kubeconfig", "namespace": "namespace"},
    ),
    "docker": ("dockerHost", {"host": "dockerHost"}),
}
"""Namespaces of keys for default providers, which are not used here, with the keys that choose in their place."""

_SHORTEST_MASKED: Final = 4
"""Characters. Shorter values stand in every text."""


@dataclass(frozen=True)
class Key:
    """A key that a stack may set."""

    section: str
    """The concern: a field of Settings, or `connections`."""
    field: str
    type: object
    default: object
    """MISSING if there is none."""
    secret: bool
    """Whether it is meant for a secret. Its section's rules then show no value."""

    @classmethod
    def of(cls, section: str, item: Field[Any]) -> "Key":
        """Describe the key of a section's field."""
        default = item.default if item.default_factory is MISSING else item.default_factory()
        return cls(section, item.name, item.type, default, not item.repr)

    def read(self, text: str) -> object:
        """Read a value as config holds it: what is no string as JSON. Other text fails its type check."""
        if self.type in {str, SecretText}:
            return text
        try:
            return json.loads(text)
        except ValueError:
            return text


def _keys() -> Iterator[Key]:
    for section in fields(Settings):
        kinds = _CHOICES.get(section.name)
        if kinds:
            yield Key(section.name, section.name, str, next(iter(kinds)), secret=False)
        for kind in kinds.values() if kinds else (section.type,):
            yield from (Key.of(section.name, item) for item in fields(kind))  # type: ignore[arg-type]  # a section
    yield from (Key.of("connections", item) for item in fields(Connections))


KEYS: Final[Mapping[str, Key]] = {key_of(key.field): key for key in _keys()}
"""All keys of a stack, in the order of Pulumi.yaml."""


def load(config: pulumi.Config) -> tuple[Settings, Connections]:
    """Read a stack's settings. Raises SettingsError with all that is wrong with them and with the file."""
    # Pulumi reports a password that is missing; elsewhere the rule about empty ones does.
    values: dict[str, Any] = {"password": ""}
    for name, key in KEYS.items():
        text = config.get(name)
        if text is not None:
            values[key.field] = key.read(text)
    problems = Problems(_misspelt(key) for key in _keys_set(config.name) if key not in KEYS)
    problems += [_without_effect(name, key) for name in _OF_PROVIDERS for key in _keys_set(name)]
    problems += _secrets_in_clear(config, values)
    connections = Connections(**_of(Connections, values))
    check_types(problems, [connections])
    connections.check(problems)
    try:
        settings = compose(values)
    except SettingsError as error:
        problems += error.problems
    else:
        if not problems:
            return settings, connections
    encrypted = {name: config.get(name) or "" for name in KEYS if is_config_secret(config.full_key(name))}
    raise SettingsError([_without_values(line, encrypted) for line in problems])


def _without_values(line: str, encrypted: Mapping[str, str]) -> str:
    """Take the values of encrypted keys out of a message. A password may stand under any key by mistake."""
    key = re.split(r"\W", line.removeprefix(f"{PROJECT}:"), maxsplit=1)[0]
    if key in encrypted and not KEYS[key].secret:
        rule, _, fix = line.partition("; fix: ")
        line = f"{rule.partition(', got ')[0]}; its value is encrypted and not shown; fix: {fix}"
    for value in encrypted.values():
        if len(value) >= _SHORTEST_MASKED and value != GENERATED:
            line = line.replace(value, "[secret]")
    return line


def compose(values: Mapping[str, Any]) -> Settings:
    """Make settings from flat values by field name. Raises SettingsError."""
    problems, sections = Problems(), {}
    for section in fields(Settings):
        kind: Any = section.type
        if section.name in _CHOICES:
            kind = _chosen(problems, section.name, values)
        sections[section.name] = kind(**_of(kind, values))
    try:
        settings = Settings(**sections)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    problems.raise_any()
    return settings


def _chosen(problems: Problems, section: str, values: Mapping[str, Any]) -> type[Any]:
    """Give the kind that is chosen, and report what is set for another one."""
    kinds = _CHOICES[section]
    default = next(iter(kinds))
    name = values.get(section, default)
    if name not in kinds:
        with problems.caught(section, config_set(f"{section} {default}")):
            raise ValueError(f"must be {listed(kinds, 'or')}, got {shown(str(name))}")
        return kinds[default]
    own = {item.name for item in fields(kinds[name])}
    for field, owners in _owners(kinds).items():
        key = key_of(field)
        with problems.caught(key, f"`pulumi config rm {key}`, or {config_set(f'{section} {owners[0]}')}"):
            if field in values and field not in own and values[field] != KEYS[key].default:
                raise ValueError(
                    f"must not be set while {section} is {name}: it belongs to {listed(owners, 'and')}"
                )
    return kinds[name]


def _owners(kinds: Mapping[str, type[Any]]) -> dict[str, list[str]]:
    """Give the kinds that have each field."""
    owners: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        for item in fields(kind):
            owners.setdefault(item.name, []).append(name)
    return owners


def _of(section: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {item.name: values[item.name] for item in fields(section) if item.name in values}


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


def _misspelt(key: str) -> str:
    """Say that a key is no setting. Its value is not shown: it may be a password under a wrong name."""
    owner, *path = re.split(r"[.\[]", key, maxsplit=1)
    if path and owner in KEYS and not suspected(key):
        # Without --path, Pulumi takes the whole text as one key.
        return (
            f"{PROJECT}:{key} is not a setting: an item of {owner} is set with --path; "
            f"fix: `pulumi config rm {shlex.quote(key)}`, then {_with_path(owner, path[0])}"
        )
    alike = {name.lower(): name for name in KEYS}
    nearest = difflib.get_close_matches(key.lower().replace("_", "").replace("-", ""), alike, n=1)
    hint = f"did you mean {alike[nearest[0]]}?" if nearest else "docs/settings.md lists all"
    remove = f"`pulumi config rm {shlex.quote(key)}`"
    return f"{PROJECT}:{key} is not a setting; {hint} fix: {remove}, then set the right one"


def _without_effect(namespace: str, key: str) -> str:
    """Say that a key for a default provider does nothing. Its value is not shown: it may be a kubeconfig."""
    choosers, by_key = _OF_PROVIDERS[namespace]
    ours = by_key.get(key)
    remedy = f"`pulumi config rm {namespace}:{key}`"
    if ours:
        secret = "--secret " if ours == "kubeconfig" else ""
        remedy += f", then {config_set(f'{secret}{PROJECT}:{ours} <{key}>')}"
    return (
        f"{namespace}:{key} must not be set: it has no effect, since {PROJECT} makes a provider of its own from "
        f"{choosers}; fix: {remedy}"
    )


def _with_path(owner: str, rest: str) -> str:
    """Give the command that sets an item, such as the account j.doe for `users.j.doe` without --path."""
    key, item = KEYS[owner], rest.rstrip("]")
    if key.type in MAPPINGS:
        name = item.strip("\"'")
        item = f'"{name}"'
    if key.secret:
        return f"`pulumi config set --secret --path '{owner}[{item}]'`"
    return f"`pulumi config set --path '{owner}[{item}]' <value>`"


def _secrets_in_clear(config: pulumi.Config, values: Mapping[str, Any]) -> list[str]:
    """Find secrets that stand unencrypted in the stack's file.

    Pulumi knows this of a whole key only: one encrypted user hides that another is not.
    """
    fixes = {
        "password": "`pulumi config set --secret password`",
        "users": "`pulumi config rm users`, then `pulumi config set --secret --path 'users[\"<name>\"]'` for each",
        "s3AccessKey": "`pulumi config set --secret s3AccessKey`",
        "s3SecretKey": "`pulumi config set --secret s3SecretKey`",
        "tlsKey": "`pulumi config set --secret tlsKey < key.pem`, or give the path of the file",
        "kubeconfig": "`pulumi config set --secret kubeconfig`, or give the path of the file",
    }
    whole = ("password", "users", "s3AccessKey", "s3SecretKey")
    used = {key for key in whole if values.get(KEYS[key].field)}
    used |= {
        key
        for key, field in (("tlsKey", "tls_key"), ("kubeconfig", "kubeconfig"))
        if suspected(values.get(field, ""))
    }
    return [
        f"{PROJECT}:{key} must be encrypted, but stands in clear text in the stack's file; fix: {fix}"
        for key, fix in fixes.items()
        if key in used and not is_config_secret(config.full_key(key))
    ]

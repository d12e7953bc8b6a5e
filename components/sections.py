"""What all sections of the settings have in common: the keys of their fields, and the types of their values.

A section is a frozen dataclass. Its fields are named as the stack's keys, in snake case.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any, Final, TypeGuard

import pulumi

from .problems import Problems
from .shown import shown, suspected

SecretText = pulumi.Input[str]
"""A secret: text that is checked at once, or an Output whose value is checked when it is known."""

_KINDS: Final[Mapping[object, str]] = {
    str: "a string",
    SecretText: "a string",
    int: "an integer",
    bool: "true or false",
    tuple[str, ...]: "a list of strings",
    Mapping[str, str]: "an object of names and strings",
    Mapping[str, SecretText]: "an object of names and passwords",
}


MAPPINGS: Final = (Mapping[str, str], Mapping[str, SecretText])
"""Types of objects, whose items have names."""


def key_of(field_name: str) -> str:
    """Give the stack's key of a field: `push_host` is set as `pushHost`."""
    first, *others = field_name.split("_")
    return first + "".join(word.capitalize() for word in others)


def config_set(arguments: str) -> str:
    """Give the command that sets a value, as messages show it."""
    return f"`pulumi config set {arguments}`"


def listed(names: Iterable[str], conjunction: str) -> str:
    """Name some things in a sentence: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def is_known(value: SecretText) -> TypeGuard[str]:
    """Whether a secret was given as text; else it is an Output, whose value comes later."""
    return isinstance(value, str)


def is_secret_text(value: object) -> bool:
    """Whether a value can be a secret: text, or an Output or awaitable of it."""
    return isinstance(value, str | pulumi.Output) or inspect.isawaitable(value)


def check_each(
    problems: Problems,
    key: str,
    values: Sequence[str],
    noun: str,
    check: Callable[[str], object],
    like: str = "<name>",
) -> None:
    """Report each item of a list that a rule refuses, or that is there twice; `like` is what the fix shows."""
    for position, value in enumerate(values):
        setting = f"{key}[{position}]"
        with problems.caught(setting, config_set(f"--path '{setting}' {like}")):
            check(value)
            if value in values[:position]:
                raise ValueError(f"must name each {noun} once, got {shown(value)} again")


def keep_copies(section: Any) -> None:  # noqa: ANN401 - any section
    """Copy the lists and objects of a section. Without this, the caller could change them after the check."""
    for item in fields(section):
        value = getattr(section, item.name)
        if item.type == tuple[str, ...] and isinstance(value, list):
            object.__setattr__(section, item.name, tuple(value))
        elif item.type in MAPPINGS and isinstance(value, Mapping):
            object.__setattr__(section, item.name, dict(value))


def check_types(problems: Problems, sections: Iterable[Any]) -> None:
    """Report each value of another type, such as a number in quotes, or an Output where text is needed."""
    for section in sections:
        for item in fields(section):
            with problems.caught(key_of(item.name), f"see {key_of(item.name)} in docs/settings.md"):
                _check_type(getattr(section, item.name), item)


def _check_type(value: object, item: Field[Any]) -> None:
    kind = item.type
    if kind is str:
        right = isinstance(value, str)
    elif kind == SecretText:
        right = is_secret_text(value)
    elif kind in {int, bool}:
        # To Python, True is an integer as well.
        right = type(value) is kind
    elif kind == tuple[str, ...]:
        right = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    elif kind == Mapping[str, str]:
        right = isinstance(value, Mapping) and all(isinstance(text, str) for text in (*value, *value.values()))
    else:
        # The values are checked by account, so that the message can name it.
        right = isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if not right:
        # A field that its repr hides holds secrets.
        hidden = not item.repr or isinstance(value, pulumi.Output)
        raise ValueError(f"must be {_KINDS[kind]}, got {type(value).__name__ if hidden else _written(value)}")


def _written(value: object) -> str:
    if isinstance(value, str):
        return shown(value)
    # In a list or an object, a single text is enough to hide all.
    text = json.dumps(value, default=repr)
    return type(value).__name__ if suspected(text.strip("[]{}")) else text

"""The inputs of `Image` and of the provider: names, types, rules and defaults.

What the project's own program does not set is refused by name: the official plugin has it, the stand-in has not.
Works on plain values, in which a null is left out and a value that preview does not know yet is `UNKNOWN`.
Reads the file system only to see whether the context and its Dockerfile are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from . import references
from .address import SCHEMES
from .context import DOCKERFILE

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi sends in place of a value that is not known yet."""

Plain: TypeAlias = "bool | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

DIGEST_KEY = "contextDigest"
ARGS_KEY = "args"
_ADVICE = "remove it, or run where the official plugin can be downloaded"
_OBJECTS: dict[str, tuple[str, ...]] = {
    "build": ("context", "platform"),
    "registry": ("server", "username", "password"),
}
_NOT_HERE: dict[str, tuple[str, ...]] = {
    "": ("buildOnPreview", "skipPush"),
    "build.": ("addHosts", "builderVersion", "cacheFrom", "dockerfile", "network", "target"),
    "registry.": (),
}
"""What the official plugin takes and the stand-in does not, by what it is part of."""
_OFF = {"buildOnPreview", "skipPush"}
"""What the SDK sends as `false` where a program does not set it."""


@dataclass(frozen=True)
class ImageInputs:
    """The inputs of one image; each value is known."""

    image_name: str
    context: Path
    platform: str
    server: str
    username: str
    password: str
    args: Mapping[str, str] = field(default_factory=dict)


def check_image(inputs: Mapping[str, Plain]) -> list[str]:
    """List each broken rule of an image's inputs; what is unknown is not judged."""
    shape = [*_check_keys("", inputs, ("imageName", *_OBJECTS))]
    for key, keys in _OBJECTS.items():
        part = inputs.get(key)
        if isinstance(part, Mapping):
            # Pulumi hands back the digest that the check before put there; only the build arguments are no text.
            texts = {k: v for k, v in part.items() if k not in {DIGEST_KEY, ARGS_KEY}}
            shape += _check_keys(f"{key}.", texts, keys)
            if key == "build":
                shape += _check_args(part.get(ARGS_KEY))
        elif part != UNKNOWN:
            shape.append(f"`{key}` must be an object with {', '.join(keys)}")
    return shape or [*_check_name(inputs), *_check_build(inputs)]


def check_provider(config: Mapping[str, Plain]) -> list[str]:
    """List each broken rule of the provider's own configuration: only `host` is supported."""
    failures = [
        f"`{key}`: the lab's stand-in for the Docker provider does not have it, only `host`; {_ADVICE}"
        for key in config
        if key not in {"host", "version", "pluginDownloadURL"} and not key.startswith("__")
    ]
    host = config.get("host")
    known = tuple(f"{scheme}://" for scheme in SCHEMES)
    if isinstance(host, str) and host not in {"", UNKNOWN} and not host.startswith(known):
        failures.append(f"`host` {host!r} is not a Docker Engine's address: start it with {', '.join(known)}")
    return failures


def read_image(inputs: Mapping[str, Plain]) -> ImageInputs:
    """Read inputs that `check_image` has passed and that are all known."""
    build, registry = _mapping(inputs, "build"), _mapping(inputs, "registry")
    return ImageInputs(
        image_name=str(inputs["imageName"]),
        context=Path(str(build["context"])),
        platform=str(build["platform"]),
        server=str(registry["server"]),
        username=str(registry["username"]),
        password=str(registry["password"]),
        args={key: str(value) for key, value in _mapping(build, ARGS_KEY).items()},
    )


def _check_keys(prefix: str, values: Mapping[str, Plain], known: Sequence[str]) -> Iterator[str]:
    for key, value in values.items():
        if key in _OFF and value is False and not prefix:
            continue
        if key in _NOT_HERE[prefix]:
            yield f"`{prefix}{key}`: the lab's stand-in for the Docker provider does not have it; {_ADVICE}"
        elif key not in known:
            yield f"`{prefix}{key}` is not an input of this resource; it takes {', '.join(known)}"
    for key in known:
        wanted = values.get(key)
        # No value in a message: it may be a password.
        if key not in _OBJECTS and wanted != UNKNOWN and not (isinstance(wanted, str) and wanted):
            missing = "is not a text" if wanted else "is missing"
            yield f"`{prefix}{key}` {missing}; the lab's stand-in for the Docker provider needs it as a text"


def _check_args(args: Plain) -> Iterator[str]:
    if args is None or args == UNKNOWN:
        return
    if not isinstance(args, Mapping):
        yield "`build.args` must be an object of texts"
        return
    for key, value in args.items():
        if not isinstance(value, str):
            yield f"`build.args.{key}` must be a text"


def _check_name(inputs: Mapping[str, Plain]) -> Iterator[str]:
    name = str(inputs["imageName"])
    if name == UNKNOWN:
        return
    try:
        references.parse(name)
    except ValueError as error:
        yield f"`imageName` {error}"


def _check_build(inputs: Mapping[str, Plain]) -> Iterator[str]:
    build = _mapping(inputs, "build")
    platform = str(build.get("platform", UNKNOWN))
    if platform != UNKNOWN and "," in platform:
        yield f"`build.platform` {platform!r} names several; an image is built for one, as linux/amd64"
    context = str(build.get("context", UNKNOWN))
    if context == UNKNOWN:
        return
    if not Path(context).is_dir():
        yield f"`build.context` {context!r} is not a folder, seen from {Path.cwd()}"
    elif not Path(context, DOCKERFILE).is_file():
        yield f"`build.context` {context!r} has no file {DOCKERFILE}, seen from {Path.cwd()}"


def _mapping(values: Mapping[str, Plain], key: str) -> Mapping[str, Plain]:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}

"""The inputs of `Image` and of the provider: names, types, rules and defaults.

Works on plain values, in which a null is left out and a value that preview does not know yet is `UNKNOWN`.
Reads the file system only to see whether the Dockerfile and the context are there.
"""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from . import references

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the Pulumi engine sends in place of a value that is not known yet."""

Plain: TypeAlias = "bool | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

DIGEST_KEY = "contextDigest"
_IMAGE_KEYS: dict[str, type] = {
    "imageName": str,
    "skipPush": bool,
    "buildOnPreview": bool,
    "build": Mapping,
    "registry": Mapping,
}
_BUILD_KEYS: dict[str, type] = {
    "addHosts": list,
    "args": Mapping,
    "builderVersion": str,
    "cacheFrom": Mapping,
    "context": str,
    DIGEST_KEY: str,
    "dockerfile": str,
    "network": str,
    "platform": str,
    "target": str,
}
_REGISTRY_KEYS: dict[str, type] = {"server": str, "username": str, "password": str}
_TYPE_NAMES: dict[type, str] = {
    str: "text",
    bool: "true or false",
    list: "a list of texts",
    Mapping: "an object",
}
_SCHEMES = ("unix://", "tcp://", "http://", "https://")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True)
class ImageInputs:
    """The inputs of one image with defaults filled in; each value is known."""

    image_name: str
    skip_push: bool
    build_on_preview: bool
    context: Path
    dockerfile: Path
    platform: str
    args: Mapping[str, str]
    target: str | None
    network: str | None
    add_hosts: Sequence[str]
    cache_from: Sequence[str]
    server: str
    username: str
    password: str


def host_platform() -> str:
    """Give the platform that is built for when none is asked for: linux on this machine's architecture."""
    machine = platform.machine()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def with_default_paths(build: Mapping[str, Plain]) -> dict[str, Plain]:
    """Fill in `context` and `dockerfile` where they are missing; leave unknown ones alone."""
    context = build.get("context", ".")
    filled: dict[str, Plain] = {**build, "context": context}
    if "dockerfile" not in build:
        filled["dockerfile"] = UNKNOWN if context == UNKNOWN else os.path.normpath(Path(str(context), "Dockerfile"))
    return filled


def check_image(inputs: Mapping[str, Plain]) -> list[str]:
    """List each broken rule of an image's inputs; what is unknown is not judged."""
    shape = [*_check_keys("", inputs, _IMAGE_KEYS)]
    for key, keys in (("build", _BUILD_KEYS), ("registry", _REGISTRY_KEYS)):
        part = inputs.get(key)
        if isinstance(part, Mapping):
            shape += _check_keys(f"{key}.", part, keys)
    if shape:
        return shape
    build = _mapping(inputs, "build")
    name_failures = [*_check_name(inputs, build)]
    return name_failures if inputs.get("build") == UNKNOWN else [*name_failures, *_check_build(build)]


def check_provider(config: Mapping[str, Plain]) -> list[str]:
    """List each broken rule of the provider's own configuration: only `host` is supported."""
    failures = [
        (
            f"`{key}` is not supported by the lab's stand-in for the Docker provider, which knows `host` "
            "only; remove it, or run where the official plugin can be downloaded"
        )
        for key in config
        if key not in {"host", "version", "pluginDownloadURL"} and not key.startswith("__")
    ]
    host = config.get("host")
    if isinstance(host, str) and host not in {"", UNKNOWN} and not host.startswith(_SCHEMES):
        failures.append(f"`host` {host!r} is not an engine's address: start it with {', '.join(_SCHEMES)}")
    return failures


def is_buildable(inputs: Mapping[str, Plain]) -> bool:
    """Say whether preview knows all that a build needs."""
    build = _mapping(inputs, "build")
    if inputs.get("build") == UNKNOWN:
        return False
    needed = [inputs.get("imageName"), *(value for key, value in build.items() if key != DIGEST_KEY)]
    return UNKNOWN not in _leaves(needed)


def read_image(inputs: Mapping[str, Plain]) -> ImageInputs:
    """Read inputs that `check_image` has passed."""
    build = with_default_paths(_mapping(inputs, "build"))
    registry = _mapping(inputs, "registry")
    return ImageInputs(
        image_name=str(inputs["imageName"]),
        skip_push=inputs.get("skipPush") is True,
        build_on_preview=inputs.get("buildOnPreview") is True,
        context=Path(str(build["context"])),
        dockerfile=Path(str(build["dockerfile"])),
        platform=str(build.get("platform") or host_platform()),
        args={key: str(value) for key, value in _mapping(build, "args").items()},
        target=_text(build, "target"),
        network=_text(build, "network"),
        add_hosts=_texts(build, "addHosts"),
        cache_from=_texts(_mapping(build, "cacheFrom"), "images"),
        server=_text(registry, "server") or "",
        username=_text(registry, "username") or "",
        password=_text(registry, "password") or "",
    )


def _check_keys(prefix: str, values: Mapping[str, Plain], known: Mapping[str, type]) -> Iterator[str]:
    for key, value in values.items():
        if key not in known:
            offered = ", ".join(sorted(set(known) - {DIGEST_KEY}))
            yield f"`{prefix}{key}` is not an input of this resource; it takes {offered}"
        elif value != UNKNOWN and not isinstance(value, known[key]):
            yield f"`{prefix}{key}` must be {_TYPE_NAMES[known[key]]}"


def _check_name(inputs: Mapping[str, Plain], build: Mapping[str, Plain]) -> Iterator[str]:
    name = inputs.get("imageName")
    if not isinstance(name, str) or not name:
        yield "`imageName` is missing; give it as `host/path:tag`"
        return
    if name == UNKNOWN:
        return
    needs_host = "cacheFrom" in build or inputs.get("skipPush") in {None, False}
    try:
        if needs_host:
            references.parse_with_host(name)
        else:
            references.parse(name)
    except ValueError as error:
        yield f"`imageName` {error}"


def _check_build(build: Mapping[str, Plain]) -> Iterator[str]:
    builder = build.get("builderVersion")
    if builder == "BuilderBuildKit":
        yield (
            "`build.builderVersion`: the lab's stand-in for the Docker provider builds with the engine's "
            "classic builder only; leave it out, or set `BuilderV1`"
        )
    elif builder not in {None, "BuilderV1", UNKNOWN}:
        yield f"`build.builderVersion` {builder!r} is neither BuilderV1 nor BuilderBuildKit"
    for key, value in _mapping(build, "args").items():
        if not isinstance(value, str):
            yield f"`build.args.{key}` must be text; put numbers and true or false in quotes"
    cache = _mapping(build, "cacheFrom")
    if isinstance(build.get("cacheFrom"), Mapping) and set(cache) != {"images"}:
        yield "`build.cacheFrom` takes exactly one key, `images`: a list of image names"
    for image in _texts(cache, "images"):
        try:
            if image != UNKNOWN:
                references.parse_with_host(image)
        except ValueError as error:
            yield f"`build.cacheFrom.images` {error}"
    wanted = build.get("platform")
    if isinstance(wanted, str) and wanted != UNKNOWN and "," in wanted:
        yield f"`build.platform` {wanted!r} names several; an image is built for one, as linux/amd64"
    yield from _check_paths(with_default_paths(build))


def _check_paths(build: Mapping[str, Plain]) -> Iterator[str]:
    context, dockerfile = build["context"], build["dockerfile"]
    if isinstance(context, str) and context != UNKNOWN and not Path(context).is_dir():
        yield f"`build.context` {context!r} is not a folder, seen from {Path.cwd()}"
        return
    if not isinstance(dockerfile, str) or dockerfile == UNKNOWN or Path(dockerfile).is_file():
        return
    reason = f"`build.dockerfile`: could not open {dockerfile!r}, seen from {Path.cwd()}"
    if isinstance(context, str) and context != UNKNOWN and not Path(dockerfile).is_absolute():
        better = os.path.normpath(Path(context, dockerfile))
        if Path(better).is_file():
            reason += f'. Its path is not relative to the context: try setting `dockerfile` to "{better}"'
    yield reason


def _leaves(value: Plain) -> Iterator[Plain]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _mapping(values: Mapping[str, Plain], key: str) -> Mapping[str, Plain]:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(values: Mapping[str, Plain], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) and value else None


def _texts(values: Mapping[str, Plain], key: str) -> list[str]:
    value = values.get(key)
    return [str(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else []

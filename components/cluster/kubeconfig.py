"""Which cluster: any way of naming it becomes one kubeconfig.

Owns finding, merging and reducing kubeconfigs; contacts no cluster. To the Kubernetes provider a changed
kubeconfig is a changed cluster, so a path, the same file's content and the environment must all give the
same bytes (pulumi/pulumi-kubernetes#3518). Errors name the setting, the file and the contexts, never a
file's content.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

from ..paths import exists
from ..shown import shown, suspected
from . import service_account

_KEY: Final = "private-registry:kubeconfig"
_CONTEXT_KEY: Final = "private-registry:kubeContext"

_KINDS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""Each list of a kubeconfig, and the field in which its items hold their body."""

_NO_CONTENT: Final = {"what looks like PEM", "what looks like base64 or a token"}
"""What texts of several lines look like that are no kubeconfig. A kubeconfig holds base64, yet in short lines."""

_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
"""The one extension that clients act on: it configures an exec plugin."""


class KubeconfigError(pulumi.RunError, ValueError):
    """No usable kubeconfig. The text names the setting or file at fault and what would do.

    As a RunError, Pulumi shows it without a traceback.
    """


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One context, complete in itself."""

    content: str = field(repr=False)
    """JSON text in which files are inlined. Holds credentials."""
    server: str
    """URL of the API server."""
    context: str
    """Name of that context, in what was read."""
    source: str
    """How messages call what was read: the setting or variable and, where there are some, the files."""
    has_proxy: bool
    """Whether it names a proxy itself, which then counts in place of the environment's."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A kubeconfig as found."""

    label: str
    """How messages call it: the setting and, where there is one, the file."""
    text: str = field(repr=False)
    folder: Path | None
    """Where its relative paths start; None for content, which has no place."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """The body of one cluster, user or context."""

    source: _Source
    body: dict[str, Any] = field(repr=False)


def is_content(text: str) -> bool:
    """Whether the setting holds a kubeconfig itself, YAML or JSON, and not the path of one."""
    return "\n" in text or text.lstrip().startswith("{")


def check(text: str) -> None:
    """Refuse a setting that is neither empty, nor a kubeconfig, nor the path of a file. Raises ValueError.

    The text itself is shown only if nothing in it can be a secret: people set base64, and content on one line.
    """
    if text and not exists(text) and not (is_content(text) and suspected(text) not in _NO_CONTENT):
        raise ValueError(f"must be a kubeconfig in YAML or JSON, or the path of a file, got {shown(text)}")


def resolve(text: str, context: str, environment: Mapping[str, str]) -> Kubeconfig:
    """Reduce what `text`, KUBECONFIG or ~/.kube/config names to the one context that is meant.

    In a Pod without any of them, it is that of the Pod's service account.

    `text` is a path, content, or empty; `context` is a name, or empty for the current context. As with
    kubectl, the first of several files wins for each entry and for the current context. Raises
    KubeconfigError.
    """
    sources = _sources(text, environment)
    where = ", ".join(source.label for source in sources)
    entries: dict[str, dict[str, _Entry]] = {kind: {} for kind in _KINDS}
    current = ""
    for source in sources:
        document = _document(source)
        for kind in _KINDS:
            entries[kind] = _entries(source, document, kind) | entries[kind]
        current = current or str(document.get("current-context") or "")

    name = context or current
    if name not in entries["contexts"]:
        # Without the value: it may have been set with --secret, and the list of names tells more.
        known = ", ".join(sorted(entries["contexts"])) or "none"
        problem = f"must name a context of {where}" if name else f"must be set: no current-context in {where}"
        raise KubeconfigError(f"{_CONTEXT_KEY} {problem}; contexts there: {known}")
    chosen = entries["contexts"][name]
    cluster = _referred(entries, chosen, name, "clusters")
    user = _referred(entries, chosen, name, "users") if chosen.body.get("user") else None

    cluster_body = _complete(cluster, inlined=("certificate-authority",))
    cluster_body["extensions"] = [
        # The others are notes of tools; minikube's changes at each start and would look like another cluster.
        item
        for item in _list(cluster_body.get("extensions"))
        if isinstance(item, dict) and item.get("name") == _EXEC_EXTENSION
    ]
    server = cluster_body.get("server")
    if not isinstance(server, str) or not server:
        raise KubeconfigError(f'{cluster.source.label}: the cluster of context "{name}" has no server')
    reduced = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {**chosen.body, "extensions": []}}],
        "clusters": [{"name": chosen.body["cluster"], "cluster": cluster_body}],
        "users": [],
    }
    if user is not None:
        user_body = _complete(user, inlined=("client-certificate", "client-key")) | {"extensions": []}
        reduced["users"] = [{"name": chosen.body["user"], "user": user_body}]
    content = json.dumps(_pruned(reduced), sort_keys=True, default=str)
    return Kubeconfig(content, server, name, where, bool(cluster_body.get("proxy-url")))


def _sources(text: str, environment: Mapping[str, str]) -> list[_Source]:
    """Find the kubeconfigs that are meant, at least one."""
    if is_content(text):
        return [_Source(_KEY, text, None)]
    if text:
        return [_read(_KEY, _path(text, environment))]
    home_file = _path("~/.kube/config", environment)
    if listed := environment.get("KUBECONFIG"):
        files = [_path(name, environment) for name in listed.split(os.pathsep) if name]
        # kubectl skips those that are missing, and people list files that come and go.
        present = [file for file in files if exists(file)]
        if not present:
            raise KubeconfigError(
                f"KUBECONFIG names no file that exists, got {shown(listed)}; correct it or set {_KEY}"
            )
        return [_read("KUBECONFIG", file) for file in present]
    if home_file.exists():
        return [_read(_KEY, home_file)]
    if service_account.is_pod(environment) and service_account.has_token():
        text = json.dumps(service_account.kubeconfig(environment))
        return [_Source(f"the Pod's service account ({service_account.FOLDER})", text, None)]
    without = f"KUBECONFIG is not set either and {home_file} does not exist"
    if service_account.is_pod(environment):
        without += f", nor does {service_account.FOLDER / 'token'} (this Pod has no service account mounted)"
    raise KubeconfigError(f"{_KEY} must be set: {without}; fix: `pulumi config set {_KEY} <path>`")


def _path(text: str, environment: Mapping[str, str]) -> Path:
    """Make a path absolute; `~` is the home of the given environment."""
    if text == "~" or text.startswith("~/"):
        text = (environment.get("HOME") or str(Path.home())) + text[1:]
    return Path(text).absolute()


def _read(key: str, file: Path) -> _Source:
    label = f"{key} ({file})" if not suspected(str(file)) or exists(file) else key
    try:
        return _Source(label, file.read_text(encoding="utf-8"), file.parent)
    except OSError as problem:
        raise KubeconfigError(f"{label}: the file cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise KubeconfigError(f"{label}: the file is not text in UTF-8") from None


def _document(source: _Source) -> dict[str, Any]:
    try:
        document = yaml.safe_load(source.text)
    except yaml.YAMLError as problem:
        # The parser's own text quotes the lines around the fault, which may be a key or a token.
        mark = getattr(problem, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise KubeconfigError(f"{source.label}: not YAML or JSON{place}") from None
    if document is None:
        # An empty file is an empty kubeconfig to kubectl too.
        return {}
    if not isinstance(document, dict):
        raise _malformed(source)
    return document


def _entries(source: _Source, document: dict[str, Any], kind: str) -> dict[str, _Entry]:
    """Read one list of a kubeconfig. Of two items with one name the first counts, as between files."""
    found: dict[str, _Entry] = {}
    for item in _list(document.get(kind)):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise _malformed(source)
        body = item.get(_KINDS[kind])
        if body is not None and not isinstance(body, dict):
            raise _malformed(source)
        found.setdefault(item["name"], _Entry(source, body or {}))
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _malformed(source: _Source) -> KubeconfigError:
    return KubeconfigError(f"{source.label}: not a kubeconfig; `kubectl config view` shows what one looks like")


def _referred(entries: Mapping[str, Mapping[str, _Entry]], context: _Entry, context_name: str, kind: str) -> _Entry:
    """Find the cluster or user that a context refers to."""
    singular = _KINDS[kind]
    name = str(context.body.get(singular) or "")
    if name not in entries[kind]:
        raise KubeconfigError(
            f'{context.source.label}: context "{context_name}" needs {singular} "{name}", which is missing'
        )
    return entries[kind][name]


def _complete(entry: _Entry, inlined: tuple[str, ...]) -> dict[str, Any]:
    """Make a body independent of where its file lies: certificates inside, other paths absolute."""
    body = dict(entry.body)
    for name in inlined:
        file = body.pop(name, None)
        # The data field wins over the file in every client.
        if file and not body.get(f"{name}-data"):
            body[f"{name}-data"] = base64.b64encode(_referred_bytes(entry.source, name, file)).decode()
    if body.get("tokenFile"):
        body["tokenFile"] = str(_located(entry.source, "tokenFile", body["tokenFile"]))
    plugin = body.get("exec")
    # A bare command is looked up on PATH and stays.
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command")):
        body["exec"] = {**plugin, "command": str(_located(entry.source, "exec command", plugin["command"]))}
    return body


def _located(source: _Source, name: str, path: object) -> Path:
    """Make a path from a kubeconfig absolute."""
    located = Path(str(path))
    if located.is_absolute():
        return located
    if source.folder is None:
        raise KubeconfigError(
            f"{source.label}: {name} is the relative path {shown(str(path))}, and content has no folder to start "
            "from; fix: give the output of `kubectl config view --raw --flatten`"
        )
    return Path(os.path.normpath(source.folder / located))


def _referred_bytes(source: _Source, name: str, path: object) -> bytes:
    file = _located(source, name, path)
    try:
        return file.read_bytes()
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not a path"
        raise KubeconfigError(f"{source.label}: {name} {shown(str(file))} cannot be read: {reason}") from None


def _pruned(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """Drop what is empty, which clients take as absent: tools differ in what they write out."""
    if isinstance(value, dict):
        pruned = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value

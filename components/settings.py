"""Everything that a stack may decide.

Owns the settings and their defaults, which `Pulumi.yaml` repeats for the engine (a test holds the two
together), and is the only reader of `pulumi.Config`. The rules live with their concerns, in the pure
modules; here each meets its key and its fix, and all that is wrong is reported at once. Secrets are plain
text in here so that they can be checked; whoever passes them on wraps them in `pulumi.Output.secret` first.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from components import accounts, cluster, kubeconfig, references
from components.references import Address, ImageName

_PROJECT: Final = "private-registry"

_KINDS: Final[Mapping[object, str]] = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    tuple[str, ...]: "a list of strings",
    Mapping[str, str]: "an object of names and passwords",
}


class SettingsError(pulumi.RunError, ValueError):
    """One or more settings cannot work. As a RunError, the engine shows it without a traceback."""

    problems: tuple[str, ...]
    """A line for each: key, value unless it is secret, rule and fix."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join(["The settings cannot work:", *self.problems]))


class _Problems(list[str]):
    """What was found wrong so far, a line each."""

    @contextmanager
    def caught(self, key: str, fix: str) -> Iterator[None]:
        """Turn the broken rule of a setting into a line, and go on."""
        try:
            yield
        except ValueError as broken:
            self.append(f"{_PROJECT}:{key} {broken}; fix: {fix}")

    def raise_any(self) -> None:
        """Raise SettingsError if anything was found."""
        if self:
            raise SettingsError(self)


def key_of(field_name: str) -> str:
    """Give the stack's key of a field: `push_host` is set as `pushHost`."""
    first, *others = field_name.split("_")
    return first + "".join(word.capitalize() for word in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked settings. `Pulumi.yaml` describes each, under its name in camelCase.

    Made by `load` from a stack, or directly by another program. Both raise SettingsError for what cannot
    work.
    """

    host: str = ""
    port: int = 5000
    push_host: str = "localhost"
    namespace: str = "default"
    image: str = "registry:3.1.2"
    allow_outdated_image: bool = False
    node: str = ""
    host_path: str = "/data/registry"
    replicas: int = 1
    username: str = "registry"
    password: str = field(repr=False)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    development: bool = False
    delete_enabled: bool = False
    remove_data: bool = False
    pull_secret_name: str = "regcred"  # noqa: S105 - a Secret's name, not its value
    pull_namespaces: tuple[str, ...] = ("default",)
    test_image: str = "alpine_test:test_1.0"
    platform: str = "linux/amd64"
    docker_host: str = ""
    kubeconfig: str = field(default="", repr=False)
    kube_context: str = ""
    timeout_seconds: int = 120

    @classmethod
    def load(cls, config: pulumi.Config) -> Self:
        """Read a stack's settings. Also refuses misspelt keys, and secrets in clear text."""
        # The engine reports a password that is missing; elsewhere the rule about empty ones does.
        values: dict[str, Any] = {"password": ""}
        known = {key_of(item.name): item for item in fields(cls)}
        for key, item in known.items():
            text = config.get(key)
            if text is not None:
                values[item.name] = text if item.type is str else _parsed(text)
        problems = _Problems(_misspelt(key, known) for key in _keys_set(config.name) if key not in known)
        problems += _secrets_in_clear(config, values)
        try:
            settings = cls(**values)
        except SettingsError as error:
            raise SettingsError([*problems, *error.problems]) from None
        problems.raise_any()
        return settings

    def __post_init__(self) -> None:
        """Check everything, and keep addresses, folder and collections in one spelling."""
        problems = _Problems()
        for item in fields(self):
            with problems.caught(key_of(item.name), f"see {key_of(item.name)} in docs/settings.md"):
                _check_kind(getattr(self, item.name), item.type, secret=not item.repr)
        # The rules below rely on the types, so what they would say beside a wrong type is noise.
        problems.raise_any()

        self._check_registry(problems)
        self._check_accounts(problems)
        self._check_pulls(problems)
        self._check_tools(problems)
        problems.raise_any()

        # A caller's dict or list could change after the check.
        object.__setattr__(self, "users", dict(self.users))
        object.__setattr__(self, "pull_namespaces", tuple(self.pull_namespaces))

    def _check_registry(self, problems: _Problems) -> None:
        with problems.caught("port", _set("port 5000")):
            references.check_port(self.port)
        with problems.caught("host", f"{_set('host <address>')} (`kubectl get nodes -o wide` lists addresses)"):
            object.__setattr__(self, "host", Address.parse(self.host, self.port).host)
        with problems.caught("pushHost", _set("pushHost localhost")):
            object.__setattr__(self, "push_host", Address.parse(self.push_host, self.port).host)
        with problems.caught("namespace", _set("namespace default")):
            cluster.check_namespace(self.namespace)
        with problems.caught("image", f"{_set('image registry:3.1.2')}, or {_set('allowOutdatedImage true')}"):
            references.check_registry_image(self.image, allow_outdated=self.allow_outdated_image)
        with problems.caught("node", f"{_set('node <name>')} (`kubectl get nodes` lists names)"):
            cluster.check_node(self.node)
        with problems.caught("hostPath", _set("hostPath /data/registry")):
            object.__setattr__(self, "host_path", cluster.host_folder(self.host_path))
        with problems.caught("replicas", _set("replicas 1")):
            cluster.check_replicas(self.replicas)
        with problems.caught("timeoutSeconds", _set("timeoutSeconds 120")):
            if not 5 <= self.timeout_seconds <= 3600:
                raise ValueError(f"must be from 5 to 3600 seconds, got {self.timeout_seconds}")

    def _check_accounts(self, problems: _Problems) -> None:
        with problems.caught("username", _set("username registry")):
            accounts.check_username(self.username)
        with problems.caught("password", "`pulumi config set --secret password`"):
            accounts.check_password(self.password, development=self.development)
        for name, password in self.users.items():
            quoted = json.dumps(name)
            with problems.caught(
                f"users[{quoted}]", f"`pulumi config rm --path 'users[{quoted}]'`, then another name"
            ):
                accounts.check_username(name)
                if name == self.username:
                    raise ValueError("must not repeat the account of username")
            fix = f"`pulumi config set --secret --path 'users[{quoted}]'`"
            with problems.caught(f"users[{quoted}]", fix):
                if not isinstance(password, str):
                    # In clear, `--path` turns 0123456 into a number: no longer what was typed.
                    raise ValueError(f"must be a string, got {type(password).__name__}")  # noqa: TRY004 - as all rules
                accounts.check_password(password, development=self.development)

    def _check_pulls(self, problems: _Problems) -> None:
        with problems.caught("pullSecretName", _set("pullSecretName regcred")):
            cluster.check_object_name(self.pull_secret_name)
        for position, name in enumerate(self.pull_namespaces):
            with problems.caught(
                f"pullNamespaces[{position}]", _set(f"--path 'pullNamespaces[{position}]' <name>")
            ):
                cluster.check_namespace(name)
                if name in self.pull_namespaces[:position]:
                    raise ValueError(f'must name each namespace once, got "{name}" again')
        with problems.caught("pullNamespaces", _set("--path 'pullNamespaces[0]' default")):
            if not self.pull_namespaces:
                raise ValueError("must name a namespace, in which the proof Pod runs")

    def _check_tools(self, problems: _Problems) -> None:
        own = []
        for host in (self.host, self.push_host):
            # A host that is wrong has been reported as such.
            with _Problems().caught("", ""):
                own.append(Address.parse(host, self.port))
        with problems.caught("testImage", _set("testImage alpine_test:test_1.0")):
            name = ImageName.parse(self.test_image, own)
            object.__setattr__(self, "test_image", f"{name.repository}:{name.tag}")
        with problems.caught("platform", _set("platform linux/amd64")):
            references.check_platform(self.platform)
        with problems.caught("dockerHost", _set("dockerHost unix:///var/run/docker.sock")):
            references.check_docker_host(self.docker_host)

    @property
    def address(self) -> Address:
        """Where nodes pull from."""
        return Address(self.host, self.port)

    @property
    def push_address(self) -> Address:
        """Where the Docker Engine pushes to."""
        return Address(self.push_host, self.port)

    @property
    def proof_image(self) -> ImageName:
        """The test image without an address."""
        return ImageName.parse(self.test_image)

    @property
    def accounts(self) -> Mapping[str, str]:
        """All accounts, name to password. Secret."""
        return {self.username: self.password, **self.users}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works only if something outside the program is set up too: a text each, for people."""
        texts = []
        if not self.address.is_loopback:
            texts.append(_plain_http_pull(self.address))
        if not self.push_address.is_loopback:
            texts.append(_plain_http_push(self.push_address))
        return tuple(texts)


def _plain_http_pull(address: Address) -> str:
    return f"""\
{_PROJECT}:host: the registry speaks plain HTTP at {address}, which nodes refuse until told otherwise.
With containerd, write /etc/containerd/certs.d/{address}/hosts.toml (its config_path has to name certs.d):
  server = "http://{address}"
  [host."http://{address}"]
    capabilities = ["pull", "resolve"]
With Docker as the nodes' runtime, add to /etc/docker/daemon.json and restart Docker:
  {{"insecure-registries": ["{address}"]}}
With minikube, create the cluster with: minikube start --insecure-registry={address}"""


def _plain_http_push(address: Address) -> str:
    return f"""\
{_PROJECT}:pushHost: the Docker Engine pushes to {address} by plain HTTP, refused until it is told otherwise.
Add to its /etc/docker/daemon.json and restart it, or reach the registry through localhost:
  {{"insecure-registries": ["{address}"]}}"""


def _set(arguments: str) -> str:
    return f"`pulumi config set {arguments}`"


def _parsed(text: str) -> object:
    """Read a value that is no string, which config holds as JSON; other text fails its type check."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_kind(value: object, kind: object, *, secret: bool) -> None:
    """Refuse a value of another type, such as a number in quotes or an Output in place of its value."""
    if kind is str:
        right = isinstance(value, str)
    elif kind in {int, bool}:
        # To Python, True is an integer as well.
        right = type(value) is kind
    elif kind == tuple[str, ...]:
        right = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    else:
        # The values are checked by account, so that the message can name it.
        right = isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if not right:
        shown = (
            type(value).__name__ if secret or isinstance(value, pulumi.Output) else json.dumps(value, default=repr)
        )
        raise ValueError(f"must be {_KINDS[kind]}, got {shown}")


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
    return f"{_PROJECT}:{key} is not a setting; {hint} fix: `pulumi config rm {key}`, then set the right one"


def _secrets_in_clear(config: pulumi.Config, values: Mapping[str, Any]) -> list[str]:
    """Find secrets that stand unencrypted in the stack's file.

    The engine knows this of a whole key only: one encrypted user hides that another is not.
    """
    fixes = {
        "password": "`pulumi config set --secret password`",
        "users": "`pulumi config rm users`, then `pulumi config set --secret --path users.<name>` for each",
        "kubeconfig": "`pulumi config set --secret kubeconfig`, or give the path of the file",
    }
    used = {key for key in ("password", "users") if values.get(key)}
    if kubeconfig.is_content(values.get("kubeconfig", "")):
        used.add("kubeconfig")
    return [
        f"{_PROJECT}:{key} must be encrypted, but stands in clear text in the stack's file; fix: {fix}"
        for key, fix in fixes.items()
        if key in used and not is_config_secret(config.full_key(key))
    ]

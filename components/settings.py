"""Everything that a stack may decide.

Owns the settings and their defaults, which `Pulumi.yaml` repeats for the engine (a test holds the two
together). The rules live with their concerns, in the pure modules; here each meets its key and its fix, and
all that is wrong is reported at once. Secrets are plain text in here so that they can be checked; whoever
passes them on wraps them in `pulumi.Output.secret` first.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

import pulumi
from cryptography.x509 import Certificate

from components import accounts, certificate_rules, cluster, plain_http, references, runtimes, x509
from components.problems import PROJECT, Place, Problems
from components.references import Address, ImageName
from components.runtimes import CertsFolders

CERTIFICATE: Final[Place] = ("tlsCertificate", "`pulumi config set tlsCertificate <file>`")
_KEY: Final[Place] = (
    "tlsKey",
    "`pulumi config set --secret tlsKey < key.pem`, or `pulumi config set tlsKey key.pem`",
)

_TLS: Final = ("generated", "provided", "off")

_KINDS: Final[Mapping[object, str]] = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    tuple[str, ...]: "a list of strings",
    Mapping[str, str]: "an object of names and passwords",
}


def key_of(field_name: str) -> str:
    """Give the stack's key of a field: `push_host` is set as `pushHost`."""
    first, *others = field_name.split("_")
    return first + "".join(word.capitalize() for word in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked settings. `Pulumi.yaml` describes each, under its name in camelCase.

    Made by `stack_configuration.load` from a stack, or directly by another program. Both raise SettingsError
    for what cannot work.
    """

    host: str = ""
    port: int = 5000
    push_host: str = "localhost"
    namespace: str = "default"
    tls: str = "generated"
    tls_certificate: str = ""
    tls_key: str = field(default="", repr=False)
    tls_secret: str = ""
    tls_ca: str = ""
    certificate_days: int = 365
    ca_generation: int = 1
    allow_plain_http: bool = False
    node_trust: str = "kubeadm"
    containerd_certs: str = ""
    docker_certs: str = ""
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
    proof_nodes: tuple[str, ...] = ()
    platform: str = "linux/amd64"
    docker_host: str = ""
    kubeconfig: str = field(default="", repr=False)
    kube_context: str = ""
    timeout_seconds: int = 120

    def __post_init__(self) -> None:
        """Check everything, and keep addresses, folder, certificates and collections in one spelling."""
        problems = Problems()
        for item in fields(self):
            with problems.caught(key_of(item.name), f"see {key_of(item.name)} in docs/settings.md"):
                _check_kind(getattr(self, item.name), item.type, secret=not item.repr)
        # The rules below rely on the types, so what they would say beside a wrong type is noise.
        problems.raise_any()

        self._check_registry(problems)
        self._check_tls(problems)
        self._check_node_trust(problems)
        self._check_accounts(problems)
        self._check_pulls(problems)
        self._check_tools(problems)
        problems.raise_any()

        # A caller's dict or list could change after the check.
        object.__setattr__(self, "users", dict(self.users))
        object.__setattr__(self, "pull_namespaces", tuple(self.pull_namespaces))
        object.__setattr__(self, "proof_nodes", tuple(self.proof_nodes))

    def _check_registry(self, problems: Problems) -> None:
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

    def _check_tls(self, problems: Problems) -> None:
        with problems.caught("certificateDays", _set("certificateDays 365")):
            x509.check_days(self.certificate_days)
        with problems.caught("caGeneration", _set("caGeneration 1")):
            if self.ca_generation < 1:
                raise ValueError(f"must be 1 or more, got {self.ca_generation}")
        with problems.caught("tls", _set("tls generated")):
            if self.tls not in _TLS:
                raise ValueError(f'must be generated, provided or off, got "{self.tls}"')
        if self.tls == "provided":
            self._check_provided(problems)
        if self.tls == "generated":
            for name in ("tls_certificate", "tls_key", "tls_secret", "tls_ca"):
                key = key_of(name)
                with problems.caught(key, f"{_set('tls provided')}, or `pulumi config rm {key}`"):
                    if getattr(self, name):
                        raise ValueError("must not be set while tls is generated, which makes all of its own")
        if self.tls == "off" and not self.allow_plain_http:
            remote = dict.fromkeys(str(address) for address in self._own() if not address.is_loopback)
            with problems.caught("tls", f"{_set('tls generated')}, or {_set('allowPlainHttp true')}"):
                if remote:
                    raise ValueError(
                        f"must not be off for {' and '.join(remote)}: accounts and images would travel in clear, "
                        "and nodes and engines refuse plain HTTP until each is told otherwise"
                    )

    def _check_node_trust(self, problems: Problems) -> None:
        with problems.caught("nodeTrust", _set("nodeTrust kubeadm")):
            runtimes.check_nodes(self.node_trust)
        for name in ("containerd_certs", "docker_certs"):
            key = key_of(name)
            with problems.caught(key, f"{_set(f'{key} <folder>')}, or `pulumi config rm {key}`"):
                if getattr(self, name):
                    object.__setattr__(self, name, cluster.host_folder(getattr(self, name)))
            with problems.caught(key, f"{_set('nodeTrust kubeadm')}, or `pulumi config rm {key}`"):
                if getattr(self, name) and self.node_trust == runtimes.OFF:
                    raise ValueError(f"must not be set while nodeTrust is {runtimes.OFF}")

    def _check_provided(self, problems: Problems) -> None:
        if self.tls_secret:
            with problems.caught("tlsSecret", _set("tlsSecret <name>")):
                cluster.check_object_name(self.tls_secret)
            with problems.caught("tlsSecret", "`pulumi config rm tlsSecret`, or both others"):
                if self.tls_certificate or self.tls_key:
                    raise ValueError("must not be set beside tlsCertificate and tlsKey")
        else:
            texts = []
            for name, where in (("tls_certificate", CERTIFICATE), ("tls_key", _KEY)):
                with problems.caught(*where):
                    if not getattr(self, name):
                        raise ValueError("must be set while tls is provided, unless tlsSecret is")
                    texts.append(x509.read(getattr(self, name)))
            if len(texts) == len((CERTIFICATE, _KEY)):
                pair = provided_pair(problems, x509.Pair(*texts), self.names_needed, CERTIFICATE, _KEY)
                object.__setattr__(self, "tls_certificate", pair.certificate)
                object.__setattr__(self, "tls_key", pair.key)
        with problems.caught("tlsCa", f"{_set('tlsCa <file>')}, or `pulumi config rm tlsCa` for a public CA"):
            if self.tls_ca:
                authorities = x509.certificates(x509.read(self.tls_ca))
                object.__setattr__(self, "tls_ca", x509.to_pem(authorities))

    def _check_accounts(self, problems: Problems) -> None:
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

    def _check_pulls(self, problems: Problems) -> None:
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
        for position, name in enumerate(self.proof_nodes):
            with problems.caught(f"proofNodes[{position}]", _set(f"--path 'proofNodes[{position}]' <name>")):
                cluster.check_object_name(name)
                if name in self.proof_nodes[:position]:
                    raise ValueError(f'must name each node once, got "{name}" again')

    def _check_tools(self, problems: Problems) -> None:
        with problems.caught("testImage", _set("testImage alpine_test:test_1.0")):
            name = ImageName.parse(self.test_image, self._own())
            object.__setattr__(self, "test_image", f"{name.repository}:{name.tag}")
        with problems.caught("platform", _set("platform linux/amd64")):
            references.check_platform(self.platform)
        with problems.caught("dockerHost", _set("dockerHost unix:///var/run/docker.sock")):
            references.check_docker_host(self.docker_host)

    def _own(self) -> list[Address]:
        """Give the registry's addresses, those that are right: the others are reported as such."""
        own = []
        for host in (self.host, self.push_host):
            with Problems().caught("", ""):
                own.append(Address.parse(host, self.port))
        return own

    @property
    def names_needed(self) -> tuple[str, ...]:
        """Names and IP addresses that a certificate made elsewhere has to carry.

        Not a loopback address to push to: a Docker Engine verifies no certificate there.
        """
        hosts = (a.host for a in self._own() if a.host == self.host or not a.is_loopback)
        return tuple(dict.fromkeys(hosts))

    @property
    def address(self) -> Address:
        """Where nodes pull from."""
        return Address(self.host, self.port)

    @property
    def push_address(self) -> Address:
        """Where the Docker Engine pushes to."""
        return Address(self.push_host, self.port)

    @property
    def has_own_ca(self) -> bool:
        """Whether clients have to be given a CA, since the certificate is of none that they know."""
        return self.tls == "generated" or (self.tls == "provided" and bool(self.tls_ca))

    @property
    def node_trust_addresses(self) -> tuple[Address, ...]:
        """Addresses of which nodes are told something: to trust a CA, or to use plain HTTP."""
        if not (self.certs_folders.containerd or self.certs_folders.docker):
            return ()
        own = tuple(dict.fromkeys((self.address, self.push_address)))
        if self.tls == "off":
            return tuple(address for address in own if not address.is_loopback)
        return own if self.has_own_ca else ()

    @property
    def certs_folders(self) -> CertsFolders:
        """Where the nodes' runtimes look for registries: the known folders of their kind, or those that are set."""
        known = runtimes.NODES[self.node_trust]
        return CertsFolders(self.containerd_certs or known.containerd, self.docker_certs or known.docker)

    @property
    def proof_image(self) -> ImageName:
        """The test image without an address."""
        return ImageName.parse(self.test_image)

    @property
    def time_limit(self) -> pulumi.CustomTimeouts:
        """How long to wait for one resource, whatever is done to it."""
        limit = f"{self.timeout_seconds}s"
        return pulumi.CustomTimeouts(create=limit, update=limit, delete=limit)

    @property
    def accounts(self) -> Mapping[str, str]:
        """All accounts, name to password. Secret."""
        return {self.username: self.password, **self.users}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before they say yes: a text each."""
        texts = []
        if self.remove_data:
            texts.append(
                f"{PROJECT}:removeData is true: `up` stops the registry and deletes every image "
                f"in {self.host_path}/registry on node {self.node}; to keep them: `pulumi config rm removeData`"
            )
        if self.tls == "off":
            knows = bool(self.certs_folders.containerd)
            texts += plain_http.warnings(self.address, self.push_address, containerd_knows=knows)
        return tuple(texts)


def provided_pair(
    problems: Problems, given: x509.Pair, names: Iterable[str], certificate: Place, key: Place
) -> x509.Pair:
    """Check a certificate made elsewhere for these names, and its key; give both in one spelling.

    All but the time, which settings do not know. What is given comes back as it was if it is wrong.
    """
    chain: list[Certificate] = []
    with problems.caught(*certificate):
        chain = x509.certificates(given.certificate)
        certificate_rules.check_server(chain[0], names)
    with problems.caught(*key):
        private_key = x509.private_key(given.key)
        if chain:
            certificate_rules.check_match(private_key, chain)
            return x509.Pair(x509.to_pem(chain), x509.key_to_pem(private_key))
    return given


def _set(arguments: str) -> str:
    return f"`pulumi config set {arguments}`"


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

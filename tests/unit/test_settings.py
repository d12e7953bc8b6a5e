"""Settings: defaults, what each key refuses, and what follows from them."""

import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.connections import Connections
from components.nodes import plain_http
from components.nodes.runtimes import CertsFolders
from components.pem import Pair
from components.problems import SettingsError
from components.references import Address, ImageName
from components.sections import key_of
from components.settings import Generated, Plain, Provided, Settings
from components.stack_configuration import compose
from tests.authority import NOW, Authority

PASSWORD = "canary-canary"
NEEDED = {"host": "10.0.0.5", "node": "minikube", "password": PASSWORD}


def made(**values: Any) -> Settings:  # noqa: ANN401 - wrong types are among the cases
    """Make settings from flat values."""
    return compose({**NEEDED, **values})


def problems(**values: Any) -> tuple[str, ...]:  # noqa: ANN401 - wrong types are among the cases
    """Give the lines of what is refused."""
    with pytest.raises(SettingsError) as refused:
        made(**values)

    assert "canary" not in str(refused.value)
    return refused.value.problems


def test_what_is_no_secret_has_to_be_known() -> None:
    """An Output has no value yet, and addresses are needed at once."""
    [problem] = problems(host=pulumi.Output)

    assert problem.startswith("private-registry:host must be a string, got ")
    assert problem.endswith("; fix: see host in docs/settings.md")


def test_a_secret_is_text_or_an_output() -> None:
    """A value of another kind is refused by its type, and not shown."""
    assert problems(password=["canary"]) == (
        "private-registry:password must be a string, got list; fix: see password in docs/settings.md",
    )


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"port": 65536}, "port must be from 1 to 65535, got 65536; fix: `pulumi config set port 5000`"),
        (
            {"host": ""},
            (
                "host must be set to a host name or IP address; fix: `pulumi config set host <address>` "
                "(`kubectl get nodes -o wide` lists addresses)"
            ),
        ),
        (
            {"host": "a.svc"},
            (
                'host must be known outside the cluster, got "a.svc"; nodes and Docker Engines resolve '
                "the name, not Pods, and they do not use cluster DNS; fix: `pulumi config set host "
                "<address>` (`kubectl get nodes -o wide` lists addresses)"
            ),
        ),
        (
            {"push_host": "a/b"},
            (
                'pushHost must be a host name or IP address without a path, got "a/b"; fix: `pulumi '
                "config set pushHost localhost`"
            ),
        ),
        (
            {"namespace": "A"},
            (
                "namespace must be a namespace name (up to 63 lower-case letters, digits, inner hyphens), "
                'got "A"; fix: `pulumi config set namespace default`'
            ),
        ),
        *(
            (
                {"namespace": name, "create_namespace": True},
                (
                    f"createNamespace must not be true while namespace is {name}, which is Kubernetes' own; fix: "
                    "`pulumi config set namespace <name>`, or `pulumi config rm createNamespace`"
                ),
            )
            for name in ("default", "kube-system")
        ),
        (
            {"image": "registry:2"},
            (
                'image must be registry 3.1.1 or newer, got "registry:2"; older ones have open security '
                "advisories and can lose metadata in a crash; fix: `pulumi config set image "
                "registry:3.1.2`, or `pulumi config set allowOutdatedImage true`"
            ),
        ),
        (
            {"tls": "on"},
            'tls must be generated, provided, issued or off, got "on"; fix: `pulumi config set tls generated`',
        ),
        (
            {"certificate_days": 29},
            ("certificateDays must be from 30 to 825 days, got 29; fix: `pulumi config set certificateDays 365`"),
        ),
        ({"ca_generation": 0}, "caGeneration must be 1 or more, got 0; fix: `pulumi config set caGeneration 1`"),
        (
            {"tls": "provided", "tls_secret": "A"},
            (
                "tlsSecret must be a Kubernetes name (lower-case letters, digits, inner hyphens and "
                'dots), got "A"; fix: `pulumi config set tlsSecret <name>`'
            ),
        ),
        (
            {"node_trust": "k3d"},
            (
                'nodeTrust must be kubeadm, kind, minikube, k3s, rke2 or off, got "k3d"; fix: `pulumi '
                "config set nodeTrust kubeadm`"
            ),
        ),
        (
            {"containerd_certs": "certs.d"},
            (
                'containerdCerts must be an absolute path on the node, got "certs.d"; fix: `pulumi config '
                "set containerdCerts <folder>`, or `pulumi config rm containerdCerts`"
            ),
        ),
        (
            {"docker_certs": "/"},
            (
                "dockerCerts must be a folder of its own, got the whole disk of the node; fix: `pulumi "
                "config set dockerCerts <folder>`, or `pulumi config rm dockerCerts`"
            ),
        ),
        (
            {"node_trust": "off", "containerd_certs": "/etc/certs.d"},
            (
                "containerdCerts must not be set while nodeTrust is off; fix: `pulumi config set "
                "nodeTrust kubeadm`, or `pulumi config rm containerdCerts`"
            ),
        ),
        (
            {"node_trust": "off", "docker_certs": "/etc/certs.d"},
            (
                "dockerCerts must not be set while nodeTrust is off; fix: `pulumi config set nodeTrust "
                "kubeadm`, or `pulumi config rm dockerCerts`"
            ),
        ),
        (
            {"node": ""},
            (
                "node must be set: images lie on one node's disk, and on another node the registry would "
                "be empty; fix: `pulumi config set node <name>` (`kubectl get nodes` lists names)"
            ),
        ),
        (
            {"host_path": "data"},
            (
                'hostPath must be an absolute path on the node, got "data"; fix: `pulumi config set '
                "hostPath /data/registry`"
            ),
        ),
        (
            {"memory": "4GB"},
            (
                'memory must be a Kubernetes quantity of memory such as 512Mi or 4Gi, got "4GB"; '
                "fix: `pulumi config set memory 4Gi`"
            ),
        ),
        ({"memory": "64Mi"}, 'memory must be 256Mi or more, got "64Mi"; fix: `pulumi config set memory 4Gi`'),
        (
            {"replicas": 2},
            (
                "replicas must be 1, got 2: images lie in a folder of one node, where a second Pod would "
                "write the same files; fix: `pulumi config set replicas 1`"
            ),
        ),
        (
            {"timeout_seconds": 4},
            ("timeoutSeconds must be from 5 to 3600 seconds, got 4; fix: `pulumi config set timeoutSeconds 120`"),
        ),
        (
            {"timeout_seconds": 3601},
            (
                "timeoutSeconds must be from 5 to 3600 seconds, got 3601; fix: `pulumi config set "
                "timeoutSeconds 120`"
            ),
        ),
        (
            {"username": "a:b"},
            (
                'username must not contain a colon, which ends the name in basic auth, got "a:…"; fix: '
                "`pulumi config set username registry`"
            ),
        ),
        (
            {"password": "canary"},
            (
                "password must be at least 12 bytes outside development, got 6; fix: `pulumi config set "
                "--secret password`"
            ),
        ),
        (
            {"users": {"a:b": PASSWORD}},
            (
                'users["a:…"] must not contain a colon, which ends the name in basic auth, got "a:…"; '
                "fix: delete the account in the stack's file, then `pulumi config set --secret --path "
                "'users[\"<name>\"]'`"
            ),
        ),
        (
            {"users": {"registry": PASSWORD}},
            (
                'users["registry"] must not repeat the account of username; fix: delete the account in '
                "the stack's file, then `pulumi config set --secret --path 'users[\"<name>\"]'`"
            ),
        ),
        (
            {"users": {"al": "canary"}},
            (
                'users["al"] must be at least 12 bytes outside development, got 6; fix: `pulumi config '
                "set --secret --path 'users[\"al\"]'`"
            ),
        ),
        (
            {"users": {"al": 123456}},
            ('users["al"] must be a string, got int; fix: `pulumi config set --secret --path \'users["al"]\'`'),
        ),
        (
            {"users": {"al": True}},
            ('users["al"] must be a string, got bool; fix: `pulumi config set --secret --path \'users["al"]\'`'),
        ),
        (
            {"pull_secret_name": "A"},
            (
                "pullSecretName must be a Kubernetes name (lower-case letters, digits, inner hyphens and "
                'dots), got "A"; fix: `pulumi config set pullSecretName regcred`'
            ),
        ),
        (
            {"pull_namespace_selector": "  "},
            (
                "pullNamespaceSelector must not be blank, which would select every namespace; fix: `pulumi config "
                "set pullNamespaceSelector <label>=<value>`"
            ),
        ),
        (
            {"pull_service_accounts": ("default", "default")},
            (
                'pullServiceAccounts[1] must name each ServiceAccount once, got "default" again; fix: `pulumi '
                "config set --path 'pullServiceAccounts[1]' <name>`"
            ),
        ),
        (
            {"pull_namespaces": ()},
            (
                "pullNamespaces must name a namespace, in which the proof Pod runs; fix: `pulumi config "
                "set --path 'pullNamespaces[0]' default`"
            ),
        ),
        (
            {"pull_namespaces": ("a", "B")},
            (
                "pullNamespaces[1] must be a namespace name (up to 63 lower-case letters, digits, inner "
                "hyphens), got \"B\"; fix: `pulumi config set --path 'pullNamespaces[1]' <name>`"
            ),
        ),
        (
            {"pull_namespaces": ("a", "b", "a")},
            (
                'pullNamespaces[2] must name each namespace once, got "a" again; fix: `pulumi config '
                "set --path 'pullNamespaces[2]' <name>`"
            ),
        ),
        (
            {"proof_nodes": ("node-1", "Node_2")},
            (
                "proofNodes[1] must be a Kubernetes name (lower-case letters, digits, inner hyphens and "
                "dots), got \"Node_2\"; fix: `pulumi config set --path 'proofNodes[1]' <name>`"
            ),
        ),
        (
            {"proof_nodes": ("a", "b", "a")},
            (
                'proofNodes[2] must name each node once, got "a" again; fix: `pulumi config set --path '
                "'proofNodes[2]' <name>`"
            ),
        ),
        (
            {"test_image": "MyApp"},
            (
                'testImage must have a repository in lower case, got "MyApp"; "myapp" would do; fix: '
                "`pulumi config set testImage alpine_test:test_1.0`"
            ),
        ),
        (
            {"test_image": "docker.io/a/b:1"},
            (
                'testImage must be repository:tag without a host, got "docker.io/a/b:1"; fix: `pulumi '
                "config set testImage alpine_test:test_1.0`"
            ),
        ),
        (
            {"platform": "amd64"},
            (
                'platform must be os/architecture or os/architecture/variant, got "amd64"; fix: `pulumi '
                "config set platform linux/amd64`"
            ),
        ),
    ],
)
def test_a_broken_rule_is_one_line_with_key_rule_and_fix(values: dict[str, Any], line: str) -> None:
    """Each key is checked, and by its own rule."""
    [problem] = problems(**values)

    assert problem == f"private-registry:{line}"
    assert re.search(r"; fix: .*`pulumi config (set|rm) ", problem)


@pytest.mark.parametrize("seconds", [5, 3600])
def test_accepts_both_ends_of_the_timeout(seconds: int) -> None:
    """The limits themselves are allowed."""
    assert made(timeout_seconds=seconds).cluster.timeout_seconds == seconds


def test_overrides_allow_what_they_name() -> None:
    """An old image, and short passwords, each by its own switch."""
    settings = made(
        image="registry:2.8.3", allow_outdated_image=True, password="p", users={"a": "q"}, development=True
    )

    assert (settings.access.password, settings.access.users) == ("p", {"a": "q"})


def test_values_are_kept_in_one_spelling() -> None:
    """Another way to write the same is no change to the cluster."""
    settings = made(
        host="https://Registry.Test:5000/v2/",
        push_host="[::1]",
        host_path="/data/registry/",
        containerd_certs="/etc//certs.d/",
        docker_certs="/etc/docker/./certs.d",
        test_image="registry.test:5000/team/app",
    )

    assert settings.exposure.address == Address("registry.test", 5000)
    assert settings.exposure.push_address == Address("::1", 5000)
    assert settings.storage.folder == "/data/registry"
    assert settings.nodes.certs_folders == CertsFolders("/etc/certs.d", "/etc/docker/certs.d")
    assert settings.proof.image(settings.exposure.addresses) == ImageName("team/app", "latest")


def test_later_changes_to_the_callers_objects_have_no_effect() -> None:
    """What was checked is what is used."""
    users, namespaces, nodes = {"al": PASSWORD}, ["a"], ["b"]
    settings = made(users=users, pull_namespaces=namespaces, proof_nodes=nodes)
    users["b"] = ""
    namespaces.append("B")
    nodes.append("B")

    assert settings.access.users == {"al": PASSWORD}
    assert settings.access.pull_namespaces == ("a",)
    assert settings.proof.proof_nodes == ("b",)


def test_secrets_stay_out_of_the_repr() -> None:
    """A dataclass in a traceback or a log shows all that it does not hide."""
    shown = repr(made(users={"al": "canary-2-canary"})) + repr(Connections(kubeconfig='{"token": "canary"}'))

    assert "canary" not in shown
    assert "host='10.0.0.5'" in shown


@pytest.mark.parametrize(
    ("values", "knows"), [({}, True), ({"node_trust": "off"}, False)], ids=["told", "left alone"]
)
def test_c14_plain_http_at_other_machines_comes_with_what_it_needs(values: dict[str, str], *, knows: bool) -> None:
    """For both addresses; containerd's part is left out where nodes are told of it anyway."""
    shown = made(tls="off", allow_plain_http=True, push_host="10.0.0.6", **values).warnings

    assert shown == plain_http.warnings(
        Address("10.0.0.5", 5000), Address("10.0.0.6", 5000), containerd_knows=knows
    )
    assert len(shown) == 2


def test_c14_loopback_needs_no_warning() -> None:
    """Docker Engines and nodes accept plain HTTP there."""
    assert made(tls="off", host="localhost", push_host="127.0.0.1").warnings == ()


def test_c14_plain_http_at_other_machines_is_refused_until_it_is_allowed() -> None:
    """Each address is named, once."""
    [problem] = problems(tls="off", host="10.0.0.5", push_host="registry.test")
    [same] = problems(tls="off", host="10.0.0.5", push_host="10.0.0.5")

    assert problem == (
        "private-registry:tls must not be off for 10.0.0.5:5000 and registry.test:5000: accounts and images would "
        "travel in clear, and nodes and Docker Engines refuse plain HTTP until each is told otherwise; fix: "
        "`pulumi config set tls generated`, or `pulumi config set allowPlainHttp true`"
    )
    assert "must not be off for 10.0.0.5:5000: " in same


def test_c14_encrypted_needs_no_warning() -> None:
    """Whatever the addresses; it is the default."""
    assert made(host="10.0.0.5", push_host="10.0.0.6").warnings == ()


def provided(pair: Pair, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - wrong types are among the cases
    """Give the settings of a certificate that was made elsewhere."""
    return {"tls": "provided", "tls_certificate": pair.certificate, "tls_key": pair.key, **values}


def test_removal_of_images_is_warned_of() -> None:
    """In the preview, with the node and the folder, before anybody says yes."""
    [warning] = made(remove_data=True, host_path="/srv/images").warnings

    assert "deletes every image in /srv/images/registry on node minikube" in warning


def test_certificate_made_elsewhere_is_taken_as_content_or_by_path(tmp_path: Path) -> None:
    """Both count as the same, so that changing over changes nothing."""
    authority = Authority()
    pair = authority.issue("10.0.0.5")
    files = {"tls_certificate": pair.certificate, "tls_key": pair.key, "tls_ca": authority.pem}
    for name, text in files.items():
        (tmp_path / name).write_text(f"a comment\n{text}")
    by_path = made(tls="provided", **{name: str(tmp_path / name) for name in files})

    by_content = made(**provided(pair, tls_ca=files["tls_ca"]))
    for settings in (by_path, by_content):
        tls = settings.tls
        assert isinstance(tls, Provided)
        assert isinstance(tls.tls_certificate, str)
        assert isinstance(tls.tls_key, str)
        assert tls.given(tls.tls_certificate, tls.tls_key, settings.exposure, NOW) == pair
        assert tls.authorities == files["tls_ca"]


def test_n08_more_cas_than_the_cluster_can_hold_are_refused_with_size_and_limit() -> None:
    """One below the limit passes, which is far more than any company's bundle; comments do not count."""
    authority = Authority()
    pair, own, one = authority.issue("registry.test"), authority.pem, Authority().pem
    most = (1 << 20) // len(one) - 1
    many = own + f"{'a comment':2000}\n" + one * most
    assert len(many) > 1 << 20

    made(**provided(pair, host="registry.test", tls_ca=many.replace("a comment", "")))
    [problem] = problems(**provided(pair, host="registry.test", tls_ca=many + 2 * one))
    assert problem == (
        "private-registry:tlsCa must be at most 1048576 bytes in PEM without comments (1 MiB), "
        f"got {len(own) + (most + 2) * len(one)}; "
        "fix: `pulumi config set tlsCa <file>` with the CAs of this certificate alone"
    )


def test_certificate_has_to_carry_the_address_to_push_to_too() -> None:
    """Except loopback, where a Docker Engine verifies nothing and no public CA signs."""
    pair = Authority().issue("registry.test")

    assert made(**provided(pair, host="Registry.test", push_host="127.0.0.1")).exposure.names_needed == (
        "registry.test",
    )
    [problem] = problems(**provided(pair, host="registry.test", push_host="push.test"))
    assert problem == (
        "private-registry:tlsCertificate must carry the DNS name push.test as a subject alternative name, "
        "got registry.test; fix: `pulumi config set tlsCertificate <file>`"
    )


def test_certificate_for_loopback_has_to_carry_it_where_nodes_pull() -> None:
    """They do verify it."""
    [problem] = problems(**provided(Authority().issue("registry.test"), host="localhost"))

    assert "must carry the DNS name localhost " in problem


def test_all_that_is_wrong_with_a_certificate_is_told_at_once() -> None:
    """Names, key and CA, each under its own setting and with its fix; never the key."""
    pair, other = Authority().issue("other.test"), Authority().issue("x.test")
    lines = problems(**provided(Pair(pair.certificate, other.key), tls_ca="nowhere"))

    assert [line.partition(" must ")[0] for line in lines] == [
        "private-registry:tlsCertificate",
        "private-registry:tlsKey",
        "private-registry:tlsCa",
    ]
    assert lines[1] == (
        'private-registry:tlsKey must belong to the certificate of "CN=server", got the key of another; fix: '
        "`pulumi config set --secret tlsKey < key.pem`, or `pulumi config set tlsKey key.pem`"
    )
    assert lines[2].endswith("fix: `pulumi config set tlsCa <file>`, or `pulumi config rm tlsCa` for a public CA")
    assert other.key.splitlines()[1] not in "".join(lines)


def test_key_that_cannot_be_read_is_not_shown() -> None:
    """It may have lost its first line."""
    pair = Authority().issue("10.0.0.5")
    body = "".join(pair.key.splitlines()[1:-1])
    [problem] = problems(**provided(Pair(pair.certificate, body)))

    assert problem.startswith(
        "private-registry:tlsKey must be PEM, or the path of a PEM file, got base64 without its -----BEGIN line; "
    )
    assert body[:20] not in problem


@pytest.mark.parametrize(
    ("missing", "fix"),
    [
        ("tls_certificate", "`pulumi config set tlsCertificate <file>`"),
        ("tls_key", "`pulumi config set --secret tlsKey < key.pem`, or `pulumi config set tlsKey key.pem`"),
    ],
)
def test_certificate_and_key_are_needed_both(missing: str, fix: str) -> None:
    """Or a Secret in place of both."""
    [problem] = problems(**provided(Authority().issue("10.0.0.5"), **{missing: ""}))

    assert problem == (
        f"private-registry:{key_of(missing)} must be set while tls is provided, unless tlsSecret is; fix: {fix}"
    )


def test_a_secret_takes_the_place_of_both() -> None:
    """It is read in the cluster, so that nothing more can be said of it here."""
    assert made(tls="provided", tls_secret="web-tls").tls == Provided(tls_secret="web-tls")
    [problem] = problems(**provided(Authority().issue("10.0.0.5"), tls_secret="web-tls"))
    assert problem == (
        "private-registry:tlsSecret must not be set beside tlsCertificate and tlsKey; "
        "fix: `pulumi config rm tlsSecret`, or both others"
    )


FOREIGN = [
    ("generated", {"tls_certificate": "canary"}, "provided"),
    ("generated", {"tls_key": "canary"}, "provided"),
    ("generated", {"tls_secret": "canary"}, "provided"),
    ("generated", {"tls_ca": "canary"}, "provided and issued"),
    ("generated", {"tls_issuer": "Issuer/canary"}, "issued"),
    ("issued", {"tls_secret": "canary", "tls_issuer": "Issuer/own"}, "provided"),
    ("generated", {"allow_plain_http": True}, "off"),
    ("off", {"ca_generation": 2, "host": "localhost"}, "generated"),
    ("off", {"tls_key": "canary", "host": "localhost"}, "provided"),
    ("provided", {"certificate_days": 90, "tls_secret": "web-tls"}, "generated"),
]


@pytest.mark.parametrize(("kind", "values", "owner"), FOREIGN, ids=lambda value: str(value)[:30])
def test_what_belongs_to_another_kind_is_refused(kind: str, values: dict[str, Any], owner: str) -> None:
    """`tls` was forgotten, and another kind would take its place in silence. No value is shown."""
    name = next(iter(values))
    [problem] = problems(tls=kind, **values)

    assert problem == (
        f"private-registry:{key_of(name)} must not be set while tls is {kind}: it belongs to {owner}; "
        f"fix: `pulumi config rm {key_of(name)}`, or `pulumi config set tls {owner.split(maxsplit=1)[0]}`"
    )


@pytest.mark.parametrize(
    "issuer", ["", "letsencrypt", "Issuer", "Issuer/", "issuer/a", "ClusterIssuer/A", "Issuer/a/b"]
)
def test_an_issuer_is_a_kind_and_a_name(issuer: str) -> None:
    """As cert-manager knows them."""
    [problem] = problems(tls="issued", tls_issuer=issuer)

    assert problem.startswith("private-registry:tlsIssuer must be ")
    assert problem.endswith("; fix: `pulumi config set tlsIssuer ClusterIssuer/<name>`")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tls": "issued", "tls_issuer": "Issuer/own", "tls_renewal_time": "3"}, "tlsRenewalTime must be a time"),
        (
            {
                "tls": "issued",
                "tls_issuer": "Issuer/own",
                "tls_renewal_time": "03:30",
                "rights": {"pull": "pull *"},
            },
            "tlsRenewalTime must not be set beside rights",
        ),
        (
            {"tls": "provided", "tls_secret": "a", "tls_renewal_time": "03:30", "collection_time": "03:30"},
            "tlsRenewalTime must not be set beside collectionTime",
        ),
    ],
)
def test_a_time_of_renewal_that_cannot_work_is_refused(values: dict[str, Any], said: str) -> None:
    """Where nothing waits for it."""
    [problem] = problems(**values)

    assert problem.startswith(f"private-registry:{said}")


def test_what_equals_the_default_belongs_to_every_kind() -> None:
    """Pulumi hands over the defaults of Pulumi.yaml, whatever the kind."""
    assert made(tls="off", host="localhost", certificate_days=365, tls_ca="").tls == Plain()
    assert made(certificate_days=365, allow_plain_http=False).tls == Generated()


def test_key_stays_out_of_the_repr() -> None:
    """As all secrets."""
    pair = Authority().issue("10.0.0.5")
    key, settings = pair.key, made(**provided(pair))

    assert key.splitlines()[1] not in repr(settings)


def told(**values: Any) -> list[str]:  # noqa: ANN401 - any setting
    """Give the addresses of which nodes are told something."""
    settings = made(**values)
    return [str(address) for address in settings.nodes.addresses(settings.exposure, settings.tls)]


@pytest.mark.parametrize(("tls", "own"), [("generated", True), ("off", False)])
def test_clients_are_given_the_ca_that_is_made_here(tls: str, *, own: bool) -> None:
    """Nobody knows it before."""
    assert made(tls=tls, host="localhost").tls.has_own_ca is own


@pytest.mark.parametrize("with_ca", [True, False])
def test_clients_are_given_the_ca_of_a_certificate_made_elsewhere_if_it_is_set(*, with_ca: bool) -> None:
    """Without one, it is a public CA, or one that nodes and Docker Engines have already."""
    authority = Authority()
    pair = authority.issue("10.0.0.5")
    settings = made(**provided(pair, tls_ca=authority.pem if with_ca else ""))

    assert settings.tls.has_own_ca is with_ca
    assert bool(settings.nodes.addresses(settings.exposure, settings.tls)) is with_ca


def test_nodes_are_told_of_both_addresses_of_an_own_ca() -> None:
    """The one to push to as well: images may be named by it. Loopback too, where containerd verifies."""
    assert told() == ["10.0.0.5:5000", "localhost:5000"]
    assert told(host="fd00::5", push_host="push.test", port=5443) == ["[fd00::5]:5443", "push.test:5443"]


def test_nodes_are_told_once_of_one_address() -> None:
    """Two folders of one name would be one."""
    assert told(push_host="10.0.0.5") == ["10.0.0.5:5000"]


@pytest.mark.parametrize(
    ("values", "addresses"),
    [
        ({}, ["10.0.0.5:5000"]),
        ({"push_host": "push.test"}, ["10.0.0.5:5000", "push.test:5000"]),
        ({"host": "127.0.0.1"}, []),
    ],
    ids=["nodes", "both", "loopback"],
)
def test_nodes_are_told_of_plain_http_except_at_loopback(values: dict[str, Any], addresses: list[str]) -> None:
    """There, runtimes try it by themselves."""
    assert told(tls="off", allow_plain_http=True, **values) == addresses


@pytest.mark.parametrize("values", [{}, {"tls": "off", "allow_plain_http": True}], ids=["TLS", "plain HTTP"])
def test_nodes_are_left_alone_if_they_are_to_be(values: dict[str, Any]) -> None:
    """Whatever there is to tell."""
    assert told(node_trust="off", **values) == []


@pytest.mark.parametrize(
    ("values", "folders"),
    [
        ({}, CertsFolders("/etc/containerd/certs.d")),
        ({"node_trust": "minikube"}, CertsFolders("/etc/containerd/certs.d", "/etc/docker/certs.d")),
        ({"containerd_certs": "/srv/certs"}, CertsFolders("/srv/certs")),
        ({"docker_certs": "/srv/certs"}, CertsFolders("/etc/containerd/certs.d", "/srv/certs")),
        (
            {"node_trust": "minikube", "containerd_certs": "/srv/a", "docker_certs": "/srv/b"},
            CertsFolders("/srv/a", "/srv/b"),
        ),
        ({"node_trust": "off"}, CertsFolders("")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_folders_are_those_of_the_nodes_unless_they_are_set(values: dict[str, str], folders: CertsFolders) -> None:
    """Each by itself: a moved containerd does not move Docker."""
    assert made(**values).nodes.certs_folders == folders


@pytest.mark.parametrize(
    ("field", "key"),
    [("host", "host"), ("push_host", "pushHost"), ("allow_outdated_image", "allowOutdatedImage")],
)
def test_keys_are_camel_case(field: str, key: str) -> None:
    """As Pulumi's own are."""
    assert key_of(field) == key

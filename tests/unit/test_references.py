"""Addresses and image names: one spelling for each, and a clear no to the rest."""

import re

import pytest

from components import references
from components.references import Address, ImageName

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.5",
        "10.0.0.5:5000",
        "http://10.0.0.5:5000",
        "https://10.0.0.5:5000",
        "HTTPS://10.0.0.5",
        "10.0.0.5:",
        "10.0.0.5:5000/",
        "10.0.0.5/v2/",
        "https://10.0.0.5:5000/v2/",
    ],
)
def test_c08_every_form_of_an_address_becomes_host_and_port(text: str) -> None:
    """Scheme, slash, API path and repeated port do not reach the image reference or the pull secret."""
    assert str(Address.parse(text, 5000)) == "10.0.0.5:5000"


@pytest.mark.parametrize("text", ["2001:DB8::5", "[2001:db8::5]", "[2001:db8::5]:5000", "http://[2001:db8:0::5]/"])
def test_ipv6_addresses_get_brackets(text: str) -> None:
    """An IPv6 address may come with or without brackets, and always leaves with them."""
    assert str(Address.parse(text, 5000)) == "[2001:db8::5]:5000"


def test_host_names_become_lower_case() -> None:
    """DNS ignores case while pull secrets and trust folders do not."""
    assert Address.parse("Registry.Example.TEST", 443) == Address("registry.example.test", 443)


def test_bare_names_are_accepted() -> None:
    """Nodes of many networks resolve names without a dot."""
    assert str(Address.parse("buildbox", 5000)) == "buildbox:5000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be set to a host name or IP address"),
        ("10.0.0.5:6000", 'must agree with the port setting (5000), got "10.0.0.5:6000"'),
        ("[::1]:6000", 'must agree with the port setting (5000), got "[::1]:6000"'),
        ("10.0.0.5/team", 'must be a host name or IP address without a path, got "10.0.0.5/team"'),
        ("ftp://10.0.0.5", 'must be a host name or IP address, got "ftp://10.0.0.5"'),
        ("10.0.0.256", "looks like an IPv4 address and is none"),
        ("10.0.5", "looks like an IPv4 address and is none"),
        ("0.0.0.0", 'must be an address that other machines can reach, got "0.0.0.0"'),  # noqa: S104 - refused
        ("[::]", 'must be an address that other machines can reach, got "[::]"'),
        ("fe80::1%eth0", 'must be an address that other machines can reach, got "fe80::1%eth0"'),
        ("[::1", 'letters, digits, hyphens, dots) or IP address, got "[::1"'),
        ("[::1]x", 'letters, digits, hyphens, dots) or IP address, got "[::1]x"'),
        ("my_host", 'letters, digits, hyphens, dots) or IP address, got "my_host"'),
        ("-host", 'or IP address, got "-host"'),
        ("host.", 'or IP address, got "host."'),
        ("two words", 'or IP address, got "two words"'),
        ("münchen.example", 'or IP address, got "münchen.example"'),
        ("a" * 64, "or IP address, got"),
        (".".join(["a" * 50] * 6), "or IP address, got"),
        ("host\n", "or IP address, got"),
    ],
)
def test_refuses_what_is_no_address(text: str, message: str) -> None:
    """The message shows the address and what is wrong with it."""
    with pytest.raises(ValueError, match="^must .*" + re.escape(message.removeprefix("must "))):
        Address.parse(text, 5000)


def test_refuses_credentials_in_an_address_without_showing_them() -> None:
    """What stands before the @ may be a password."""
    with pytest.raises(ValueError, match="without user or password") as refused:
        Address.parse("https://registry:canary@10.0.0.5", 5000)

    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("host", ["registry.default.svc", "registry.registry.svc.cluster.local", "R.cluster.local"])
def test_c12_refuses_names_of_cluster_dns(host: str) -> None:
    """A node's runtime does not ask cluster DNS, so such an image could never be pulled."""
    with pytest.raises(ValueError, match="nodes and Docker Engines resolve the name, not Pods"):
        Address.parse(host, 5000)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.0.5", False),
        ("lo", False),
    ],
)
def test_c14_knows_loopback_addresses(host: str, *, loopback: bool) -> None:
    """Only there do Docker Engines and nodes speak plain HTTP unasked."""
    assert Address(host, 5000).is_loopback is loopback


@pytest.mark.parametrize("port", [1, 5000, 65535])
def test_accepts_tcp_ports(port: int) -> None:
    """Both ends of the range are ports."""
    references.check_port(port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_refuses_other_ports(port: int) -> None:
    """The message gives the range and the value."""
    with pytest.raises(ValueError, match=f"must be from 1 to 65535, got {port}"):
        references.check_port(port)


def test_c25_full_references_carry_the_registry_and_the_tag() -> None:
    """An image `test` for 10.0.0.5:5000 cannot go to the public hub."""
    address = Address.parse("10.0.0.5", 5000)

    assert ImageName.parse("test").tagged(address) == "10.0.0.5:5000/test:latest"
    assert ImageName.parse("team/test:1").tagged(address) == "10.0.0.5:5000/team/test:1"


def test_pinned_references_carry_the_digest() -> None:
    """The proof names one content, whatever the tag moves to."""
    assert ImageName("a/b", "1").pinned(Address("::1", 5000), DIGEST) == f"[::1]:5000/a/b@{DIGEST}"


@pytest.mark.parametrize("text", ["10.0.0.5:5000/team/test:1", "LOCALHOST:5000/team/test:1"])
def test_c25_drops_the_registrys_own_address(text: str) -> None:
    """Whoever gives the host twice means the same image."""
    own = [Address("10.0.0.5", 5000), Address("localhost", 5000)]

    assert ImageName.parse(text, own) == ImageName("team/test", "1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MyApp", 'must have a repository in lower case, got "MyApp"; "myapp" would do'),
        ("docker.io/library/test:1", 'without a host, got "docker.io/library/test:1"'),
        ("10.0.0.5:6000/test", 'without a host, got "10.0.0.5:6000/test"'),
        ("localhost/test", 'without a host, got "localhost/test"'),
        ("10.0.0.5:5000", 'must name a repository, got only the registry\'s own address "10.0.0.5:5000"'),
        (f"test@{DIGEST}", "the digest is known only after the push"),
        ("test@sha256:12", "must have a digest of sha256: and 64 hexadecimal digits"),
        ("test:", 'must have a tag of at most 128 letters, digits, _ . and -, got "test:"'),
        ("test:-x", "must have a tag"),
        ("test:" + "x" * 129, "must have a tag"),
        ("", "must have a repository of lower-case letters and digits"),
        ("a//b", "must have a repository of"),
        ("a___b", "must have a repository of"),
        ("té", "must have a repository of"),
        ("a" * 256, "must have a repository of"),
    ],
)
def test_c25_refuses_image_names_that_cannot_be_pushed(text: str, message: str) -> None:
    """Refused by name in preview instead of by the Docker Engine half-way through."""
    with pytest.raises(ValueError, match=re.escape(message)):
        ImageName.parse(text, [Address("10.0.0.5", 5000)])


def test_digest_is_taken_from_a_reference() -> None:
    """The Docker Engine reports `host:port/repository@sha256:...`."""
    assert references.digest_of(f"localhost:5000/test@{DIGEST}") == DIGEST


@pytest.mark.parametrize("text", ["localhost:5000/test:1", "", f"test@{DIGEST}0", "test@sha512:" + "0" * 128])
def test_refuses_references_without_a_digest(text: str) -> None:
    """A tag must not pass for a digest."""
    with pytest.raises(ValueError, match="must end in @sha256:"):
        references.digest_of(text)


@pytest.mark.parametrize(
    "image",
    [
        "registry:2",
        "registry:2.8",
        "registry:2.6.2",
        "registry:2.8.3",
        "registry:v2.8.3",
        "registry:3.0",
        "registry:3.0.0",
        "registry:3.0.0-rc.1",
        "registry:3.1.0",
        "registry:3.1.0-alpine",
        "registry:3.1.1-rc.1",
        f"registry:3.1.0@{DIGEST}",
        "mirror.example:5000/library/registry:2.8.3",
    ],
)
def test_refuses_outdated_registries_unless_allowed(image: str) -> None:
    """Older than 3.1.1 means open advisories; an operator may still insist."""
    references.check_registry_image(image, allow_outdated=True)

    with pytest.raises(ValueError, match=f'must be registry 3.1.1 or newer, got "{re.escape(image)}"'):
        references.check_registry_image(image, allow_outdated=False)


@pytest.mark.parametrize(
    "image",
    [
        "registry:3.1.1",
        "registry:3.1.2",
        "registry:3.1.1-alpine",
        "registry:3.2.0-rc.1",
        "registry:3.10.0",
        "registry:4",
        "registry:3",
        "registry:3.1",
        "registry:latest",
        "registry:edge",
        "registry",
        f"registry@{DIGEST}",
        f"registry:3.1.1@{DIGEST}",
        "localhost:5000/registry:3.1.2",
    ],
)
def test_accepts_newer_registries_and_tags_that_cannot_be_judged(image: str) -> None:
    """A tag that may stand for a new version gets the benefit of the doubt."""
    references.check_registry_image(image, allow_outdated=False)


def test_refuses_what_is_no_image_even_where_outdated_ones_are_allowed() -> None:
    """The override is about age only."""
    with pytest.raises(ValueError, match="must have a repository in lower case"):
        references.check_registry_image("Registry:3.1.2", allow_outdated=True)


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64/v8", "linux/riscv64"])
def test_accepts_platforms(platform: str) -> None:
    """With and without a variant."""
    references.check_platform(platform)


@pytest.mark.parametrize("platform", ["", "linux", "amd64/", "Linux/AMD64", "linux/amd64/v8/x", "linux/amd64\n"])
def test_refuses_other_platforms(platform: str) -> None:
    """An unset platform would mean that of whichever machine runs the program (C26)."""
    with pytest.raises(ValueError, match="must be os/architecture or os/architecture/variant, got"):
        references.check_platform(platform)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:///var/run/docker.sock",
        "tcp://10.0.0.5:2376",
        "ssh://me@host",
        "npipe:////./pipe/docker_engine",
    ],
)
def test_accepts_docker_hosts(text: str) -> None:
    """Each scheme that the Docker client knows, and empty for its default."""
    references.check_docker_host(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "/var/run/docker.sock",
            'must begin with unix://, tcp://, ssh:// or npipe://, got "/var/run/docker.sock"',
        ),
        ("https://host", "must begin with unix://"),
        ("unix://", "must say where the Docker Engine listens after unix://"),
        ("tcp://", "must say where the Docker Engine listens after tcp://"),
        ("unix://var/run/docker.sock", "must give the socket as an absolute path"),
        ("tcp://[::1", "must be a URL such as"),
        ("ssh://me:canary@host", "must not hold a password"),
    ],
)
def test_refuses_other_docker_hosts(text: str, message: str) -> None:
    """With the reason, and without a password that was in it."""
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        references.check_docker_host(text)

    assert "canary" not in str(refused.value)

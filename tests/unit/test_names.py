"""What Kubernetes allows as a name."""

import re

import pytest

from components.cluster import names


@pytest.mark.parametrize("name", ["default", "team-a", "1", "a" * 63])
def test_accepts_namespaces(name: str) -> None:
    """Labels of RFC 1123."""
    names.check_namespace(name)


@pytest.mark.parametrize("name", ["", "Default", "a.b", "-a", "a-", "a_b", "a" * 64, "a\n"])
def test_refuses_other_namespaces(name: str) -> None:
    """The message shows the name and the rule."""
    with pytest.raises(ValueError, match=re.escape("must be a namespace name (up to 63 lower-case")):
        names.check_namespace(name)


@pytest.mark.parametrize("name", ["regcred", "minikube", "ip-10-0-0-5.example.test", "1", "a" * 63])
def test_accepts_names_of_secrets_and_nodes(name: str) -> None:
    """Subdomains of RFC 1123."""
    names.check_object_name(name)


@pytest.mark.parametrize("name", ["", "RegCred", "a..b", ".a", "a.", "a-.b", "a.-b", "a_b"])
def test_refuses_other_names(name: str) -> None:
    """The message shows the name."""
    with pytest.raises(ValueError, match=f'must be a Kubernetes name .*, got "{re.escape(name)}"'):
        names.check_object_name(name)


@pytest.mark.parametrize(
    "name", ["a" * 64, f"{'a' * 100}.{'b' * 100}", "a" * 253, ".".join(["a" * 60] * 4)], ids=len
)
def test_n09_accepts_names_of_up_to_253_characters(name: str) -> None:
    """Only DNS limits each part to 63; Kubernetes limits the whole."""
    names.check_object_name(name)


@pytest.mark.parametrize("name", ["a" * 254, ".".join(["a" * 60] * 5)], ids=len)
def test_n09_refuses_longer_names_with_their_length(name: str) -> None:
    """Nobody counts so many characters."""
    with pytest.raises(ValueError, match=f"of at most 253 characters, got a text of {len(name)} characters"):
        names.check_object_name(name)

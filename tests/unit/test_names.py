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


@pytest.mark.parametrize("name", ["regcred", "minikube", "ip-10-0-0-5.example.test", "a" * 63])
def test_accepts_names_of_secrets_and_nodes(name: str) -> None:
    """Subdomains of RFC 1123."""
    names.check_object_name(name)


@pytest.mark.parametrize("name", ["RegCred", "a..b", "a.", "a_b", ".".join(["a" * 60] * 5)])
def test_refuses_other_names(name: str) -> None:
    """The message shows the name."""
    with pytest.raises(ValueError, match=f'must be a Kubernetes name .*, got "{re.escape(name)}"'):
        names.check_object_name(name)

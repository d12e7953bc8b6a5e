"""The pull secret of each namespace."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.components.declaration import PASSWORD, SECRET, declared
from tests.components.recorder import Secret

PREFIX = "registry-pull-secret-"


def made(**values: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - any setting
    """Give the inputs of all pull secrets by namespace."""
    return {
        name.removeprefix(PREFIX): item.inputs
        for name, item in declared(**values).all(SECRET).items()
        if name.startswith(PREFIX)
    }


def entries(inputs: dict[str, Any]) -> dict[str, Any]:
    """Read the addresses' entries, which have to be secret to Pulumi."""
    data = inputs["stringData"]
    assert isinstance(data, Secret)
    assert list(data.value) == [".dockerconfigjson"]
    document = json.loads(data.value[".dockerconfigjson"])
    assert list(document) == ["auths"]
    auths: dict[str, Any] = document["auths"]
    return auths


def test_each_namespace_gets_one_of_the_exact_name_and_type() -> None:
    """C11: people's manifests say the name, and the old `dockercfg` type has another form."""
    secrets = made(pull_namespaces=("default", "team-a"), pull_secret_name="pulls")

    metadata = {namespace: inputs["metadata"] for namespace, inputs in secrets.items()}
    assert {namespace: (item["namespace"], item["name"]) for namespace, item in metadata.items()} == {
        "default": ("default", "pulls"),
        "team-a": ("team-a", "pulls"),
    }
    assert {inputs["type"] for inputs in secrets.values()} == {"kubernetes.io/dockerconfigjson"}


def test_each_address_has_an_entry() -> None:
    """C08: as images spell it, with the port, for nodes and for the Docker Engine."""
    [inputs] = made(host="10.0.0.5", push_host="push.example.test", port=5443).values()

    assert entries(inputs).keys() == {"10.0.0.5:5443", "push.example.test:5443"}


def test_c11_content_has_one_layer_of_base64() -> None:
    """Kubernetes adds its own: what we say in clear is JSON, and only `auth` in it is encoded."""
    [inputs] = made().values()

    assert "data" not in inputs
    for entry in entries(inputs).values():
        assert (entry["username"], entry["password"]) == ("registry", PASSWORD)
        assert base64.b64decode(entry["auth"]).decode() == f"registry:{PASSWORD}"


def test_further_accounts_stay_out() -> None:
    """Pods pull as the one account of `username`."""
    [inputs] = made(users={"alice": "alice's password"}).values()

    assert "alice" not in json.dumps(entries(inputs))

"""What the registry's Pods are given for collection."""

from __future__ import annotations

import json

from tests.components.declaration import SECRET, container, content, declared, template


def test_without_a_time_nothing_is_collected() -> None:
    """And the registry is the container's own process."""
    assert "exec registry serve" in container(declared())["command"][2]
    assert list(content(declared().one(SECRET, "registry-config"))) == ["config.yml"]


def test_a_time_of_collection_brings_the_script_and_a_configuration_that_refuses_pushes() -> None:
    """Which is the usual one otherwise."""
    recorder = declared(collection_time="03:30", collection_untagged=True)
    texts = content(recorder.one(SECRET, "registry-config"))
    usual, collecting = json.loads(texts["config.yml"]), json.loads(texts["collecting.yml"])

    assert container(recorder)["command"][-4:] == ["12600", "/var/lib/registry", "", "--delete-untagged"]
    assert collecting["storage"].pop("maintenance") == {"readonly": {"enabled": True}}
    assert collecting == usual


def test_a_time_of_collection_leaves_the_revision_to_what_is_served() -> None:
    """The second configuration follows from the first, and waits for nodes, for which Pods must not wait."""
    plain, collecting = (
        template(recorder)["metadata"]["annotations"]["private-registry/revision"]
        for recorder in (declared(), declared(collection_time="03:30"))
    )

    assert plain == collecting

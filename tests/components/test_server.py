"""The registry: its secrets and its Deployment."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import bcrypt
import pytest

from components.tls import issuing
from tests.authority import NOW
from tests.components.declaration import (
    CA,
    CERTIFICATE,
    DAEMON_SET,
    DEPLOYMENT,
    KEPT,
    PASSWORD,
    SECRET,
    SEED,
    SERVER,
    SERVICE,
    STASH,
    container,
    content,
    declared,
    template,
)
from tests.components.recorder import Secret, with_secrets, without_secrets
from tests.components.test_node_trust import provided

SELECTOR = {"app.kubernetes.io/name": "registry", "app.kubernetes.io/instance": "registry"}


def test_htpasswd_reaches_the_engine_as_a_secret_with_a_line_per_account() -> None:
    """In the one key that the registry's configuration names."""
    users = {"alice": "alice's password"}
    data = content(declared(users=users).one(SECRET, "registry-htpasswd"))

    assert list(data) == ["htpasswd"]
    lines = dict(line.split(":") for line in data["htpasswd"].splitlines())
    assert list(lines) == ["alice", "registry"]
    assert bcrypt.checkpw(users["alice"].encode(), lines["alice"].encode())
    assert bcrypt.checkpw(PASSWORD.encode(), lines["registry"].encode())


@pytest.mark.parametrize("enabled", [False, True])
def test_configuration_reaches_the_engine_as_a_secret(*, enabled: bool) -> None:
    """It holds the key that signs uploads, and follows `deleteEnabled`."""
    data = content(declared(delete_enabled=enabled).one(SECRET, "registry-config"))

    assert list(data) == ["config.yml"]
    document = json.loads(data["config.yml"])
    assert document["storage"]["delete"] == {"enabled": enabled}
    assert len(bytes.fromhex(document["http"]["secret"])) == 32


def test_all_secrets_lie_beside_the_deployment() -> None:
    """A Pod mounts Secrets of its own namespace only."""
    recorder = declared(namespace="images")

    for name in ("registry-htpasswd", "registry-config", "registry-tls"):
        assert recorder.one(SECRET, name).inputs["metadata"]["namespace"] == "images"
    assert recorder.one(DEPLOYMENT).inputs["metadata"]["namespace"] == "images"


def test_seed_is_secret_and_kept_from_the_first_run_on() -> None:
    """Pulumi ignores the value that each later run draws."""
    seed = declared().one(STASH, "registry-seed")

    assert isinstance(seed.inputs["input"], Secret)
    assert len(bytes.fromhex(seed.inputs["input"].value)) == 32
    assert list(seed.request.ignoreChanges) == ["input"]


def test_each_new_stack_draws_its_own_seed() -> None:
    """Equal seeds would give equal salts, and one stack's upload key would sign another's."""
    first, second = (declared(stashed={}).one(STASH, "registry-seed").inputs["input"].value for _ in range(2))

    assert first != second


def test_deployment_has_no_secret_inside() -> None:
    """One would hide the whole spec from every diff; the revision is public, and shows that accounts changed."""
    recorder = declared()
    inputs = recorder.one(DEPLOYMENT).inputs

    assert "[secret]" not in without_secrets(inputs)
    annotations = template(recorder)["metadata"]["annotations"]
    assert annotations["private-registry/revision"] == recorder.one(SERVER).outputs["revision"]
    assert SEED not in without_secrets(inputs)


@pytest.mark.parametrize(
    "change",
    [
        {"password": "another password"},
        {"users": {"alice": "alice's password"}},
        {"delete_enabled": True},
        {"tls": "off", "allow_plain_http": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_revision_follows_accounts_and_configuration(change: dict[str, Any]) -> None:
    """The registry reads both files at its start only, so a changed one needs a new Pod."""
    before, after = (declared(**values).one(SERVER).outputs["revision"] for values in ({}, change))

    assert before != after


def test_revision_differs_between_stacks_with_the_same_password() -> None:
    """Without the random seed in it, guesses could be tried against a public value."""
    first, second = (
        declared(stashed={**KEPT, "registry-seed": seed}).one(SERVER).outputs["revision"]
        for seed in ("1a" * 32, "2b" * 32)
    )

    assert first != second


def test_deployment_is_called_as_operators_type_it() -> None:
    """`kubectl logs deployment/registry`, and `svc/registry` from Pods."""
    recorder = declared()

    assert recorder.one(DEPLOYMENT).inputs["metadata"]["name"] == "registry"
    assert recorder.one(SERVICE).inputs["metadata"]["name"] == "registry"


def test_a_changed_deployment_is_replaced_old_one_first() -> None:
    """Only a creation is waited for in full; and the new Pod needs the old one's port and files."""
    request = declared().one(DEPLOYMENT).request

    assert list(request.replaceOnChanges) == ["spec"]
    assert request.deleteBeforeReplaceDefined
    assert request.deleteBeforeReplace


def test_waiting_ends_at_the_set_time() -> None:
    """Pulumi's own limit."""
    timeouts = declared(timeout_seconds=77).one(DEPLOYMENT).request.customTimeouts

    assert (timeouts.create, timeouts.update, timeouts.delete) == ("77s", "77s", "77s")


@pytest.mark.parametrize(("seconds", "deadline"), [(5, 600), (600, 600), (1800, 1800)])
def test_kubernetes_waits_no_shorter_and_a_short_limit_replaces_nothing(seconds: int, deadline: int) -> None:
    """Its own limit is part of the Deployment: below the usual one it stays what it is."""
    spec = declared(timeout_seconds=seconds).one(DEPLOYMENT).inputs["spec"]

    assert spec["progressDeadlineSeconds"] == deadline


def test_one_pod_and_recreate_without_parameters_of_another_strategy() -> None:
    """Kubernetes refuses `rollingUpdate` beside Recreate."""
    spec = declared().one(DEPLOYMENT).inputs["spec"]

    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_deployment_and_service_select_the_pods_labels() -> None:
    """And nothing of the proof's."""
    recorder = declared()
    labels = template(recorder)["metadata"]["labels"]

    assert recorder.one(DEPLOYMENT).inputs["spec"]["selector"] == {"matchLabels": SELECTOR}
    assert recorder.one(SERVICE).inputs["spec"]["selector"] == SELECTOR
    assert SELECTOR.items() <= labels.items()


@pytest.mark.parametrize(("tls", "scheme"), [("generated", "HTTPS"), ("off", "HTTP")])
def test_c13_probes_need_no_account_and_a_sick_disk_restarts_nothing(tls: str, scheme: str) -> None:
    """`/v2/` would answer 401 for ever, and the wrong scheme 400; liveness asks for the port only."""
    registry = container(declared(tls=tls, allow_plain_http=tls == "off"))
    storage = {"path": "/", "port": "registry", "scheme": scheme}

    assert registry["readinessProbe"]["httpGet"] == storage
    assert registry["livenessProbe"]["tcpSocket"] == {"port": "registry"}
    assert "httpGet" not in registry["livenessProbe"]


def test_registry_is_started_with_our_configuration() -> None:
    """By its path, since images of 2.x and 3.x differ in theirs; no variable overrides what it says."""
    registry = container(declared(image="registry:3.2.0"))

    assert registry["image"] == "registry:3.2.0"
    assert registry["command"][:2] == ["sh", "-c"]
    assert registry["command"][2].endswith('exec registry serve "$2"')
    assert registry["command"][-1] == "/etc/private-registry/config.yml"
    assert [item["name"] for item in registry.get("env", []) if item["name"].startswith("REGISTRY_")] == []


def test_f19_memory_limits_what_the_registry_may_have_open() -> None:
    """Kubernetes would kill it for one pull too many, and cut all others."""
    registry = container(declared(memory="512Mi"))

    assert registry["resources"]["limits"]["memory"] == "512Mi"
    assert registry["command"][2].startswith('ulimit -n "$1" || true; ')
    assert registry["command"][-2] == "92"
    assert {"name": "GOMEMLIMIT", "value": "429496729"} in registry["env"]


def test_f19_the_default_leaves_room_for_300_pulls() -> None:
    """With a connection each."""
    registry = container(declared())

    assert registry["resources"]["limits"]["memory"] == "4Gi"
    assert int(registry["command"][-2]) > 2 * 300


def test_accounts_are_mounted_where_the_configuration_looks_for_them() -> None:
    """Whole folders, read-only: a subPath would keep showing what was there at the start (C02)."""
    recorder = declared()
    document = json.loads(content(recorder.one(SECRET, "registry-config"))["config.yml"])
    volumes = {volume["name"]: volume for volume in template(recorder)["spec"]["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in container(recorder)["volumeMounts"]}
    folder, _, file = document["auth"]["htpasswd"]["path"].rpartition("/")

    assert file == "htpasswd"
    assert mounts[folder] == {"name": "accounts", "mountPath": folder, "readOnly": True}
    assert volumes["accounts"]["secret"] == {"secretName": "registry-htpasswd"}
    assert mounts["/etc/private-registry"]["readOnly"]
    assert volumes["config"]["secret"] == {"secretName": "registry-config"}


def test_certificate_and_key_are_mounted_where_the_configuration_looks_for_them() -> None:
    """Both from the one Secret that holds them, as whole folder and read-only."""
    recorder = declared()
    tls = json.loads(content(recorder.one(SECRET, "registry-config"))["config.yml"])["http"]["tls"]
    volumes = {volume["name"]: volume for volume in template(recorder)["spec"]["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in container(recorder)["volumeMounts"]}
    folder, _, _ = tls["certificate"].rpartition("/")

    assert (tls["certificate"], tls["key"]) == (f"{folder}/tls.crt", f"{folder}/tls.key")
    assert mounts[folder] == {"name": "tls", "mountPath": folder, "readOnly": True}
    assert volumes["tls"]["secret"] == {"secretName": "registry-tls"}
    assert content(recorder.one(SECRET, "registry-tls")) == {
        "tls.crt": CERTIFICATE.certificate,
        "tls.key": CERTIFICATE.key,
    }


def test_private_keys_stand_in_one_secret_and_in_the_state_only() -> None:
    """And there as secrets: nobody who may read Deployments, or see a preview, can serve as the registry."""
    recorder = declared()
    keys = (CERTIFICATE.key, CA.key)

    registered = [item for item in recorder if "PRIVATE KEY" in with_secrets([item.inputs, item.outputs])]
    assert {item.name for item in registered} == {"registry-tls", "registry-ca-1", "registry-certificate"}
    assert [item for item in registered if item.type == SECRET] == [recorder.one(SECRET, "registry-tls")]
    for item in recorder:
        shown = without_secrets([item.inputs, item.outputs]) + str(item.request.replacement_trigger)
        assert not [key for key in keys if key.splitlines()[1] in shown]
        assert "PRIVATE KEY" not in shown


def test_revision_follows_the_certificate() -> None:
    """The registry reads it at its start only, so a renewed one needs a new Pod; the same one needs none."""
    renewed = asdict(issuing.make_leaf(CA, ["10.0.0.5"], 365, NOW))
    before, same, after = (
        declared(stashed=kept).one(SERVER).outputs["revision"]
        for kept in (KEPT, dict(KEPT), {**KEPT, "registry-certificate": renewed})
    )

    assert before == same
    assert before != after


@pytest.mark.parametrize(
    "values", [{}, {"ca_generation": 2}, provided(with_ca=True)], ids=["generated", "next generation", "provided"]
)
def test_f6_nodes_trust_a_ca_before_it_can_be_served(values: dict[str, Any]) -> None:
    """By any Pod: one that restarts by itself reads the Secret anew, while `up` still waits for a node.

    The CA before may be of any kind, or none; the settings of today do not tell.
    """
    recorder = declared(**values)
    trust = recorder.one(DAEMON_SET).urn

    assert trust in recorder.awaited(recorder.one(SECRET, "registry-tls"))
    assert trust in recorder.awaited(recorder.one(SECRET, "registry-config"))
    assert trust in recorder.awaited(recorder.one(DEPLOYMENT))


def test_f6_nodes_speak_plain_http_before_it_is_served() -> None:
    """The registry reads from its configuration whether it speaks TLS."""
    recorder = declared(tls="off", allow_plain_http=True)

    assert recorder.one(DAEMON_SET).urn in recorder.awaited(recorder.one(SECRET, "registry-config"))


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_f6_a_new_stack_waits_for_nothing(*, preview: bool) -> None:
    """No node trusts another CA of its registry yet, so nodes and registry come up at the same time."""
    recorder = declared(stashed={}, preview=preview)
    trust = recorder.one(DAEMON_SET).urn

    for item in (*recorder.all(SECRET).values(), recorder.one(DEPLOYMENT)):
        assert trust not in recorder.awaited(item)


def test_f6_secrets_stay_known_to_a_preview() -> None:
    """What waits for a DaemonSet that is not there yet has no other content for that."""
    previewed, done = (content(declared(preview=it).one(SECRET, "registry-tls")) for it in (True, False))

    assert previewed == done == {"tls.crt": CERTIFICATE.certificate, "tls.key": CERTIFICATE.key}


def test_plain_http_leaves_nothing_of_tls() -> None:
    """No Secret, no volume, no section of the configuration: an empty one would stop the registry's start."""
    recorder = declared(tls="off", allow_plain_http=True)
    document = json.loads(content(recorder.one(SECRET, "registry-config"))["config.yml"])

    assert recorder.all(SECRET).keys() == {
        "registry-config",
        "registry-htpasswd",
        "registry-pull-secret-default",
    }
    assert [volume["name"] for volume in template(recorder)["spec"]["volumes"]] == ["config", "accounts", "data"]
    assert [mount["name"] for mount in container(recorder)["volumeMounts"]] == ["config", "accounts", "data"]
    assert "tls" not in document["http"]

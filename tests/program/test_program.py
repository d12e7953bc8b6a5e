"""`__main__.py` with the dev stack's values: all that it declares and exports."""

from __future__ import annotations

import pytest

from components.clock import CLOCK
from tests.components.recorder import DIGEST, Secret
from tests.program.dev_stack import SERVER, UID, Dev

TREE = """\
pulumi:pulumi:Stack private-registry-dev
  private-registry:index:PrivateRegistry registry
    kubernetes:core/v1:Secret registry-pull-secret-default
    private-registry:index:Certificates registry
      pulumi:index:Stash registry-ca-1
      pulumi:index:Stash registry-certificate
      pulumi:index:Stash registry-renewals-since
    private-registry:index:ImageProof registry-proof
      docker:index/image:Image registry-proof-image
      kubernetes:core/v1:Pod registry-proof-pod
    private-registry:index:NodeTrust registry-trust
      kubernetes:apps/v1:DaemonSet registry-trust-daemon
      kubernetes:core/v1:ConfigMap registry-trust-authorities
      kubernetes:core/v1:ConfigMap registry-trust-served
    private-registry:index:RegistryServer registry
      kubernetes:apps/v1:Deployment registry
      kubernetes:core/v1:Secret registry-config
      kubernetes:core/v1:Secret registry-htpasswd
      kubernetes:core/v1:Secret registry-tls
      kubernetes:core/v1:Service registry-service
      pulumi:index:Stash registry-seed
    pulumi:index:Stash registry-owner
  pulumi:index:Stash first-cluster
  pulumi:providers:docker engine
  pulumi:providers:kubernetes cluster
"""


@pytest.mark.parametrize("preview", [False, True])
def test_tree_of_the_dev_stack(dev: Dev, *, preview: bool) -> None:
    """A type, name or parent that changes replaces resources of every stack that is up."""
    assert dev(preview=preview).tree() == TREE


def test_exports_of_the_dev_stack(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    """What people and other stacks read, all in clear; the day is that of the last renewal, and 365 more."""
    monkeypatch.setenv(CLOCK, "2026-01-31")
    recorder = dev()

    assert recorder.one("pulumi:pulumi:Stack").outputs == {
        "address": "192.168.99.100:5000",
        "pushAddress": "localhost:5000",
        "pullSecret": "regcred",
        "commands": {
            "login": "docker login localhost:5000 --username test",
            "push": "docker push localhost:5000/alpine_test:test_1.0",
            "pull": "docker pull localhost:5000/alpine_test:test_1.0",
            "catalog": "curl --cacert <(pulumi stack output ca) --user test https://localhost:5000/v2/_catalog",
            "trust": (
                "mkdir -p /etc/docker/certs.d/192.168.99.100:5000 && "
                "pulumi stack output ca > /etc/docker/certs.d/192.168.99.100:5000/ca.crt"
            ),
        },
        "ca": recorder.one("pulumi:index:Stash", "registry-ca-1").inputs["input"].value["certificate"],
        "certificateEnds": "2027-01-30",
        "image": f"192.168.99.100:5000/alpine_test@{DIGEST}",
        "proofPods": ["registry-proof-pod"],
    }


def test_without_a_proof_its_exports_are_missing(dev: Dev) -> None:
    """Rather than there and wrong."""
    with_proof, without = (
        dev(removeData=removed).one("pulumi:pulumi:Stack").outputs.keys() for removed in ("false", "true")
    )

    assert with_proof - without == {"image", "proofPods"}
    assert without == {"address", "pushAddress", "pullSecret", "commands", "ca", "certificateEnds"}


def test_without_tls_its_exports_are_missing(dev: Dev) -> None:
    """Likewise: an empty CA would look like one that is not needed."""
    encrypted, plain = (
        dev(**values).one("pulumi:pulumi:Stack").outputs
        for values in ({}, {"tls": "off", "allowPlainHttp": "true"})
    )

    assert encrypted.keys() - plain.keys() == {"ca", "certificateEnds"}
    assert encrypted["commands"].keys() - plain["commands"].keys() == {"trust"}
    assert plain.keys() <= encrypted.keys()


def test_every_resource_names_its_provider(dev: Dev) -> None:
    """A default provider would use whatever cluster or Docker Engine the machine happens to point at."""
    recorder = dev()
    providers = {
        "kubernetes": recorder.one("pulumi:providers:kubernetes").urn,
        "docker": recorder.one("pulumi:providers:docker").urn,
    }
    used = {
        item.urn: (item.type.partition(":")[0], item.request.provider.rpartition("::")[0])
        for item in recorder
        if item.type.partition(":")[0] in providers
    }

    assert len(used) == 11
    assert {urn: (package, providers[package]) for urn, (package, _) in used.items()} == used


def test_f1_cluster_is_known_by_what_it_was_first(dev: Dev) -> None:
    """Renewed credentials must not look like another cluster, whose objects would all be made anew."""
    recorder = dev()
    inputs = recorder.one("pulumi:providers:kubernetes").inputs
    first = recorder.one("pulumi:index:Stash", "first-cluster")

    assert isinstance(inputs["kubeconfig"], Secret)
    assert inputs["clusterIdentifier"] == SERVER
    assert first.inputs["input"] == {"uid": UID, "server": SERVER}
    assert first.request.ignoreChanges == ["input"]


def test_f1b_objects_go_before_those_of_another_cluster_come(dev: Dev) -> None:
    """The old provider may delete in the new cluster, by name."""
    assert dev().one("pulumi:providers:kubernetes").request.deleteBeforeReplace is True


def test_destroy_never_forgets_objects_by_what_an_up_was_told(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable counts for one command. In the state, it would count while the API server is merely down."""
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")

    assert "deleteUnreachable" not in dev().one("pulumi:providers:kubernetes").inputs


def test_cluster_changes_secrets_in_place(dev: Dev) -> None:
    """Else a new password would remove the pull secret for a moment."""
    inputs = dev().one("pulumi:providers:kubernetes").inputs

    assert inputs["enableSecretMutable"] == "true"
    assert inputs["enableConfigMapMutable"] == "true"


@pytest.mark.parametrize(
    ("setting", "host"), [("", None), ("unix:///run/docker.sock", "unix:///run/docker.sock")], ids=["unset", "set"]
)
def test_engine_is_the_one_of_the_setting(dev: Dev, setting: str, host: str | None) -> None:
    """Unset leaves the choice to the provider: DOCKER_HOST, or else the usual socket."""
    assert dev(dockerHost=setting).one("pulumi:providers:docker").inputs.get("host") == host


@pytest.mark.parametrize("removal", ["false", "true"])
def test_t1_every_object_of_the_cluster_has_a_time_limit_and_is_explained(dev: Dev, removal: str) -> None:
    """The provider's own message would be a bare time-out, after ten minutes for what has no limit."""
    objects = [item for item in dev(removeData=removal, timeoutSeconds="8") if item.type.startswith("kubernetes:")]

    assert {item.type for item in objects} >= {
        f"kubernetes:{kind}" for kind in ("core/v1:Secret", "core/v1:Service")
    }
    assert ("kubernetes:batch/v1:Job" in {item.type for item in objects}) is (removal == "true")
    for item in objects:
        limits = item.request.customTimeouts
        assert (limits.create, limits.update, limits.delete) == ("8s", "8s", "8s"), item.type
        assert list(item.request.hooks.on_error) == ["explain-failures-registry"], item.type


def test_time_can_be_set_from_outside(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a renewal can be tried, years before it is due."""
    monkeypatch.setenv(CLOCK, "2040-06-01T00:30+00:00")

    assert dev().one("pulumi:pulumi:Stack").outputs["certificateEnds"] == "2041-05-31"


def test_wrong_setting_declares_nothing(dev: Dev) -> None:
    """All settings are read before the first resource."""
    with pytest.raises(Exception, match="private-registry:replicas must be 1, got 2"):
        dev(replicas="2")

"""Whose an object in the cluster is, and what is said of those that belong to others."""

from __future__ import annotations

from typing import Any

import pytest

from components.cluster.conflicts import (
    OWNER,
    Folder,
    Place,
    Port,
    ending,
    foreign,
    holders,
    in_the_way,
    is_older,
    missing,
    refusal,
)

OURS = "organization/private-registry/dev/registry#0123456789abcdef"
THEIRS = "organization/private-registry/prod/registry#fedcba9876543210"
STACK = "organization/private-registry/dev"
REGISTRY = Place("Deployment", "images", "registry")
PULL = Place("Secret", "team-a", "regcred")
ADDON = Place("Pod", "kube-system", "addon")
DOOR: list[Port | Folder] = [Folder("node-1", "/data/registry"), Port("node-1", 5000)]
SELECTOR = {"app.kubernetes.io/name": "registry", "app.kubernetes.io/instance": "registry"}


def item(
    place: Place = REGISTRY,
    *,
    owner: str = "",
    writers: tuple[str, ...] = (),
    **metadata: Any,  # noqa: ANN401 - any part of it
) -> dict[str, Any]:
    """Give an object; its writers come in the order in which they wrote."""
    fields = [
        {"manager": name, "operation": "Update", "time": f"2026-01-0{number + 1}T00:00:00Z"}
        for number, name in enumerate(writers)
    ]
    annotations = {**metadata.pop("annotations", {}), **({OWNER: owner} if owner else {})}
    return {
        "kind": place.kind,
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "annotations": annotations,
            "managedFields": fields,
            **metadata,
        },
    }


def older(place: Place = REGISTRY) -> dict[str, Any]:
    """Give an object as versions before the mark made it."""
    labels = {"app.kubernetes.io/instance": "registry", "app.kubernetes.io/part-of": "private-registry"}
    return item(place, labels=labels, writers=("pulumi-kubernetes-1a2b3c4d",))


@pytest.mark.parametrize(
    ("taken", "owner", "others"),
    [
        ({REGISTRY: item(owner=OURS)}, OURS, []),
        ({REGISTRY: item(owner=THEIRS)}, OURS, [REGISTRY]),
        ({REGISTRY: item(owner=THEIRS)}, "", [REGISTRY]),
        ({REGISTRY: item()}, "", [REGISTRY]),
        ({REGISTRY: item(), PULL: item(PULL)}, OURS, [REGISTRY, PULL]),
        # Something of ours is there, so the rest may be of an older version: the state tells.
        ({REGISTRY: item(owner=OURS), PULL: item(PULL)}, OURS, []),
        ({REGISTRY: older(), PULL: item(PULL)}, "", []),
        ({REGISTRY: older(), PULL: item(PULL, owner=THEIRS)}, "", [PULL]),
        ({}, OURS, []),
    ],
)
def test_f10_what_is_anothers_for_certain(taken: dict[Place, Any], owner: str, others: list[Place]) -> None:
    """By the mark; without one, only where nothing is ours."""
    assert foreign(taken, owner, "registry") == others


@pytest.mark.parametrize(
    ("found", "is_ours"),
    [
        (older(), True),
        ({**older(), "metadata": {**older()["metadata"], "managedFields": []}}, True),
        (item(labels={"app": "registry"}, writers=("pulumi-kubernetes-1a2b3c4d",)), False),
        (item(labels=older()["metadata"]["labels"], writers=("kubectl-create",)), False),
        (item(), False),
    ],
)
def test_f10_an_object_of_an_older_version_has_our_labels_by_pulumi(
    found: dict[str, Any], *, is_ours: bool
) -> None:
    """A stack of the version before has to go on."""
    assert is_older(found, "registry") is is_ours
    assert not is_older(found, "another")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (item(owner=THEIRS), "belongs to the registry organization/private-registry/prod/registry: "),
        (item(writers=("kubectl-client-side-apply",)), "was made by kubectl-client-side-apply: "),
        (item(writers=("helm", "kubectl-edit")), "was made by helm: "),
        (
            item(annotations={"meta.helm.sh/release-name": "hub"}, writers=("helm",)),
            "belongs to the Helm release hub: ",
        ),
        (item(writers=("pulumi-kubernetes-1a2b3c4d",)), "was made by another Pulumi program or stack: "),
        (item(labels={"app.kubernetes.io/managed-by": "argo"}), "is managed by argo: "),
        (item(), "was made by somebody else: "),
    ],
)
def test_f10_the_owner_is_named_as_far_as_the_object_tells(found: dict[str, Any], words: str) -> None:
    """Without the random part of our own mark."""
    text = in_the_way(REGISTRY, found, "regcred", STACK)

    assert text.startswith(f"Deployment images/registry {words}")
    assert "#" not in text


def test_f10_the_status_of_an_object_says_nothing_of_its_owner() -> None:
    """The controller manager writes it on everybody's."""
    found = item(writers=("kube-controller-manager", "kubectl-create"))
    found["metadata"]["managedFields"][0]["subresource"] = "status"

    assert "was made by kubectl-create" in in_the_way(REGISTRY, found, "regcred", STACK)


@pytest.mark.parametrize(
    ("place", "setting", "removal"),
    [
        (PULL, "pullSecretName <name>", "kubectl delete secret/regcred --namespace team-a"),
        (REGISTRY, "namespace <name>", "kubectl delete deployment/registry --namespace images"),
        (
            Place("Secret", "images", "registry-tls"),
            "namespace <name>",
            "kubectl delete secret/registry-tls --namespace images",
        ),
        (
            Place("Pod", "team-a", "registry-proof-pod"),
            "--path 'pullNamespaces[0]' <name>",
            "kubectl delete pod/registry-proof-pod --namespace team-a",
        ),
    ],
)
def test_n23_both_ways_out_are_said(place: Place, setting: str, removal: str) -> None:
    """The setting that moves ours, and the command that removes theirs."""
    text = in_the_way(place, item(place), "regcred", STACK)

    assert f"`pulumi config set {setting}`" in text
    assert text.endswith(f"`{removal}` removes theirs")


def test_n24_what_another_stack_made_is_removed_by_that_stack() -> None:
    """By hand only if it is gone: otherwise that stack would miss it."""
    assert in_the_way(PULL, item(PULL, owner=THEIRS), "regcred", STACK).endswith(
        "`pulumi destroy --stack organization/private-registry/prod` removes theirs, or "
        "`kubectl delete secret/regcred --namespace team-a` if that stack is gone"
    )


def test_f10_a_stack_of_our_own_name_gets_no_command_that_would_destroy_ours() -> None:
    """Two people with a state each on one cluster: the name says nothing."""
    text = in_the_way(PULL, item(PULL, owner=OURS), "regcred", STACK)

    assert "--stack" not in text
    assert text.endswith(
        "theirs is a stack of the same name with its state elsewhere: `pulumi destroy` there removes it, or "
        "`kubectl delete secret/regcred --namespace team-a` if that state is gone"
    )


def test_a_namespace_of_others_is_used_and_never_removed() -> None:
    """All that is in it would go with it."""
    place = Place("Namespace", "", "images")

    assert in_the_way(place, item(place, writers=("kubectl-create",)), "regcred", STACK) == (
        "Namespace images was made by kubectl-create: `pulumi config rm createNamespace` uses it as it is; "
        "`pulumi config set namespace <name>` names another"
    )


@pytest.mark.parametrize(
    "place", [Place("Namespace", "", "images"), Place("PersistentVolumeClaim", "images", "data")]
)
def test_what_stays_is_ours_after_destroy_too(place: Place) -> None:
    """Then the mark has another random part."""
    left = f"{OURS.partition('#')[0]}#fedcba9876543210"

    assert foreign({place: item(place, owner=left)}, OURS, "registry") == []
    assert foreign({place: item(place, owner=THEIRS)}, OURS, "registry") == [place]
    assert foreign({REGISTRY: item(owner=left)}, OURS, "registry") == [REGISTRY]


def pod(
    port: dict[str, Any],
    *,
    place: Place = ADDON,
    **more: Any,  # noqa: ANN401 - any part of it
) -> dict[str, Any]:
    """Give a Pod with a port, as a list of Pods has it: without its kind."""
    found = item(place, **more.pop("metadata", {}))
    del found["kind"]
    return {**found, "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [port]}]}, **more}


TAKEN = {"containerPort": 80, "hostPort": 5000}


def test_f12_a_host_port_names_the_pod_and_what_removes_it() -> None:
    """Deleting a Pod of a Deployment would only make the next one."""
    references = [{"kind": "ReplicaSet", "name": "web-5d4f", "controller": True}]
    found = pod(TAKEN, metadata={"labels": {"pod-template-hash": "5d4f"}, "ownerReferences": references})

    assert holders([found], DOOR, OURS, "images", SELECTOR, STACK) == [
        (
            "port 5000 of node node-1 is taken by Pod kube-system/addon, which belongs to ReplicaSet web-5d4f: "
            "`pulumi config set port <number>` gives ours another port; "
            "`kubectl delete deployment/web --namespace kube-system` removes theirs"
        )
    ]


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet", "Job", "ReplicaSet"])
def test_f12_other_owners_of_a_pod_are_removed_by_their_own_name(kind: str) -> None:
    """A ReplicaSet without a Deployment too."""
    found = pod(TAKEN, metadata={"ownerReferences": [{"kind": kind, "name": "web-1", "controller": True}]})

    assert (
        f"`kubectl delete {kind.lower()}/web-1 --namespace kube-system`"
        in holders([found], DOOR, "", "a", {}, STACK)[0]
    )


@pytest.mark.parametrize(
    "found",
    [
        pod({"containerPort": 5000}),
        pod({"containerPort": 80, "hostPort": 5001}),
        pod({"containerPort": 80, "hostPort": 5000, "protocol": "UDP"}),
        pod(TAKEN, status={"phase": "Succeeded"}),
        pod(TAKEN, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        pod(TAKEN, metadata={"owner": OURS}),
        pod(TAKEN, place=Place("Pod", "images", "registry-1"), metadata={"labels": SELECTOR}),
    ],
    ids=["none", "other", "udp", "ended", "ending", "ours", "of an older version"],
)
def test_f12_a_pod_that_leaves_the_port_free_is_not_in_the_way(found: dict[str, Any]) -> None:
    """Nor is our own, which goes before the new one comes."""
    assert holders([found], DOOR, OURS, "images", SELECTOR, STACK) == []


def test_f12_a_sidecar_holds_its_port() -> None:
    """Other init containers have ended."""
    found = pod({"containerPort": 80})
    found["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always", "ports": [TAKEN]}]

    assert len(holders([found], DOOR, OURS, "images", SELECTOR, STACK)) == 1
    del found["spec"]["initContainers"][0]["restartPolicy"]
    assert holders([found], DOOR, OURS, "images", SELECTOR, STACK) == []


def test_f10_a_folder_that_another_pod_writes_to_is_refused() -> None:
    """Two registries in one folder would remove each other's files; each way to write it is the same folder."""
    volumes = [{"name": "v", "hostPath": {"path": "/data//registry/"}}, {"name": "w", "emptyDir": {}}]
    found = pod({"containerPort": 80})
    found["spec"]["volumes"] = volumes

    [line] = holders([found], DOOR, OURS, "images", SELECTOR, STACK)
    assert line.startswith("folder /data/registry of node node-1 is taken by Pod kube-system/addon, which ")
    assert "`pulumi config set hostPath <folder>` gives ours another folder" in line
    volumes[0] = {"name": "v", "hostPath": {"path": "/data"}}
    assert holders([found], DOOR, OURS, "images", SELECTOR, STACK) == []


def test_f12_another_stacks_registry_holds_its_port() -> None:
    """With the same labels, in another namespace or with another mark."""
    elsewhere = pod(TAKEN, place=Place("Pod", "other", "registry-1"), metadata={"labels": SELECTOR})
    marked = pod(TAKEN, place=Place("Pod", "images", "registry-1"), metadata={"labels": SELECTOR, "owner": THEIRS})

    assert len(holders([elsewhere, marked], DOOR, OURS, "images", SELECTOR, STACK)) == 2


def test_f12_missing_namespaces_are_named_with_their_setting() -> None:
    """Those that are there are not."""
    found = [{"kind": "Namespace", "metadata": {"name": "images"}}, item(Place("Secret", "team-a", "team-b"))]

    assert missing({"images": "namespace <name>", "team-b": "--path 'pullNamespaces[0]' <name>"}, found) == [
        (
            "namespace team-b does not exist: `kubectl create namespace team-b` makes it; "
            "`pulumi config set --path 'pullNamespaces[0]' <name>` names another"
        )
    ]


def test_a_namespace_that_is_being_deleted_is_named_with_its_setting() -> None:
    """It takes no new objects."""
    found = [
        {"kind": "Namespace", "metadata": {"name": "images", "deletionTimestamp": "2026-11-26T00:00:00Z"}},
        {"kind": "Namespace", "metadata": {"name": "team-a"}},
        item(Place("Secret", "team-a", "regcred"), deletionTimestamp="2026-11-26T00:00:00Z"),
    ]

    assert ending({"images": "namespace <name>", "team-a": "--path 'pullNamespaces[0]' <name>"}, found) == [
        (
            "namespace images is being deleted: `kubectl wait --for=delete namespace/images` ends when it is gone; "
            "`pulumi config set namespace <name>` names another"
        )
    ]


def test_f12_all_is_named_at_once() -> None:
    """A line each."""
    assert refusal(["one", "two"]).splitlines()[1:] == ["  one", "  two"]

"""What is asked of the cluster before an object is created there, and what follows from the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.cluster.conflicts import OWNER as ANNOTATION
from components.cluster.kubectl import KubectlError, KubectlMissingError
from components.private_registry import PrivateRegistry
from components.stack_configuration import compose
from tests.components.declaration import KEPT, NEEDED, OWNER
from tests.components.recorder import Recorder

Guard = Callable[[pulumi.ResourceHookArgs], Awaitable[None]]
THEIRS = "organization/private-registry/other/registry#0000000000000000"


class Cluster:
    """Answers as kubectl does, from objects by kind/name and namespace; keeps what it was asked."""

    def __init__(self, **namespaces: dict[str, dict[str, Any]]) -> None:
        """Namespaces have their objects' annotations by kind/name."""
        self.namespaces = namespaces
        self.of_namespaces: dict[str, dict[str, Any]] = {}
        """What else the metadata of a namespace has."""
        self.pods: list[dict[str, Any]] = []
        self.asked: list[list[str]] = []
        self.refuses: dict[str, KubectlError] = {}
        """By a word that a question has."""

    def __call__(self, words: Sequence[str]) -> str:
        """Answer a question, or do what it says."""
        if words[1] == "--raw":
            # A node, asked for its taints.
            return json.dumps({"spec": {}})
        self.asked.append(list(words))
        for word, error in self.refuses.items():
            if word in words:
                raise error
        if words[1] == "pods":
            return json.dumps({"items": self.pods})
        if words[1] in {"secrets", "namespaces"}:
            return json.dumps({"items": self._everywhere(words)})
        namespace = next(word.partition("=")[2] for word in words if word.startswith("--namespace="))
        held = self.namespaces.get(namespace, {})
        if words[0] == "delete":
            held.pop(words[1])
            return ""
        found = [_object(word, namespace, held[word]) for word in words if word in held]
        for name in self.namespaces:
            if f"namespace/{name}" in words:
                more = self.of_namespaces.get(name, {})
                found.append({"kind": "Namespace", "metadata": {"name": name, **more}})
        # As kubectl: nothing, one object, or a list.
        return json.dumps(found[0] if len(found) == 1 else {"items": found}) if found else ""

    def _everywhere(self, words: Sequence[str]) -> list[dict[str, Any]]:
        if words[1] == "namespaces":
            return [{"kind": "Namespace", "metadata": {"name": name}} for name in words if name in self.namespaces]
        [named] = [f"secret/{word.rpartition('=')[2]}" for word in words if word.startswith("--field-selector")]
        return [
            _object(named, namespace, held[named]) for namespace, held in self.namespaces.items() if named in held
        ]

    @property
    def deleted(self) -> list[str]:
        """What was deleted."""
        return [f"{words[2].partition('=')[2]}/{words[1]}" for words in self.asked if words[0] == "delete"]


def _object(typed: str, namespace: str, annotations: dict[str, str]) -> dict[str, Any]:
    kinds = {"secret": "Secret", "service": "Service", "deployment": "Deployment", "daemonset": "DaemonSet"}
    kinds["persistentvolumeclaim"] = "PersistentVolumeClaim"
    kind, _, name = typed.partition("/")
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    return {"kind": kinds[kind], "metadata": metadata, "spec": spec if kind == "persistentvolumeclaim" else {}}


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[..., None]]:
    """Declare a registry on a cluster; give what asks whether an object may be created, as Pulumi does."""

    def declare(
        cluster: Cluster,
        *,
        preview: bool = True,
        made_here: bool = False,
        **values: Any,  # noqa: ANN401 - any setting
    ) -> Callable[..., None]:
        guards: list[Guard] = []

        class Hook(pulumi.ResourceHook):
            def __init__(self, name: str, function: Guard, opts: pulumi.ResourceHookOptions) -> None:
                assert opts.on_dry_run
                super().__init__(name, function, opts)
                guards.append(function)

        monkeypatch.setattr(pulumi, "ResourceHook", Hook)
        recorder = Recorder(preview=preview, stashed=KEPT)

        def program() -> None:
            opts = pulumi.ResourceOptions(depends_on=[pulumi.Stash("namespace", input="")]) if made_here else None
            PrivateRegistry("registry", compose({**NEEDED, **values}), opts, ask=cluster)

        recorder.run(program)
        monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
        [guard] = guards

        def create(*objects: str, owner: str = OWNER) -> None:
            async def each() -> None:
                refused = [item for item in await asyncio.gather(*calls, return_exceptions=True) if item]
                for item in refused:
                    assert isinstance(item, RuntimeError)
                if refused:
                    raise RuntimeError("\n".join(map(str, refused)))

            calls = [guard(_creation(typed, owner)) for typed in objects]
            asyncio.run(each())

        return create

    return declare


def _creation(typed: str, owner: str) -> pulumi.ResourceHookArgs:
    kind, _, name = typed.partition("/")
    if kind == "Stash":
        return pulumi.ResourceHookArgs("urn", "", name, "pulumi:index:Stash", new_inputs={"input": ""})
    metadata = {"name": name, "annotations": {ANNOTATION: owner}}
    if kind != "NamespacePatch":
        metadata |= {"namespace": "default"}
    return pulumi.ResourceHookArgs("urn", "", name, f"kubernetes:x/v1:{kind}", new_inputs={"metadata": metadata})


MARKED = {ANNOTATION: OWNER}


def test_f10_a_free_cluster_is_asked_once(guarded: Any) -> None:  # noqa: ANN401
    """However many objects are created: for the objects of each namespace, and for the node."""
    cluster = Cluster(default={})

    guarded(cluster)("Stash/registry-owner", "Secret/registry-config", "Service/registry")

    of_objects, of_pods = sorted(cluster.asked, key=lambda words: words[1])
    assert of_pods[1] == "pods"
    assert {"namespace/default", "service/registry", "deployment/registry", "secret/regcred"} <= set(of_objects)


def test_f10_all_is_said_once(guarded: Any) -> None:  # noqa: ANN401
    """In the first error; the others point to it."""
    cluster = Cluster(default={"service/registry": {}, "secret/regcred": {ANNOTATION: THEIRS}})

    with pytest.raises(RuntimeError) as refused:
        guarded(cluster)("Secret/registry-config", "Service/registry", "Secret/regcred", owner="new")

    text = str(refused.value)
    assert text.count("Service default/registry was made by somebody else") == 1
    assert (
        text.count("Secret default/regcred belongs to the registry organization/private-registry/other/registry")
        == 1
    )
    assert text.count("another of these errors says why") == 2


@pytest.mark.parametrize(
    ("owner", "is_ours"), [(OWNER.partition("#")[0] + "#fedcba9876543210", True), (THEIRS, False)]
)
def test_a_claim_that_this_stack_left_when_it_was_destroyed_is_found_again(
    guarded: Any,  # noqa: ANN401
    owner: str,
    *,
    is_ours: bool,
) -> None:
    """Another random part tells nothing of it; another stack's claim is refused, before anything is made."""
    cluster = Cluster(default={"persistentvolumeclaim/registry-data": {ANNOTATION: owner}})
    create = guarded(cluster, preview=False, storage="claim")

    if is_ours:
        create("Stash/registry-owner", "PersistentVolumeClaim/registry-data")
    else:
        with pytest.raises(RuntimeError, match="PersistentVolumeClaim default/registry-data belongs to"):
            create("Stash/registry-owner")
    assert cluster.deleted == []


@pytest.mark.parametrize("preview", [True, False])
def test_f5_what_an_interrupted_up_left_is_removed_by_up_alone(guarded: Any, preview: bool) -> None:  # noqa: ANN401, FBT001
    """The object has our mark, and Pulumi creates it: so the state does not have it."""
    cluster = Cluster(default={"service/registry": MARKED, "secret/regcred": MARKED})

    guarded(cluster, preview=preview)("Service/registry")

    assert cluster.deleted == ([] if preview else ["default/service/registry"])


def test_f5_what_does_not_go_is_said_within_the_time_limit(guarded: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """Such as a Pod of a node that is off."""
    cluster = Cluster(default={"deployment/registry": MARKED})
    seconds = iter(range(0, 1000, 4))
    monkeypatch.setattr("components.cluster.ownership.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    cluster.namespaces["default"] = type("Kept", (dict,), {"pop": lambda *_: None})(cluster.namespaces["default"])

    with pytest.raises(
        RuntimeError,
        match="Deployment default/registry, which an interrupted `up` has left, is still "
        "there after 5 s; `kubectl describe deployment/registry",
    ):
        guarded(cluster, preview=False, timeout_seconds=5)("Deployment/registry")


def test_n23_a_stack_that_is_up_is_refused_for_what_it_creates(guarded: Any) -> None:  # noqa: ANN401
    """What else has no mark may be its own, of an older version: the state knows, and Pulumi does not create it."""
    cluster = Cluster(default={"service/registry": MARKED, "secret/regcred": {}, "secret/registry-tls": {}})
    create = guarded(cluster, preview=False)

    with pytest.raises(RuntimeError) as refused:
        create("Secret/regcred")

    assert "Secret default/regcred was made by somebody else" in str(refused.value)
    assert "registry-tls" not in str(refused.value)
    assert cluster.deleted == []


def test_f5_the_replacement_of_an_older_versions_object_is_no_conflict(guarded: Any) -> None:  # noqa: ANN401
    """Pulumi has deleted the old one by then."""
    cluster = Cluster(default={"service/registry": MARKED, "secret/regcred": {}})
    create = guarded(cluster, preview=False)
    create("Secret/registry-config")
    del cluster.namespaces["default"]["secret/regcred"]

    create("Secret/regcred")


def test_f12_missing_namespaces_are_refused(guarded: Any) -> None:  # noqa: ANN401
    """Unless the program makes them, which its preview cannot see."""
    cluster = Cluster(default={})
    values = {"pull_namespaces": ("team-a",)}

    with pytest.raises(RuntimeError, match="namespace team-a does not exist: "):
        guarded(cluster, **values)("Stash/registry-owner")
    guarded(cluster, made_here=True, **values)("Stash/registry-owner")


OWN = {"namespace": "own", "create_namespace": True, "pull_namespaces": ("own",)}


@pytest.mark.parametrize("preview", [True, False])
def test_a_namespace_that_the_stack_makes_need_not_be_there(guarded: Any, *, preview: bool) -> None:  # noqa: ANN401
    """Any other has to."""
    create = guarded(Cluster(), preview=preview, **OWN)
    create("Stash/registry-owner", "NamespacePatch/own")

    with pytest.raises(RuntimeError, match="namespace team-a does not exist: "):
        guarded(Cluster(), **{**OWN, "pull_namespaces": ("own", "team-a")})("Stash/registry-owner")


def test_a_namespace_that_the_stack_left_is_taken(guarded: Any) -> None:  # noqa: ANN401
    """By the next one of the same name, or by an `up` after one that was killed; nothing is removed."""
    for owner in (OWNER, OWNER.partition("#")[0] + "#fedcba9876543210"):
        cluster = Cluster(own={})
        cluster.of_namespaces = {"own": {"annotations": {ANNOTATION: owner}}}
        guarded(cluster, preview=False, **OWN)("Stash/registry-owner", "NamespacePatch/own")
        assert cluster.deleted == []


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("is_up", [True, False])
def test_a_namespace_of_others_is_not_taken(guarded: Any, *, is_up: bool, preview: bool) -> None:  # noqa: ANN401
    """Neither by a new stack nor by one that is up in it."""
    cluster = Cluster(own={"service/registry": MARKED} if is_up else {})
    create = guarded(cluster, preview=preview, **OWN)

    with pytest.raises(RuntimeError, match="Namespace own was made by somebody else: `pulumi config rm"):
        create("NamespacePatch/own")
    assert cluster.deleted == []


@pytest.mark.parametrize("values", [OWN, {**OWN, "create_namespace": False}], ids=["made", "found"])
def test_a_namespace_that_is_being_deleted_is_refused(guarded: Any, values: dict[str, Any]) -> None:  # noqa: ANN401
    """It takes nothing any more."""
    cluster = Cluster(own={})
    cluster.of_namespaces = {"own": {"annotations": MARKED, "deletionTimestamp": "2026-11-26T00:00:00Z"}}

    with pytest.raises(RuntimeError, match="namespace own is being deleted: "):
        guarded(cluster, **values)("Stash/registry-owner")


@pytest.mark.parametrize("forbidden", [False, True], ids=["allowed", "forbidden"])
def test_many_namespaces_are_asked_at_once_where_that_is_allowed(guarded: Any, *, forbidden: bool) -> None:  # noqa: ANN401
    """Each by itself, 500 would take a minute; what is in the way is found all the same."""
    teams = [f"team{number}" for number in range(20)]
    cluster = Cluster(default={}, **{team: {} for team in teams[1:]}, team_of_others={})
    cluster.namespaces["team7"]["secret/regcred"] = {}
    cluster.namespaces["team_of_others"]["secret/regcred"] = {}
    if forbidden:
        cluster.refuses = {"--all-namespaces": KubectlError("Error from server (Forbidden): secrets is forbidden")}

    with pytest.raises(RuntimeError) as refused:
        guarded(cluster, pull_namespaces=tuple(teams))("Stash/registry-owner")

    assert "Secret team7/regcred was made by somebody else" in str(refused.value)
    assert "namespace team0 does not exist: " in str(refused.value)
    assert "team_of_others" not in str(refused.value)
    assert (len(cluster.asked) < len(teams)) is not forbidden


def test_f12_a_stopped_registry_needs_no_port(guarded: Any) -> None:  # noqa: ANN401
    """But the folder, which is about to be emptied."""
    cluster = Cluster(default={})
    taken = {"containers": [{"ports": [{"hostPort": 5000}]}], "volumes": [{"hostPath": {"path": "/data/registry"}}]}
    cluster.pods = [{"metadata": {"name": "p", "namespace": "other"}, "spec": taken}]

    with pytest.raises(RuntimeError) as refused:
        guarded(cluster, remove_data=True)("Stash/registry-owner")

    assert "folder /data/registry of node node-1 is taken by Pod other/p" in str(refused.value)
    assert "port" not in str(refused.value)


def test_f10_an_account_of_one_namespace_is_enough(guarded: Any) -> None:  # noqa: ANN401
    """It may neither read namespaces nor list the Pods of others; the names are checked all the same."""
    cluster = Cluster(default={"service/registry": {}})
    cluster.refuses = {
        "namespace/default": KubectlError(
            'Error from server (Forbidden): namespaces "default" is forbidden: User "ci"'
        ),
        "pods": KubectlError('Error from server (Forbidden): pods is forbidden: User "ci"'),
    }

    with pytest.raises(RuntimeError, match="Service default/registry was made by somebody else"):
        guarded(cluster)("Stash/registry-owner")


@pytest.mark.parametrize("error", [KubectlMissingError(), KubectlError("no route to host")])
def test_f10_without_an_answer_one_warning_says_so(
    guarded: Any,  # noqa: ANN401
    capsys: pytest.CaptureFixture[str],
    error: KubectlError,
) -> None:
    """The provider finds out later."""
    cluster = Cluster()
    cluster.refuses = {"get": error}
    create = guarded(cluster)
    capsys.readouterr()

    create("Stash/registry-owner", "Service/registry")

    warning = f"warning: whether objects of others have the names of ours was not checked: {error}\n"
    assert capsys.readouterr().err == warning


def both(**second: Any) -> None:  # noqa: ANN401 - any setting
    """Declare two registries in one program, the second with other settings."""

    def program() -> None:
        PrivateRegistry("registry", compose({**NEEDED}))
        PrivateRegistry("second", compose({**NEEDED, **second}))

    Recorder(stashed={}).run(program)


def test_f10_two_registries_of_one_program_cannot_share() -> None:
    """Neither exists in a preview, so the cluster could not tell; all of it is named at once."""
    with pytest.raises(pulumi.RunError) as refused:
        both()

    lines = str(refused.value).splitlines()
    assert lines[0] == 'two registries of one program cannot share these; give "second" others:'
    assert sorted(lines[1:]) == [
        '  Secret default/regcred is that of the registry "registry" too',
        '  folder /data/registry of node node-1 is that of the registry "registry" too',
        '  port 5000 of node node-1 is that of the registry "registry" too',
    ]


def test_f10_two_registries_of_one_program_that_share_nothing_are_declared() -> None:
    """The names of their objects begin with those of the components."""
    both(port=5001, host_path="/data/second", pull_secret_name="second-regcred")


@pytest.mark.parametrize(
    ("way", "taken"),
    [
        ({"exposure": "nodePort"}, "port 30500 of all nodes"),
        ({"exposure": "loadBalancer"}, "address 10.0.0.5:5000"),
        ({"exposure": "ingress", "host": "registry.example.test"}, "address registry.example.test"),
    ],
)
def test_f10_two_registries_of_one_program_cannot_have_one_way_in(way: dict[str, Any], taken: str) -> None:
    """Half of all requests would come to the other."""

    def program() -> None:
        for name in ("registry", "second"):
            own = {"host_path": f"/data/{name}", "pull_secret_name": name}
            PrivateRegistry(name, compose({**NEEDED, **way, **own}))

    with pytest.raises(pulumi.RunError) as refused:
        Recorder(stashed={}).run(program)

    assert str(refused.value).splitlines()[1:] == [f'  {taken} is that of the registry "registry" too']

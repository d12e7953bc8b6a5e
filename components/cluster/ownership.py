"""Whose an object in the cluster is: ours are marked, and what belongs to others is never touched.

Before Pulumi creates the first object, the cluster is asked which of our names are taken there. What others made
ends the preview or update before anything was made. What carries our mark and is about to be created is not in the
state: an `up` that was killed has left it. It is removed, and made anew.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from .conflicts import (
    KEPT,
    NAMESPACE,
    OWNER,
    Folder,
    Object,
    Place,
    Port,
    ending,
    foreign,
    holders,
    in_the_way,
    is_older,
    missing,
    owner_of,
    readable,
    refusal,
)
from .kubectl import KubectlError
from .labels import selector
from .taints import Ask

_OF_CERT_MANAGER: Final = ":cert-manager.io/"
_MANY: Final = 5
"""Namespaces that are asked one by one, for which an account needs no rights in all the cluster."""

_FOUND: Final = ("--ignore-not-found", "--show-managed-fields", "--output=json")

_CLAIMS: Final[weakref.WeakKeyDictionary[pulumi.Resource, dict[object, str]]] = weakref.WeakKeyDictionary()
"""Which component of a program has which place of which provider; each run of a program has a root of its own."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a registry takes for itself in a cluster, beside the names of its objects."""

    namespace: str
    pull_secret_name: str
    pull_namespaces: Sequence[str]
    of_the_node: Sequence[Port | Folder]
    """All of one node; empty if none is taken."""
    of_the_cluster: Sequence[str] = ()
    """What else only one registry can have, as messages call it."""
    timeout_seconds: int
    namespaces_are_made_here: bool
    """The program makes the namespaces itself: its preview does not find them."""


@dataclass(frozen=True)
class _Findings:
    """What the cluster answered."""

    taken: dict[Place, Object]
    """What is at our places."""
    refused: list[str]
    """What is in the way whatever the state says: a line each."""


class Ownership:
    """Marks each object below a component as that component's, and guards its creation."""

    def __init__(
        self,
        name: str,
        parent: pulumi.Resource,
        wanted: Wanted,
        ask: Ask | None,
    ) -> None:
        """`name` is the component's, and `parent` the component. Without `ask`, the cluster is not asked."""
        self._name, self._parent, self._wanted, self._ask = name, parent, wanted, ask
        self._places: list[Place] = []
        self._findings: asyncio.Task[_Findings | None] | None = None
        self._was_refused = False
        self._hooks = None
        if ask:
            guard = pulumi.ResourceHook(
                f"{name}-conflicts", self._guard, pulumi.ResourceHookOptions(on_dry_run=True)
            )
            self._hooks = pulumi.ResourceHookBinding(before_create=[guard])
        self._stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        self._owner: pulumi.Output[str] = pulumi.Stash(
            f"{name}-owner",
            # Another stack of the same name, whose state is elsewhere, has another random part.
            input=f"{self._stack}/{name}#{secrets.token_hex(8)}",
            # All objects wait for it. So a first `up` that is refused says so once, and has made nothing.
            opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["input"], hooks=self._hooks),
        ).output

    def mark(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Mark an object, a transformation for `ResourceOptions`. What is only read stays as it is."""
        if not args.type_.startswith("kubernetes:") or args.opts.id is not None:
            return None
        if _OF_CERT_MANAGER in args.type_:
            # A cluster without these definitions could not be asked for any of the objects.
            return None
        props: dict[str, Any] = dict(args.props)
        metadata = props["metadata"]
        self._places.append(_place(args.type_, metadata))
        props["metadata"] = self._marked(metadata)
        template = (props.get("spec") or {}).get("template")
        if template:
            # The Pods too: one that has our host port must be told from another's.
            marked = {**template, "metadata": self._marked(template.get("metadata", {}))}
            props["spec"] = {**props["spec"], "template": marked}
        opts = pulumi.ResourceOptions.merge(
            args.opts,
            # Names are fixed, so the old object goes first. Kubernetes would take the new one for a change
            # of the old one, and Pulumi would then delete it as the old one.
            pulumi.ResourceOptions(delete_before_replace=True, hooks=self._hooks),
        )
        return pulumi.ResourceTransformationResult(props, opts)

    def _marked(self, metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - as the SDK gives it
        return {**metadata, "annotations": {**(metadata.get("annotations") or {}), OWNER: self._owner}}

    @property
    def owner(self) -> pulumi.Output[str]:
        """The mark of this life of the stack; unknown to the preview of the first `up`."""
        return self._owner

    def is_of_this_stack(self, item: Object) -> bool:
        """Whether an object is of this stack's component, also as it was before it was destroyed."""
        return readable(owner_of(item)) == f"{self._stack}/{self._name}"

    def claim(self) -> None:
        """Refuse what another registry of this program has as well. Raises RunError."""
        root = pulumi.runtime.get_root_resource()
        if root is None:
            return
        claims = _CLAIMS.setdefault(root, {})
        provider = self._parent.get_provider("kubernetes:core/v1:Secret")
        wanted: list[object] = [*self._places, *self._wanted.of_the_node, *self._wanted.of_the_cluster]
        both = [
            f'{place} is that of the registry "{claims[provider, place]}" too'
            for place in wanted
            if (provider, place) in claims
        ]
        if both:
            raise pulumi.RunError(
                "\n  ".join(
                    [f'two registries of one program cannot share these; give "{self._name}" others:', *both]
                )
            )
        claims.update({(provider, place): self._name for place in wanted})

    async def _guard(self, args: pulumi.ResourceHookArgs) -> None:
        """Stop a creation where the place is another's; remove what a killed `up` of ours has left there."""
        metadata = (args.new_inputs or {}).get("metadata")
        # A stack that is made anew finds the claim that it left, and its owner is not known yet.
        owner = metadata["annotations"][OWNER] if metadata else f"{self._stack}/{self._name}#"
        if self._findings is None:
            self._findings = asyncio.ensure_future(self._look(owner))
        findings = await self._findings
        if findings is None:
            return
        refused = findings.refused
        if metadata and not refused:
            place = _place(args.type, metadata)
            if place in findings.taken:
                refused = await self._settle(place, findings.taken[place])
        if refused and refused is findings.refused and self._was_refused:
            raise RuntimeError("the registry cannot come up here; another of these errors says why")
        if refused:
            self._was_refused = True
            raise RuntimeError(refusal(refused))

    async def _settle(self, place: Place, item: Object) -> list[str]:
        """Decide on what is at a place where Pulumi creates an object, so that the state does not have it there."""
        words = [place.typed, f"--namespace={place.namespace}"]
        if owner_of(item):
            # What stayed when the stack was destroyed has the images, or what others made.
            if place.kind not in KEPT and not pulumi.runtime.is_dry_run():
                await self._remove(place)
            return []
        if pulumi.runtime.is_dry_run():
            # This may be the replacement of what a version before the mark has made.
            still = None if is_older(item, self._name) else item
        else:
            still = next(iter(await self._objects(["get", *words, *_FOUND])), None)
        return [in_the_way(place, still, self._wanted.pull_secret_name, self._stack)] if still else []

    async def _remove(self, place: Place) -> None:
        """Remove what a killed `up` of ours has left, and wait until it is gone."""
        words = [place.typed, f"--namespace={place.namespace}"]
        # In the foreground: its Pods go first, and with them their hold on port and files.
        await self._asked(["delete", *words, "--ignore-not-found", "--cascade=foreground", "--wait=false"])
        deadline = time.monotonic() + self._wanted.timeout_seconds
        while await self._objects(["get", *words, *_FOUND]):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{place}, which an interrupted `up` has left, is still there after "
                    f"{self._wanted.timeout_seconds} s; `kubectl describe {' '.join(words)}` shows why"
                )
            await asyncio.sleep(0.3)

    async def _look(self, owner: str) -> _Findings | None:
        """Ask the cluster once for all that is at our places; None if it does not answer."""
        try:
            found, pods = await asyncio.gather(self._at_our_places(), self._on_the_node())
        except KubectlError as problem:
            pulumi.log.warn(
                f"whether objects of others have the names of ours was not checked: {problem}",
                resource=self._parent,
            )
            return None
        taken = {Place.of(item): item for item in found if Place.of(item) in self._places}
        of_others = foreign(taken, owner, self._name)
        refused = [
            in_the_way(place, taken[place], self._wanted.pull_secret_name, self._stack) for place in of_others
        ]
        wanted = self._wanted
        refused += holders(
            pods, wanted.of_the_node, owner, wanted.namespace, selector("registry", self._name), self._stack
        )
        if not (wanted.namespaces_are_made_here and pulumi.runtime.is_dry_run()):
            namespaces = self._namespaces()
            refused += ending(namespaces, found)
            made = {place.name for place in self._places if place.kind == NAMESPACE}
            refused += missing({name: namespaces[name] for name in namespaces if name not in made}, found)
        return _Findings(taken, refused)

    def _namespaces(self) -> dict[str, str]:
        """Give each namespace and the setting that names it, as `pulumi config set` takes it."""
        pulls = enumerate(self._wanted.pull_namespaces)
        by_setting = {name: f"--path 'pullNamespaces[{position}]' <name>" for position, name in pulls}
        return by_setting | {self._wanted.namespace: "namespace <name>"}

    async def _at_our_places(self) -> list[Object]:
        """Give what is at our places, and the namespaces."""
        namespaces = list(self._namespaces())
        if len(namespaces) > _MANY:
            try:
                return await self._in_many(namespaces)
            except KubectlError as problem:
                if "(Forbidden)" not in str(problem):
                    raise
        queries = [self._in_namespace(namespace) for namespace in namespaces]
        return [item for found in await asyncio.gather(*queries) for item in found]

    async def _in_many(self, namespaces: Sequence[str]) -> list[Object]:
        """Ask once for all pull secrets, and once for all namespaces: a question each would take minutes."""
        own = self._wanted.namespace
        named = f"--field-selector=metadata.name={self._wanted.pull_secret_name}"
        found = await asyncio.gather(
            self._in_namespace(own),
            self._objects(["get", "secrets", "--all-namespaces", named, *_FOUND[1:]]),
            self._objects(["get", "namespaces", *(name for name in namespaces if name != own), *_FOUND]),
        )
        return list({Place.of(item): item for part in found for item in part}.values())

    async def _in_namespace(self, namespace: str) -> list[Object]:
        words = [place.typed for place in self._places if place.namespace == namespace]
        at_our_places = [*words, f"--namespace={namespace}", *_FOUND]
        try:
            return await self._objects(["get", f"namespace/{namespace}", *at_our_places])
        except KubectlError as problem:
            if f'namespaces "{namespace}" is forbidden' not in str(problem):
                raise
        # An account may have rights inside a namespace alone. That there is one, Kubernetes itself says later.
        itself = {"kind": "Namespace", "metadata": {"name": namespace}}
        return [itself, *await self._objects(["get", *at_our_places])]

    async def _on_the_node(self) -> list[Object]:
        """Give the Pods of the node whose port and folder we take."""
        if not self._wanted.of_the_node:
            return []
        node = self._wanted.of_the_node[0].node
        try:
            return await self._objects(
                ["get", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}", *_FOUND]
            )
        except KubectlError as problem:
            if "(Forbidden)" not in str(problem):
                raise
            # The same account does not see what others run.
            return []

    async def _objects(self, words: Sequence[str]) -> list[Object]:
        """Ask for objects; what is in a Secret is let go at once."""
        text = await self._asked(words)
        answer = json.loads(text) if text.strip() else {"items": []}
        wanted = ("kind", "metadata", "spec", "status")
        return [{key: item[key] for key in wanted if key in item} for item in answer.get("items", [answer])]

    async def _asked(self, words: Sequence[str]) -> str:
        assert self._ask is not None
        return await asyncio.to_thread(self._ask, words)


def _place(type_: str, metadata: Mapping[str, Any]) -> Place:
    """Give the place of an object by its type, such as kubernetes:core/v1:Secret, and metadata."""
    kind = type_.rpartition(":")[2].removesuffix("Patch")
    return Place(kind, metadata.get("namespace", ""), metadata["name"])

"""Which advice belongs to which reason. The one place that decides it for all that runs in the cluster.

Reasons are texts of the API server, the scheduler, kubelets, container runtimes and containers. The advice depends
on what is set, so that nothing is blamed that is not at fault. A command in it ends by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from .pods import OWNER
from .pull_advice import pull_advice
from .scheduling import off_node, scheduling_advice
from .situation import Situation

_Advice = Callable[[re.Match[str], Situation, str], str]
"""From what matched, what is set, and the namespace of the object at fault."""


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    advice: _Advice


def _quota(found: re.Match[str], _: Situation, namespace: str) -> str:
    return (
        f"ResourceQuota {found[1]} of namespace {namespace} leaves no room: raise it, or remove others' Pods; "
        f"{_describe(f'resourcequota {found[1]}', namespace)}{_less_memory(found.string)}"
    )


def _less_memory(refusal: str) -> str:
    """Name the setting where the limit of memory is too much."""
    if re.search(r"requested: \S*limits\.memory|maximum memory usage|memory max limit to request", refusal):
        return "; a smaller `memory` may do (docs/settings.md, Memory)"
    return ""


def _quota_of_unset(found: re.Match[str], _: Situation, namespace: str) -> str:
    return (
        f"ResourceQuota {found[1]} of namespace {namespace} counts what these containers leave open: give the "
        f"namespace a LimitRange with defaults for it; {_describe(f'resourcequota {found[1]}', namespace)}"
    )


def _limit_range(found: re.Match[str], _: Situation, namespace: str) -> str:
    return (
        f"a LimitRange of namespace {namespace} refuses these containers: change it, or choose another namespace; "
        f"{_describe('limitrange', namespace)}{_less_memory(found.string)}"
    )


def _pod_security(_: re.Match[str], __: Situation, namespace: str) -> str:
    return (
        f"namespace {namespace} must allow hostPath volumes and host ports, which only the Pod Security level "
        f"privileged does: `kubectl label namespace {namespace} --overwrite "
        "pod-security.kubernetes.io/enforce=privileged`, or set `namespace` to one that allows them"
    )


def _security_policy(_: re.Match[str], __: Situation, namespace: str) -> str:
    return (
        f"a security policy of the cluster refuses these Pods: let the account default of namespace {namespace} "
        "use one that allows hostPath volumes, host ports and root in a container (with OpenShift: "
        f"`oc adm policy add-scc-to-user privileged --serviceaccount default --namespace {namespace}`)"
    )


def _denied_by_webhook(found: re.Match[str], _: Situation, namespace: str) -> str:
    return (
        f"a policy of the cluster refuses this, by admission webhook {found[1]}: have its owner exempt namespace "
        f"{namespace}, or set `namespace` to one that is"
    )


def _webhook_off(found: re.Match[str], _: Situation, __: str) -> str:
    return (
        f"admission webhook {found[1]} does not answer, and nothing can be made until it does: start its server, "
        "or remove its configuration (`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`)"
    )


def _ending(found: re.Match[str], _: Situation, __: str) -> str:
    return (
        f"namespace {found[1]} is being deleted: wait until it is gone (`kubectl wait --for=delete "
        f"namespace/{found[1]} --timeout=120s`), then `kubectl create namespace {found[1]}`"
    )


def _no_namespace(found: re.Match[str], _: Situation, __: str) -> str:
    return (
        f"namespace {found[1]} does not exist: `kubectl create namespace {found[1]}`, or correct `namespace` or "
        "`pullNamespaces`"
    )


def _forbidden(found: re.Match[str], _: Situation, namespace: str) -> str:
    where = f" --namespace {namespace}" if namespace else ""
    return (
        f"the account of the kubeconfig may not {found[1]} {found[2]}: have a Role grant it "
        f"(`kubectl auth can-i --list{where}` shows what it may), or set `kubeconfig` or `kubeContext` to another"
    )


def _evicted(found: re.Match[str], _: Situation, __: str) -> str:
    if "memory" in found[0].lower():
        return "the node is short of memory: free some of it, or set `node` to another"
    return _full_disk(found, _, __)


def _full_disk(_: re.Match[str], situation: Situation, __: str) -> str:
    return (
        f"a disk of the node is full: free space on it; there, `df --human-readable {situation.folder} /var/lib` "
        "shows which, and `crictl rmi --prune` removes images that nothing uses"
    )


def _ephemeral(_: re.Match[str], __: Situation, ___: str) -> str:
    return (
        "a container wrote more than it may beside its volumes: read its log (`kubectl logs`) for what it repeats"
    )


def _mount(_: re.Match[str], situation: Situation, __: str) -> str:
    return (
        f"{situation.folder} on node {situation.node} must be a folder that can be made and written there: correct "
        "it, or `pulumi config set hostPath <folder>`"
    )


def _read_only(_: re.Match[str], situation: Situation, __: str) -> str:
    return (
        f"the disk of {situation.folder} on node {situation.node} cannot be written: mount it for writing, or "
        "`pulumi config set hostPath <folder>`"
    )


def _not_owned(_: re.Match[str], situation: Situation, __: str) -> str:
    return (
        f"root of node {situation.node} may not change owners in {situation.folder}, as with NFS that squashes "
        f"root: on the server of that disk, `chown -R {OWNER}:{OWNER}` the folder"
    )


def _missing_object(found: re.Match[str], _: Situation, namespace: str) -> str:
    return f"{found[1]} {found[2]} was removed from namespace {namespace}: `pulumi up --refresh` makes it again"


def _out_of_memory(found: re.Match[str], situation: Situation, __: str) -> str:
    if found[1] == "registry":
        return (
            f"the registry needs more than its memory limit of {situation.memory}, as with many pulls at a time: "
            "`pulumi config set memory <quantity>` (docs/settings.md, Memory)"
        )
    return f"container {found[1]} ran out of memory: look whether its node is short of it (`kubectl top node`)"


_OF_NGINX: Final = ("door", "metrics")
"""Containers of the registry's Pod that are not the registry's image."""


def _architecture(found: re.Match[str], situation: Situation, __: str) -> str:
    look = "`kubectl get nodes --label-columns kubernetes.io/arch` shows what the nodes have"
    if found[1] == "proof":
        return f"the test image is built for another processor than the node's: set `platform`; {look}"
    image, key = (situation.door_image, "doorImage") if found[1] in _OF_NGINX else (situation.image, "image")
    return f"image {image} is for another processor than the node's: set `{key}`; {look}"


def _no_nginx(_: re.Match[str], situation: Situation, __: str) -> str:
    return f"image {situation.door_image} has no nginx: `pulumi config set doorImage nginx:1.28`"


def _no_shell(found: re.Match[str], situation: Situation, __: str) -> str:
    if found[1] in _OF_NGINX:
        return (
            f"image {situation.door_image} lacks a program that is needed: `doorImage` must be nginx with a shell"
        )
    return f"image {situation.image} lacks a program that is needed: `image` must be a registry image with a shell"


def _no_network(_: re.Match[str], __: Situation, ___: str) -> str:
    return (
        "the node's network plug-in does not work: `kubectl get pods --all-namespaces --field-selector "
        "status.phase!=Running` shows whether its Pods run"
    )


def _too_slow(_: re.Match[str], situation: Situation, __: str) -> str:
    return f"it took longer than {situation.timeout_seconds} s: `pulumi config set timeoutSeconds <seconds>`"


def _sick_storage(_: re.Match[str], situation: Situation, __: str) -> str:
    return (
        f"the registry cannot use its storage ({situation.storage}): read why with "
        f"`kubectl logs deployment/{situation.name}`"
    )


def _off_node(found: re.Match[str], _: Situation, __: str) -> str:
    return off_node(found[1])


def _taken(found: re.Match[str], situation: Situation, namespace: str) -> str:
    kind, name = found[1], found[2]
    if kind == "persistentvolumeclaim":
        return (
            f"claim {name} of namespace {namespace} is there and not in the stack's state: "
            f"`pulumi config set claimName {name}` takes it as it is (without claimClass and claimSize)"
        )
    is_pull_secret = kind == "secret" and name == situation.pull_secret
    setting = "pullSecretName" if is_pull_secret else "namespace"
    return (
        f"{kind} {name} of namespace {namespace} is another's: choose another place by "
        f"`pulumi config set {setting} <name>`, or, if nobody needs it, `kubectl delete {kind}/{name} "
        f"--namespace {namespace}`"
    )


def _written_by_others(_: re.Match[str], __: Situation, namespace: str) -> str:
    return (
        f"an object of this name in namespace {namespace} is another's: choose another place by "
        "`pulumi config set namespace <name>` (for a pull secret `pullSecretName`), or have its owner remove it"
    )


def _node_port_taken(found: re.Match[str], _: Situation, __: str) -> str:
    return (
        f"another Service has node port {found[1]} (`kubectl get services --all-namespaces` shows them): remove "
        "it, or `pulumi config set nodePort <number>`"
    )


def _node_port_outside(found: re.Match[str], _: Situation, __: str) -> str:
    return f"this cluster keeps other node ports: `pulumi config set nodePort <number>`, one of {found[1]}"


def _describe(kind: str, namespace: str) -> str:
    return f"`kubectl describe {kind} --namespace {namespace}` shows it"


_GONE: Final = re.compile(r"namespaces? \"([^\"]+)\" not found")

_RULES: Final = tuple(
    _Rule(re.compile(pattern), advice)
    for pattern, advice in (
        (r"exceeded quota: ([^,\s]+)", _quota),
        (r"[Ff]ailed quota: ([^:\s]+)", _quota_of_unset),
        (r"(?:minimum|maximum) \S+ usage per \w+ is|max limit to request ratio per", _limit_range),
        (r"violates PodSecurity", _pod_security),
        (r"unable to validate against any (?:pod security policy|security context constraint)", _security_policy),
        (r"admission webhook \"([^\"]+)\" denied", _denied_by_webhook),
        (r"ValidatingAdmissionPolicy '([^']+)'.* denied", _denied_by_webhook),
        (r"failed calling webhook \"?([^\":\s]+)", _webhook_off),
        (r"unable to create new content in namespace (\S+) because it is being terminated", _ending),
        (_GONE.pattern, _no_namespace),
        (r"\b(\w+?)s(?:\.[\w.]+)? \"([^\"]+)\" already exists", _taken),
        (r"nodePort: Invalid value: (\d+): provided port is already allocated", _node_port_taken),
        (r"nodePort: Invalid value: .*[Tt]he range of valid ports is (\d+-\d+)", _node_port_outside),
        (r"Apply failed with \d+ conflicts?", _written_by_others),
        (r"cannot (\w+) resource \"([^\"]+)\"", _forbidden),
        (r"[Tt]he node was low on resource: \S+|node had condition: \[(?:Disk|Memory)Pressure", _evicted),
        (r"[Ee]phemeral local storage usage exceeds|exceeded its local ephemeral storage limit", _ephemeral),
        (r"no space left on device|No space left on device|[Dd]isk quota exceeded", _full_disk),
        (r"^container (\S+): OOMKilled", _out_of_memory),
        (r"^(?:container (\S+): )?(?s:.*)(?:exec format error|Exec format error)", _architecture),
        (
            r"^(?:container (\S+): )?(?s:.*)(?:executable file not found|exec: \"\S+\": .*no such file)",
            _no_shell,
        ),
        (r"^container (?:door|metrics): (?s:.*)\bnginx: not found", _no_nginx),
        (r"MountVolume\.SetUp failed for .*(secret|configmap) \"([^\"]+)\" not found", _missing_object),
        (r"MountVolume\.SetUp failed for volume \"data\"|hostPath type check failed", _mount),
        (r"failed to prepare subPath", _mount),
        (r"[Rr]ead-only file system", _read_only),
        (r"chown: .*: (?:Operation not permitted|Permission denied)", _not_owned),
        (r"[Ff]ailed to create pod sandbox.*(?:network|cni|CNI)", _no_network),
        (r"Job was active longer than specified deadline|DeadlineExceeded", _too_slow),
        (r"probe failed: HTTP probe failed with statuscode: 503", _sick_storage),
        (r"^node (\S+) is not ready", _off_node),
    )
)


def advise(
    reasons: Iterable[str],
    situation: Situation,
    now: datetime,
    namespace: str = "",
    nodes: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Say what to do about reasons, each advice once.

    `namespace` is that of the object at fault, if it is not the registry's. `nodes` are those of the cluster, as
    Kubernetes gives them, if it may be asked for them.
    """
    texts: list[str] = []
    for reason in reasons:
        texts += scheduling_advice(reason, situation, nodes) or [
            pull_advice(reason, situation, now) or _by_rule(reason, situation, namespace or situation.namespace)
        ]
    return list(dict.fromkeys(text for text in texts if text))


def gone(reasons: Iterable[str]) -> list[str]:
    """Say what to do where something cannot be removed, since its namespace was."""
    found = [_GONE.search(reason) for reason in reasons]
    names = dict.fromkeys(match[1] for match in found if match)
    return [
        f"namespace {name} is gone, with all that was in it; fix: `pulumi up --refresh`, which forgets that"
        for name in names
    ]


def _by_rule(reason: str, situation: Situation, namespace: str) -> str:
    for rule in _RULES:
        found = rule.pattern.search(reason)
        if found:
            return rule.advice(found, situation, namespace)
    return ""

"""The registry as the component tests declare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from components.cluster.kubectl import KubectlError
from components.cluster.taints import Ask
from components.private_registry import PrivateRegistry
from components.stack_configuration import compose
from components.tls import issuing
from tests.authority import NOW
from tests.components.recorder import Recorder, Registration, Secret

SEED: Final = "5e" * 32
OWNER: Final = "organization/private-registry/dev/registry#0123456789abcdef"
"""The mark on all objects."""
PASSWORD: Final = 'canary "é" canary'
NEEDED: Final = {"host": "10.0.0.5", "node": "node-1", "password": PASSWORD}

REGISTRY: Final = "private-registry:index:PrivateRegistry"
SERVER: Final = "private-registry:index:RegistryServer"
PROOF: Final = "private-registry:index:ImageProof"
DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
JOB: Final = "kubernetes:batch/v1:Job"
CRON_JOB: Final = "kubernetes:batch/v1:CronJob"
POLICY: Final = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POD: Final = "kubernetes:core/v1:Pod"
SECRET: Final = "kubernetes:core/v1:Secret"
SERVICE: Final = "kubernetes:core/v1:Service"
INGRESS: Final = "kubernetes:networking.k8s.io/v1:Ingress"
IMAGE: Final = "docker:index/image:Image"
STASH: Final = "pulumi:index:Stash"
CERTIFICATES: Final = "private-registry:index:Certificates"
CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"
DAEMON_SET: Final = "kubernetes:apps/v1:DaemonSet"
NODE_TRUST: Final = "private-registry:index:NodeTrust"

CA: Final = issuing.make_ca(NOW)
CERTIFICATE: Final = issuing.make_leaf(CA, ["10.0.0.5"], 365, NOW)
KEPT: Final[Mapping[str, Any]] = {
    "registry-seed": SEED,
    "registry-owner": OWNER,
    "registry-ca-1": asdict(CA),
    "registry-certificate": asdict(CERTIFICATE),
    "registry-renewals-since": NOW.isoformat(),
}
"""What an earlier run has left in the state."""


def pinned_to(pod: Mapping[str, Any]) -> str:
    """Give the only node that a Pod may run on, by the name of the node."""
    [term] = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term.keys() == {"matchFields"}
    [field] = term["matchFields"]
    assert (field["key"], field["operator"]) == ("metadata.name", "In")
    [name] = field["values"]
    return str(name)


def declared(
    *,
    preview: bool = False,
    stashed: Mapping[str, Any] = KEPT,
    ask: Ask | None = None,
    **values: Any,  # noqa: ANN401
) -> Recorder:
    """Declare a registry called `registry` with these settings, and give what was registered.

    `ask` answers for the cluster.
    """
    recorder = Recorder(preview=preview, stashed=stashed)
    settings, now = compose({**NEEDED, **values}), NOW + timedelta(days=1)
    recorder.run(lambda: PrivateRegistry("registry", settings, now=now, ask=ask))
    return recorder


def answering(*beginning: str, answer: str | Exception) -> Ask:
    """Give a cluster that answers questions which begin with these words, and no other."""

    def ask(words: Sequence[str]) -> str:
        if tuple(words[: len(beginning)]) != beginning:
            raise KubectlError("not asked for here")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def containers(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Give the containers of the registry's Pod by name."""
    return {item["name"]: item for item in template(recorder)["spec"]["containers"]}


def template(recorder: Recorder) -> dict[str, Any]:
    """Take the Pods' template of the Deployment."""
    found: dict[str, Any] = recorder.one(DEPLOYMENT).inputs["spec"]["template"]
    return found


def container(recorder: Recorder) -> dict[str, Any]:
    """Take the registry's container."""
    [found] = template(recorder)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def content(secret: Registration) -> dict[str, Any]:
    """Take a Secret's content, which has to be secret to Pulumi too."""
    data = secret.inputs["stringData"]
    assert isinstance(data, Secret)
    assert isinstance(data.value, dict)
    return data.value

"""The registry itself: its secrets and its Deployment."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodSpecArgsDict, VolumeArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from ..access.accounts import htpasswd, http_secret
from ..access.settings import Access
from ..cluster.checkov import of_images, skipped
from ..cluster.diagnosis import bound
from ..cluster.labels import labels, selector
from ..cluster.pods import POD
from ..cluster.settings import Cluster
from ..cluster.taints import Ask, Tolerations
from ..exposure.host_port import HostPort
from ..exposure.ingress import Ingress
from ..exposure.load_balancer import LoadBalancer
from ..exposure.route import route
from ..exposure.service import addresses, service
from ..exposure.settings import Exposure
from ..monitoring import exporter
from ..monitoring.settings import Monitoring
from ..storage.settings import Storage
from ..tls.certificates import Certificates
from . import configuration, door
from .containers import containers
from .names import ACCOUNTS_FOLDER, COLLECTING, CONTAINER_PORT, REVISION, TLS_FOLDER
from .rollout import Rollout
from .settings import Server
from .takeover import taken_over

RESTARTED: Final = "private-registry/restarted"
"""An annotation of the Pods: another value starts them anew."""

_USUAL_PROGRESS_DEADLINE = 600
"""Seconds, as in a Deployment that names none."""


class RegistryServer(pulumi.ComponentResource):
    """A registry that serves as soon as this component is there, and only with the accounts it was given."""

    name: str
    """Of its Deployment, Service and Ingress."""
    revision: pulumi.Output[str]
    """Changes with accounts, configuration and certificate; public, and tells nothing of what is secret in them."""
    is_new: pulumi.Output[bool]
    """Whether no earlier run has made this registry."""
    deployment: kubernetes.apps.v1.Deployment
    """The Deployment, for what must wait until the registry serves."""
    ways_in: list[pulumi.Resource]
    """What else must be there before clients reach the registry."""
    load_balancer: pulumi.Output[list[str]] | None
    """Names and IP addresses that the load balancer has given, if it is the way in."""

    def __init__(
        self,
        name: str,
        server: Server,
        cluster: Cluster,
        exposure: Exposure,
        storage: Storage,
        data: Sequence[VolumeArgsDict],
        access: Access,
        accounts: pulumi.Output[dict[str, str]],
        certificates: Certificates | None,
        trust: Sequence[pulumi.Resource],
        monitoring: Monitoring,
        proofs: Sequence[str],
        tolerations: Tolerations,
        ask: Ask | None,
        transforms: Sequence[pulumi.ResourceTransform],
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        """`data` are the volumes of this storage, and `accounts` those of `Access.accounts`.

        Without certificates it speaks plain HTTP. `trust` is what tells nodes how to reach it, and `proofs` are the
        names under which a continuing proof reports.
        `transforms` may set the annotation RESTARTED of its Pods. With `ask`, changed rights are waited for.
        """
        super().__init__("private-registry:index:RegistryServer", name, None, opts)
        self.name = name
        bounded = pulumi.ResourceOptions(parent=self, custom_timeouts=cluster.time_limit, hooks=bound(explain))
        # The first value stays in the state for good: salts and the upload secret must not change by themselves.
        new_seed = secrets.token_hex(32)
        seed = pulumi.Stash(
            f"{name}-seed",
            input=pulumi.Output.secret(new_seed),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        ).output
        # Nodes know a new CA, or that there is none, before a Secret holds it: a Pod that restarts by itself reads
        # the Secret anew, and would serve what some nodes refuse. A new stack waits for nothing.
        self.is_new = pulumi.Output.unsecret(seed.apply(lambda kept: kept == new_seed))
        told = self.is_new.apply(
            lambda new: "" if new else pulumi.Output.all(*(item.urn for item in trust)).apply(str)
        )

        def once_told(value: pulumi.Output[str]) -> pulumi.Output[str]:
            return pulumi.Output.all(value, told).apply(lambda parts: str(parts[0]))

        lines = pulumi.Output.all(accounts, seed).apply(_htpasswd)
        rollout = server.rollout(exposure, storage)
        config = pulumi.Output.all(seed, *storage.secrets).apply(
            lambda known: _config(
                known[0],
                server,
                storage.driver(known[1:]),
                rollout,
                has_door=bool(access.rights),
                encrypted=bool(certificates),
                has_metrics=monitoring.metrics,
            )
        )
        htpasswd_secret = self._secret(f"{name}-htpasswd", cluster.namespace, {"htpasswd": lines}, bounded)
        settled = once_told(config)
        files = {file: pulumi.Output.from_input(text) for file, text in storage.files.items()}
        content = {"config.yml": settled, **files}
        if server.collection_time:
            content[COLLECTING] = settled.apply(configuration.read_only)
        config_secret = self._secret(f"{name}-config", cluster.namespace, content, bounded)
        served = [lines, config, *files.values()]
        volumes: list[VolumeArgsDict] = [
            {"name": "config", "secret": {"secret_name": config_secret.metadata["name"]}},
            {"name": "accounts", "secret": {"secret_name": htpasswd_secret.metadata["name"]}},
            *data,
        ]
        tls_secret: pulumi.Input[str] = certificates.secret if certificates else ""
        if certificates:
            if not certificates.secret:
                pair = {"tls.crt": once_told(certificates.certificate), "tls.key": once_told(certificates.key)}
                tls_secret = self._secret(f"{name}-tls", cluster.namespace, pair, bounded).metadata["name"]
            volumes.append({"name": "tls", "secret": {"secret_name": tls_secret}})
            # The door takes over what others renew. A registry alone does so later than `up` should end.
            served += [] if certificates.secret and access.rights else [once_told(certificates.fingerprint)]
        if access.rights:
            counted = exporter.FAILED_LOGINS if monitoring.metrics else ""
            rules = door.content(access, rollout.drain_seconds, encrypted=bool(certificates), failed_logins=counted)
            outputs = {file: pulumi.Output.secret(text) for file, text in rules.items()}
            door_secret = self._secret(f"{name}-door", cluster.namespace, outputs, bounded)
            volumes += door.volumes(door_secret.metadata["name"])
            if rollout.overlaps:
                # A Pod alone would go before the next one comes; its door takes them over without that.
                served += outputs.values()
        if monitoring.metrics:
            volumes += exporter.volumes(tls_secret, has_door=bool(access.rights))
        # A hash over the random seed's work: nobody can guess a password by it.
        self.revision = pulumi.Output.unsecret(pulumi.Output.all(*served).apply(_revision))

        pod: PodSpecArgsDict = {
            "tolerations": tolerations,
            # Variables of a Service called registry would be read as configuration.
            "enable_service_links": False,
            "automount_service_account_token": False,
            "termination_grace_period_seconds": rollout.grace_seconds,
            "security_context": {**POD, **storage.pod_security},
            "containers": containers(server, access, exposure, storage, rollout, certificates, monitoring, proofs),
            "volumes": volumes,
            # What is not set must not be there at all: Pulumi would take it for a change.
            **({"affinity": affinity} if (affinity := storage.affinity) else {}),
            **({"init_containers": first} if (first := storage.init_containers(server.image)) else {}),
            **({"topology_spread_constraints": spread} if (spread := rollout.spread(name)) else {}),
        }
        self.deployment = kubernetes.apps.v1.Deployment(
            name,
            # A fixed name, since operators type it: `kubectl logs deployment/registry`.
            metadata={
                "name": name,
                "namespace": cluster.namespace,
                "labels": labels("registry", name),
                "annotations": skipped(
                    exposure.reasons,
                    storage.reasons,
                    door.REASONS if access.rights else {},
                    exporter.REASONS if monitoring.metrics else {},
                    of_images(
                        [server.image, *([server.door_image] if access.rights or monitoring.metrics else [])]
                    ),
                ),
            },
            spec={
                "replicas": 0 if storage.remove_data else server.replicas,
                "strategy": rollout.strategy,
                # Never shorter than our wait. Below 600 it stays 600: a changed time limit replaces nothing.
                "progress_deadline_seconds": max(cluster.timeout_seconds, _USUAL_PROGRESS_DEADLINE),
                "selector": {"match_labels": selector("registry", name)},
                "template": {
                    "metadata": {
                        "labels": labels("registry", name),
                        "annotations": {REVISION: self.revision},
                    },
                    "spec": pod,
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # An update under Recreate counts as done while the new Pod is not there yet
                # (provider 4.25), and a push right after it is refused; a creation is waited for in full.
                replace_on_changes=[] if rollout.overlaps else ["spec"],
                delete_before_replace=True,
                # Only a transform sets it, and it stays until the next time.
                ignore_changes=[f'spec.template.metadata.annotations["{RESTARTED}"]'],
                transforms=list(transforms),
                custom_timeouts=cluster.time_limit,
                hooks=bound(explain),
            ),
        )
        if rollout.is_spread:
            kubernetes.policy.v1.PodDisruptionBudget(
                f"{name}-disruption",
                metadata={"name": name, "namespace": cluster.namespace, "labels": labels("registry", name)},
                spec={"max_unavailable": 1, "selector": {"match_labels": selector("registry", name)}},
                opts=bounded,
            )
        within = service(name, exposure, cluster.namespace, bounded)
        self.load_balancer = addresses(within) if isinstance(exposure, LoadBalancer) else None
        ways_in: list[pulumi.Resource] = [within]
        if isinstance(exposure, Ingress):
            ways_in.append(route(name, exposure, cluster.namespace, tls_secret, bounded))
        # The port of a node comes with the Pod.
        self.ways_in = [] if isinstance(exposure, HostPort) else ways_in
        if access.rights and not rollout.overlaps:

            async def in_force(made: Sequence[str]) -> str:
                within = cluster.timeout_seconds
                await taken_over(ask, name, cluster.namespace, rules["version"], within, self)
                return made[0]

            # What waits for the revision, as the proof does, waits for the rights.
            made = pulumi.Output.all(self.revision, door_secret.urn, self.deployment.urn)
            self.revision = made.apply(in_force)
        self.register_outputs({"revision": self.revision})

    def _secret(
        self,
        name: str,
        namespace: str,
        content: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions,
    ) -> kubernetes.core.v1.Secret:
        # A fixed name: after an `up` that was killed, the next one finds the Secret again.
        metadata: ObjectMetaArgsDict = {"name": name, "namespace": namespace}
        return kubernetes.core.v1.Secret(name, metadata=metadata, string_data=content, opts=opts)


def _htpasswd(parts: list[object]) -> str:
    passwords, seed = parts
    assert isinstance(passwords, Mapping) and isinstance(seed, str)
    return htpasswd(passwords, bytes.fromhex(seed))


def _config(
    seed: str,
    server: Server,
    driver: Mapping[str, object],
    rollout: Rollout,
    *,
    has_door: bool,
    encrypted: bool,
    has_metrics: bool,
) -> str:
    serves_tls = encrypted and not has_door
    return configuration.render(
        http_secret=http_secret(bytes.fromhex(seed)),
        delete_enabled=server.delete_enabled,
        read_only=server.read_only,
        driver=driver,
        drain_seconds=rollout.drain_seconds,
        htpasswd_path=f"{ACCOUNTS_FOLDER}/htpasswd",
        address=door.SOCKET if has_door else f":{CONTAINER_PORT}",
        certificate_path=f"{TLS_FOLDER}/tls.crt" if serves_tls else "",
        key_path=f"{TLS_FOLDER}/tls.key" if serves_tls else "",
        debug=exporter.debug() if has_metrics else None,
    )


def _revision(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

"""The registry itself: its secrets, its Deployment and its Service."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    HTTPGetActionArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)

from components import accounts, distribution
from components.certificates import Certificates
from components.labels import labels, selector
from components.settings import Settings
from components.storage import HARDENED, ROOT, HostFolder

CONTAINER_PORT = 5000
_CONFIG_FOLDER = "/etc/private-registry"
_ACCOUNTS_FOLDER = "/auth"
_TLS_FOLDER = "/tls"
_USUAL_PROGRESS_DEADLINE = 600
"""Seconds, as in a Deployment that names none."""


class RegistryServer(pulumi.ComponentResource):
    """A registry that serves as soon as this component is there, and only with the accounts it was given."""

    revision: pulumi.Output[str]
    """Changes with accounts, configuration and certificate; public, and tells nothing of what is secret in them."""
    deployment: kubernetes.apps.v1.Deployment
    """The Deployment, for what must wait until the registry serves."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        folder: HostFolder,
        certificates: Certificates | None,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        """Without certificates it speaks plain HTTP. What stands in `after` is there before it serves."""
        super().__init__("private-registry:index:RegistryServer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The first value stays in the state for good: salts and the upload secret must not change by themselves.
        seed = pulumi.Stash(
            f"{name}-seed",
            input=pulumi.Output.secret(secrets.token_hex(32)),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        ).output

        passwords = pulumi.Output.secret(settings.accounts)
        htpasswd = pulumi.Output.all(passwords, seed).apply(_htpasswd)
        config = seed.apply(
            lambda text: _config(text, delete_enabled=settings.delete_enabled, encrypted=certificates is not None)
        )
        htpasswd_secret = self._secret(f"{name}-htpasswd", settings.namespace, {"htpasswd": htpasswd}, child)
        config_secret = self._secret(f"{name}-config", settings.namespace, {"config.yml": config}, child)
        served = [htpasswd, config]
        volumes: list[VolumeArgsDict] = [
            {"name": "config", "secret": {"secret_name": config_secret.metadata["name"]}},
            {"name": "accounts", "secret": {"secret_name": htpasswd_secret.metadata["name"]}},
            folder.volume,
        ]
        if certificates:
            pair = {"tls.crt": certificates.certificate, "tls.key": certificates.key}
            tls_secret = self._secret(f"{name}-tls", settings.namespace, pair, child)
            volumes.append({"name": "tls", "secret": {"secret_name": tls_secret.metadata["name"]}})
            served.append(certificates.fingerprint)
        # A hash over the random seed's work: nobody can guess a password by it.
        self.revision = pulumi.Output.unsecret(pulumi.Output.all(*served).apply(_revision))

        self.deployment = kubernetes.apps.v1.Deployment(
            name,
            # A fixed name, since operators type it: `kubectl logs deployment/registry`.
            metadata={"name": name, "namespace": settings.namespace, "labels": labels("registry", name)},
            spec={
                "replicas": 0 if settings.remove_data else settings.replicas,
                "strategy": {"type": folder.strategy},
                # Kubernetes' own limit must not end the wait before ours, nor a shorter one replace the registry.
                "progress_deadline_seconds": max(settings.timeout_seconds, _USUAL_PROGRESS_DEADLINE),
                "selector": {"match_labels": selector("registry", name)},
                "template": {
                    "metadata": {
                        "labels": labels("registry", name),
                        "annotations": {"private-registry/revision": self.revision},
                    },
                    "spec": {
                        "node_selector": folder.node_selector,
                        # Variables of a Service called registry would be read as configuration.
                        "enable_service_links": False,
                        "automount_service_account_token": False,
                        "termination_grace_period_seconds": 30,
                        "security_context": {"seccomp_profile": {"type": "RuntimeDefault"}},
                        "init_containers": [folder.owning_container(settings.image)],
                        "containers": [_container(settings, folder)],
                        "volumes": volumes,
                    },
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after,
                # An update under Recreate counts as done while the new Pod is not there yet
                # (provider 4.25), and a push right after it is refused; a creation is waited for in full.
                replace_on_changes=["spec"],
                delete_before_replace=True,
                custom_timeouts=settings.time_limit,
                hooks=pulumi.ResourceHookBinding(on_error=[explain]) if explain else None,
            ),
        )
        kubernetes.core.v1.Service(
            f"{name}-service",
            metadata={
                "name": name,  # Pods in the cluster say it
                "namespace": settings.namespace,
                "labels": labels("registry", name),
                # The wait of a Service is a fixed 10 s and proves less than the Deployment's own.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={
                "selector": selector("registry", name),
                "ports": [{"name": "registry", "port": settings.port, "target_port": "registry"}],
            },
            opts=child,
        )
        self.register_outputs({"revision": self.revision})

    def _secret(
        self,
        name: str,
        namespace: str,
        content: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions,
    ) -> kubernetes.core.v1.Secret:
        return kubernetes.core.v1.Secret(name, metadata={"namespace": namespace}, string_data=content, opts=opts)


def _container(settings: Settings, folder: HostFolder) -> ContainerArgsDict:
    encrypted = settings.tls != "off"
    health: HTTPGetActionArgsDict = {"path": "/", "port": "registry", "scheme": "HTTPS" if encrypted else "HTTP"}
    mounts: list[VolumeMountArgsDict] = [
        {"name": "config", "mount_path": _CONFIG_FOLDER, "read_only": True},
        # The folder, never one file of it: a missing htpasswd must stop the start, not be invented.
        {"name": "accounts", "mount_path": _ACCOUNTS_FOLDER, "read_only": True},
        folder.mount,
    ]
    if encrypted:
        mounts.append({"name": "tls", "mount_path": _TLS_FOLDER, "read_only": True})
    return {
        "name": "registry",
        "image": settings.image,
        # By path: the images of 2.x and 3.x keep their own file in different places, with other defaults.
        "command": ["registry", "serve", f"{_CONFIG_FOLDER}/config.yml"],
        # Version 3 otherwise sends traces to a collector on its own host, and logs an error every 5 s.
        "env": [{"name": "OTEL_TRACES_EXPORTER", "value": "none"}],
        "ports": [{"name": "registry", "container_port": CONTAINER_PORT, "host_port": settings.port}],
        "security_context": HARDENED,
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "2", "memory": "512Mi", "ephemeral-storage": "64Mi"},
        },
        # `/` needs no account and answers 503 while the storage is sick: then the Pod is not Ready ...
        "startup_probe": {"http_get": health, "period_seconds": 1, "failure_threshold": 60},
        # A node at full load is slower than the second that a probe has otherwise.
        "readiness_probe": {"http_get": health, "period_seconds": 5, "timeout_seconds": 5},
        # ... but not restarted, which would cure no disk. Seldom: each is a line in the log of a TLS server.
        "liveness_probe": {"tcp_socket": {"port": "registry"}, "period_seconds": 30, "timeout_seconds": 5},
        "volume_mounts": mounts,
        "termination_message_policy": "FallbackToLogsOnError",
    }


def _htpasswd(parts: list[object]) -> str:
    passwords, seed = parts
    assert isinstance(passwords, Mapping) and isinstance(seed, str)
    return accounts.htpasswd(passwords, bytes.fromhex(seed))


def _config(seed: str, *, delete_enabled: bool, encrypted: bool) -> str:
    return distribution.render(
        http_secret=accounts.http_secret(bytes.fromhex(seed)),
        delete_enabled=delete_enabled,
        root=ROOT,
        htpasswd_path=f"{_ACCOUNTS_FOLDER}/htpasswd",
        port=CONTAINER_PORT,
        certificate_path=f"{_TLS_FOLDER}/tls.crt" if encrypted else "",
        key_path=f"{_TLS_FOLDER}/tls.key" if encrypted else "",
    )


def _revision(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

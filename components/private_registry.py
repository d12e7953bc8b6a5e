"""The one component that a program creates: a registry, who may pull from it, and the proof that it works."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import pulumi

from .access.generated import generated_password
from .access.namespaces import pull_namespaces
from .access.pull_secrets import pull_secrets
from .access.service_accounts import service_accounts
from .cluster.checkov import of_place
from .cluster.conflicts import Folder, Port
from .cluster.diagnosis import Explain, bound
from .cluster.own_namespace import own_namespace
from .cluster.ownership import Ownership, Wanted
from .cluster.situation import Situation
from .cluster.taints import Ask, Taints
from .commands import commands
from .monitoring.alerts import Watched
from .monitoring.objects import metrics_service, monitor
from .network.nodes import check_nodes
from .network.policies import policies
from .nodes.node_trust import NodeTrust
from .nodes.pod_security import pod_security_level
from .proof import continuing
from .proof.image_proof import ImageProof
from .proof.stored_image import StoredImage
from .server.registry_server import RegistryServer
from .settings import HostPort, Plain, Settings
from .storage.volumes import volumes
from .tls.cert_manager import check_installed
from .tls.certificates import Certificates
from .tls.settings import KINDS, Issued


class PrivateRegistry(pulumi.ComponentResource):
    """A private container registry on one node, with TLS that all nodes trust, accounts, pull secrets and a proof.

    Needs a Kubernetes and a Docker provider, as `opts.providers` or the stack's default ones. The Kubernetes
    one should have `enable_secret_mutable`, so that a new password does not remove the pull secret for a moment.
    `explain` (see `cluster.diagnosis`) is asked why an object failed, and what to do. `ask` (see
    `cluster.ownership`) asks the cluster what is there already; without it, a preview does not notice what others
    made under the same names. `now` is the clock's time unless given.
    """

    address: str
    """`host:port` by which nodes pull."""
    push_address: str
    """`host:port` by which the Docker Engine pushes."""
    pull_secret_name: str
    """Name of the pull secret in each of its namespaces."""
    commands: dict[str, str]
    """What people type, by purpose; for where the Docker Engine runs."""
    load_balancer: pulumi.Output[list[str]] | None
    """Names and IP addresses that the load balancer has given: `host` has to lead there. None for other ways in."""
    password: pulumi.Output[str] | None
    """The password of `username` if it is made here; secret. None if it is set."""
    proof: ImageProof | None
    """The image that was pushed and pulled back; None once the data is removed."""
    certificates: Certificates | None
    """What the registry serves TLS with; None if it speaks plain HTTP."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        opts: pulumi.ResourceOptions | None = None,
        explain: Explain | None = None,
        now: datetime | None = None,
        ask: Ask | None = None,
    ) -> None:
        super().__init__("private-registry:index:PrivateRegistry", name, None, opts)
        hook = explain(_situation(name, settings)) if explain else None
        exposure, tls, access, nodes = settings.exposure, settings.tls, settings.access, settings.nodes
        server_settings, storage, cluster = settings.server, settings.storage, settings.cluster
        monitoring, proof = settings.monitoring, settings.proof
        port = exposure.port_on_node
        namespaces = pull_namespaces(access, ask)
        if settings.network.network_addresses and ask:
            check_nodes(settings.network, ask)
        if isinstance(tls, Issued) and ask and not (opts and opts.depends_on):
            check_installed(ask)
        wanted = Wanted(
            namespace=cluster.namespace,
            pull_secret_name=access.pull_secret_name,
            pull_namespaces=namespaces,
            of_the_node=[
                *([Folder(storage.node, storage.folder)] if storage.folder else []),
                # While the registry is stopped, it needs no port.
                *([Port(storage.node, port)] if port and not storage.remove_data else []),
            ],
            of_the_cluster=[exposure.taken] if exposure.taken else [],
            timeout_seconds=cluster.timeout_seconds,
            namespaces_are_made_here=bool(opts and opts.depends_on),
        )
        ownership = Ownership(name, self, wanted, ask)
        explained = of_place(policed=bool(settings.network.network_addresses))
        child = pulumi.ResourceOptions(parent=self, transformations=[ownership.mark, explained])
        if cluster.create_namespace:
            level = pod_security_level(exposure, storage, tls, nodes)
            after = own_namespace(name, cluster.namespace, level, child)
            child = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(transformations=[after]))
        bounded = pulumi.ResourceOptions.merge(
            child, pulumi.ResourceOptions(custom_timeouts=cluster.time_limit, hooks=bound(hook))
        )
        self.address, self.push_address = str(exposure.address), str(exposure.push_address)
        self.pull_secret_name = access.pull_secret_name
        self.commands = commands(exposure, tls, access.username, proof.image(exposure.addresses))
        for warning in settings.warnings:
            pulumi.log.warn(warning, resource=self)

        self.certificates = None
        if not isinstance(tls, Plain):
            moment = now or datetime.now(UTC)
            self.certificates = Certificates(name, tls, exposure, cluster.namespace, moment, child, bounded)
        authorities = self.certificates.authorities if self.certificates else ""
        told = None
        if nodes.addresses(exposure, tls):
            told = NodeTrust(
                f"{name}-trust",
                nodes,
                exposure,
                tls,
                cluster,
                storage.node,
                server_settings.image,
                authorities,
                child,
                hook,
            )
        elif self.certificates and tls.has_own_ca:
            # The first `up` fails until nodes have the CA, and has no outputs to show it.
            self.certificates.authorities.apply(
                lambda pem: pulumi.log.info(
                    f"private-registry:nodeTrust is off: have each node trust this CA for {self.address}\n{pem}",
                    resource=self,
                )
            )

        if settings.network.network_addresses:
            reporting = access.pull_namespaces[0] if proof.proof_minutes else ""
            policies(name, settings.network, storage, monitoring, reporting, cluster, bounded)
        trust = [told.daemon_set] if told else []
        made = {
            account: generated_password(f"{name}-{resource}", child)
            for account, resource in access.generated.items()
        }
        self.password = made.get(access.username)
        accounts = access.accounts(made)
        taints = Taints(ask if storage.tolerate_taints else None, self)
        data = volumes(name, storage, cluster, ownership, ask, bounded)
        stored = StoredImage(proof.image(exposure.addresses), exposure, tls, access, accounts, authorities)
        server = RegistryServer(
            name,
            server_settings,
            cluster,
            exposure,
            storage,
            data,
            access,
            accounts,
            self.certificates,
            trust,
            monitoring,
            continuing.names(f"{name}-proof", proof.proof_nodes) if proof.proof_minutes else [],
            taints.tolerated_on(storage.node),
            None if storage.remove_data else ask,
            [] if storage.remove_data else [stored.restart_registry],
            child,
            hook,
        )
        self.load_balancer = server.load_balancer
        if monitoring.metrics:
            watched = Watched(
                namespace=cluster.namespace,
                registry=name,
                in_folder=bool(storage.mounts),
                encrypted=bool(self.certificates),
                collects=bool(server_settings.collection_time),
                counts_logins=bool(access.rights),
                proof_minutes=proof.proof_minutes,
            )
            reports = metrics_service(watched, bounded)
            monitor(watched, ask, bounded)
        if told and tls.has_own_ca:
            told.confirm(server.deployment)
        if told and nodes.runtime_hint:
            hint = f"private-registry:nodeTrust is {nodes.node_trust}: {nodes.runtime_hint}"
            server.is_new.apply(lambda new: pulumi.log.info(hint, resource=self) if new else None)
        self.proof = None
        if storage.remove_data:
            # Jobs are a part of the SDK that nothing else needs.
            from .storage.removal import remove_data  # noqa: PLC0415

            stopped = pulumi.ResourceOptions.merge(bounded, pulumi.ResourceOptions(depends_on=[server.deployment]))
            tolerated = taints.tolerated_on(storage.node)
            remove_data(name, storage, data, server_settings.image, cluster, tolerated, stopped)
        else:
            provider = self.get_provider("kubernetes:core/v1:Pod")
            # Nodes pull by an account as soon as the secret has it: by then every Pod of the registry must know it.
            served = pulumi.ResourceOptions.merge(bounded, pulumi.ResourceOptions(depends_on=[server.deployment]))
            seconds = server_settings.rollout(exposure, storage).seconds_known
            secrets = pull_secrets(name, access, namespaces, accounts, exposure.addresses, seconds, served)
            if access.pull_service_accounts:
                # Without the mark of ours: they are those of others.
                own = pulumi.ResourceOptions(parent=self, custom_timeouts=cluster.time_limit, hooks=bound(hook))
                made_here = cluster.namespace if cluster.create_namespace else ""
                by_namespace = dict(zip(namespaces, secrets, strict=True))
                service_accounts(name, access, by_namespace, made_here, ask, own)
            self.proof = ImageProof(
                f"{name}-proof",
                proof,
                exposure,
                tls,
                access,
                cluster,
                accounts,
                server,
                secrets,
                taints,
                storage.node,
                trust,
                authorities,
                stored,
                {
                    "addresses": [str(address) for address in exposure.addresses],
                    # A stack that says nothing of it keeps its proof.
                    **({} if isinstance(exposure, HostPort) else {"exposure": {exposure.kind: asdict(exposure)}}),
                    "authorities": authorities,
                    "certificate": self.certificates.fingerprint if self.certificates else "",
                    # A provider of another cluster is another one, with another id.
                    "cluster": provider.id if provider else "",
                    "namespace": cluster.namespace,
                    "nodes": asdict(nodes),
                    "registry": server_settings.image,
                    "storage": storage.place,
                },
                child,
                hook,
            )
            if proof.proof_minutes:
                continuing.continue_proof(
                    f"{name}-proof",
                    proof.proof_minutes,
                    proof.proof_nodes,
                    storage.node,
                    access.pull_namespaces[0],
                    self.proof,
                    secrets[0],
                    reports,
                    taints,
                    bounded,
                )
        ownership.claim()
        self.register_outputs({"address": self.address, "pushAddress": self.push_address})


def _situation(name: str, settings: Settings) -> Situation:
    """Give the facts that advice about failures depends on."""
    folders, exposure = settings.nodes.certs_folders, settings.exposure
    return Situation(
        name=name,
        namespace=settings.cluster.namespace,
        pull_secret=settings.access.pull_secret_name,
        address=str(exposure.address),
        host=exposure.address.host,
        leads=exposure.leads(name, settings.cluster.namespace, settings.storage.node),
        clash=exposure.clash,
        tls=next(kind for kind, section in KINDS.items() if isinstance(settings.tls, section)),
        has_own_ca=settings.tls.has_own_ca,
        node_trust=settings.nodes.node_trust,
        certs_folders=tuple(path for path in (folders.containerd, folders.docker) if path),
        runtime_hint=settings.nodes.runtime_hint,
        node=settings.storage.node,
        tolerate_taints=settings.storage.tolerate_taints,
        folder=settings.storage.folder,
        storage=settings.storage.place,
        port=exposure.port,
        image=settings.server.image,
        door_image=settings.server.door_image if settings.access.rights or settings.monitoring.metrics else "",
        memory=settings.server.memory,
        timeout_seconds=settings.cluster.timeout_seconds,
    )

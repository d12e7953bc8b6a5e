"""A private container registry on Kubernetes."""

import gc

# A command is over before there is garbage worth looking for, and imports would look again and again.
gc.disable()

# ruff: noqa: E402 - imports come after that
import asyncio
import datetime
import importlib
import os
import signal

import pulumi

from components.access.namespaces import of_namespaces
from components.clock import clock
from components.cluster.kinds import of_kinds
from components.cluster.kubeconfig import resolve
from components.cluster.kubectl import Questions
from components.cluster.provider import cluster_provider
from components.cluster.taints import of_node
from components.monitoring.settings import GROUP as PROMETHEUS_OPERATOR
from components.network.nodes import OF_NODES
from components.pulumi_version import check_pulumi
from components.stack_configuration import load
from components.storage.claim import Claim, of_claim
from components.tls.cert_manager import GROUP as CERT_MANAGER
from components.tls.settings import Issued


async def program() -> pulumi.Inputs:
    """Declare a stack's registry; give the stack's outputs."""
    check_pulumi()
    settings, connections = load(pulumi.Config())
    kubeconfig = resolve(connections.kubeconfig, connections.kube_context, os.environ)
    try:
        now = clock(os.environ, datetime.datetime.now(datetime.UTC))
    except ValueError as broken:
        # Pulumi shows a RunError without a traceback.
        raise pulumi.RunError(str(broken)) from None
    ask = Questions(kubeconfig.content)
    asked = asyncio.ensure_future(cluster_provider(kubeconfig))
    await asyncio.sleep(0)
    if settings.storage.tolerate_taints and settings.storage.node:
        ask.early(of_node(settings.storage.node))
    if settings.network.network_addresses:
        ask.early(OF_NODES)
    if settings.monitoring.metrics:
        ask.early(of_kinds(PROMETHEUS_OPERATOR))
    if isinstance(settings.tls, Issued):
        ask.early(of_kinds(CERT_MANAGER))
    if selector := settings.access.pull_namespace_selector:
        ask.early(of_namespaces(selector))
    if isinstance(settings.storage, Claim):
        ask.early(of_claim(settings.storage.claim_name or "registry-data", settings.cluster.namespace))

    # While the cluster answers, Pulumi starts the Docker provider.
    import pulumi_docker as docker  # noqa: PLC0415

    engine = docker.Provider("engine", host=connections.docker_host or None)
    from components.cluster.diagnosis import explain_failures  # noqa: PLC0415

    cluster, answers = await asked

    # Here the whole Kubernetes SDK is imported, which takes as long as Pulumi takes to start both providers.
    await asyncio.to_thread(importlib.import_module, "components.private_registry")
    from components.private_registry import PrivateRegistry  # noqa: PLC0415

    registry = PrivateRegistry(
        "registry",
        settings,
        opts=pulumi.ResourceOptions(providers=[cluster, engine]),
        explain=explain_failures(kubeconfig.content),
        now=now,
        ask=ask if answers else None,
    )
    outputs: dict[str, object] = {
        "address": registry.address,
        "pushAddress": registry.push_address,
        "pullSecret": registry.pull_secret_name,
        "commands": registry.commands,
    }
    if registry.password:
        outputs |= {"password": registry.password}
    if registry.load_balancer:
        outputs |= {"loadBalancer": registry.load_balancer}
    if registry.certificates:
        outputs |= {"ca": registry.certificates.authorities, "certificateEnds": registry.certificates.not_after}
    if registry.proof:
        outputs |= {"image": registry.proof.image, "proofPods": registry.proof.pod_names}
    # At its end the interpreter would walk every class of that SDK once more: 0.2 s of each command.
    gc.freeze()
    return outputs


# The SDK waits for Pulumi with each debug message of its own, over a hundred in each command, wanted or not.
pulumi.log.debug = lambda *_, **__: None
# Pulumi interrupts the program after an error, whose text a traceback would bury.
signal.signal(signal.SIGINT, lambda *_: os._exit(1))
pulumi.run(program)

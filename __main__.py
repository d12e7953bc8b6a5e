"""A private container registry on Kubernetes."""

import asyncio
import datetime
import gc
import importlib
import os
import signal

import pulumi
import pulumi_docker as docker

from components.clock import clock
from components.cluster.diagnosis import explain_failures
from components.cluster.kubeconfig import resolve
from components.cluster.kubectl import kubectl
from components.cluster.provider import cluster_provider
from components.pulumi_version import check_pulumi
from components.stack_configuration import load


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
    engine = docker.Provider("engine", host=connections.docker_host or None)
    # While the cluster answers, Pulumi starts the Docker provider.
    cluster = await cluster_provider(kubeconfig)

    # Here the whole Kubernetes SDK is imported, which takes as long as Pulumi takes to start both providers.
    await asyncio.to_thread(importlib.import_module, "components.private_registry")
    from components.private_registry import PrivateRegistry  # noqa: PLC0415 - see above

    registry = PrivateRegistry(
        "registry",
        settings,
        opts=pulumi.ResourceOptions(providers=[cluster, engine]),
        explain=explain_failures(kubeconfig.content),
        now=now,
        ask=lambda words: kubectl(words, kubeconfig.content, 10),
    )
    outputs: dict[str, object] = {
        "address": registry.address,
        "pushAddress": registry.push_address,
        "pullSecret": registry.pull_secret_name,
        "commands": registry.commands,
    }
    if registry.certificates:
        outputs |= {"ca": registry.certificates.authorities, "certificateEnds": registry.certificates.not_after}
    if registry.proof:
        outputs |= {"image": registry.proof.image, "proofPods": registry.proof.pod_names}
    # At its end the interpreter would walk every class of that SDK once more: 0.2 s of each command.
    gc.freeze()
    return outputs


# Pulumi interrupts the program after an error, whose text a traceback would bury.
signal.signal(signal.SIGINT, lambda *_: os._exit(1))
# A command is over before there is garbage worth looking for, and the import would look again and again.
gc.disable()
pulumi.run(program)

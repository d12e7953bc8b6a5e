"""A private container registry on Kubernetes."""

import gc
import os

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes

from components import PrivateRegistry, Settings
from components.diagnosis import explain_failures
from components.kubeconfig import resolve

settings = Settings.load(pulumi.Config())
kubeconfig = resolve(settings.kubeconfig, settings.kube_context, os.environ)

cluster = kubernetes.Provider(
    "cluster",
    kubeconfig=pulumi.Output.secret(kubeconfig.content),
    # The same server with renewed credentials is the same cluster: nothing is replaced for it.
    cluster_identifier=kubeconfig.server,
    enable_secret_mutable=True,
    enable_config_map_mutable=True,
)
engine = docker.Provider("engine", host=settings.docker_host or None)

registry = PrivateRegistry(
    "registry",
    settings,
    opts=pulumi.ResourceOptions(providers=[cluster, engine]),
    explain=explain_failures(kubeconfig.content),
)

pulumi.export("address", registry.address)
pulumi.export("pushAddress", registry.push_address)
pulumi.export("pullSecret", registry.pull_secret_name)
pulumi.export("commands", registry.commands())
if registry.proof:
    pulumi.export("image", registry.proof.image)
    pulumi.export("proofPod", registry.proof.pod_name)

# At its end the interpreter would walk every class of the Kubernetes SDK once more: 0.2 s of each command.
gc.freeze()

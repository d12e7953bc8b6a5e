"""Which advice belongs to which reason, over texts as Kubernetes and container runtimes write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from components.cluster.advice import advise, gone
from components.cluster.situation import Situation

NOW: Final = datetime(2026, 11, 25, 10, tzinfo=UTC)
GENERATED: Final = Situation(
    name="registry",
    namespace="images",
    pull_secret="regcred",
    address="10.0.0.5:5000",
    host="10.0.0.5",
    leads="open that port on node node-1",
    clash="free that port, or `pulumi config set port <number>`",
    tls="generated",
    has_own_ca=True,
    node_trust="kubeadm",
    certs_folders=("/etc/containerd/certs.d",),
    node="node-1",
    tolerate_taints=False,
    folder="/data/registry",
    storage="node-1:/data/registry",
    port=5000,
    image="registry:3.1.2",
    door_image="example.com/nginx:1.28",
    memory="4Gi",
    timeout_seconds=120,
)
PULL: Final = (
    'container proof: failed to pull and unpack image "10.0.0.5:5000/alpine_test@sha256:1": failed to resolve '
    'reference "10.0.0.5:5000/alpine_test@sha256:1": failed to do request: Head '
    '"https://10.0.0.5:5000/v2/alpine_test/manifests/sha256:1": '
)
IMAGE: Final = (
    'container own-data: failed to pull and unpack image "docker.io/library/registry:3.1.2": failed to resolve '
    'reference "docker.io/library/registry:3.1.2": '
)
UNKNOWN: Final = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
EXPIRED: Final = (
    "x509: certificate has expired or is not yet valid: current time 2026-11-25T09:59:00Z is after "
    "2026-11-01T00:00:00Z"
)
SLOW_CLOCK: Final = (
    "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before "
    "2026-11-01T00:00:00Z"
)


def node(name: str, *taints: str, cordoned: bool = False) -> dict[str, Any]:
    """A node as Kubernetes gives it."""
    spec = {"taints": [{"key": taint, "effect": "NoSchedule"} for taint in taints], "unschedulable": cordoned}
    return {"metadata": {"name": name}, "spec": spec}


def one(reason: str, situation: Situation = GENERATED, **more: Any) -> str:  # noqa: ANN401
    """Give the one advice that belongs to a reason."""
    [advice] = advise([reason], situation, NOW, **more)
    return advice


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        (
            {},
            (
                "the node's container runtime does not read /etc/containerd/certs.d, where the CA is: "
                "`nodeTrust` (kubeadm) "
                "must name the kind of the nodes, and the runtime must look there (docs/settings.md, Nodes)"
            ),
        ),
        (
            {"tls": "provided"},
            (
                "the node's container runtime does not read /etc/containerd/certs.d, where the CA is: "
                "`nodeTrust` (kubeadm) "
                "must name the kind of the nodes, and the runtime must look there (docs/settings.md, Nodes)"
            ),
        ),
        (
            {"node_trust": "off", "certs_folders": ()},
            (
                "nodeTrust is off: have each node trust the registry's CA for 10.0.0.5:5000, or "
                "`pulumi config set nodeTrust <kind>`"
            ),
        ),
        (
            {"tls": "provided", "has_own_ca": False},
            (
                "the node does not know the CA of the certificate: `pulumi config set tlsCa <file>` with the "
                "CA that signed "
                "it; with a public CA, the certificate's file must hold the intermediate certificates as well"
            ),
        ),
    ],
    ids=["generated", "provided-with-ca", "off", "provided-without-ca"],
)
def test_n05_an_unknown_authority_is_a_matter_of_what_is_set(changed: dict[str, Any], advice: str) -> None:
    """Node trust has no part in a certificate whose CA nobody gave it."""
    assert one(PULL + UNKNOWN, replace(GENERATED, **changed)) == advice


@pytest.mark.parametrize("tls", ["generated", "provided"])
def test_n05_a_node_s_wrong_clock_is_not_the_certificate_s_fault(tls: str) -> None:
    """Its own time stands in the text."""
    advice = one(PULL + SLOW_CLOCK, replace(GENERATED, tls=tls))

    assert advice == "the clock of the node is wrong: set it, and let it follow a time server"


@pytest.mark.parametrize(
    ("tls", "advice"),
    [
        ("generated", "`pulumi up` renews the certificate; if that changes nothing, raise `caGeneration` by one"),
        (
            "provided",
            "give a certificate whose whole chain is valid now (`tlsCertificate` and `tlsKey`, or `tlsSecret`)",
        ),
        (
            "issued",
            "`kubectl describe certificate registry --namespace images` tells what cert-manager has issued",
        ),
    ],
)
def test_n05_a_chain_that_has_expired_is_not_a_matter_of_node_trust(tls: str, advice: str) -> None:
    """Also an intermediate of it."""
    assert one(PULL + EXPIRED, replace(GENERATED, tls=tls)) == advice


@pytest.mark.parametrize(
    ("tls", "fault", "advice"),
    [
        (
            "provided",
            "x509: certificate is valid for old.test, not 10.0.0.5",
            "the certificate must carry 10.0.0.5: give one that does, or `pulumi config set host <its name>`",
        ),
        (
            "generated",
            "x509: certificate is valid for other.test, not 10.0.0.5",
            (
                "something else than this registry answers at 10.0.0.5:5000, such as another program or a proxy: "
                "free that port, or `pulumi config set port <number>`"
            ),
        ),
        (
            "off",
            "http: server gave HTTP response to HTTPS client",
            (
                "the node must be told that 10.0.0.5:5000 speaks plain HTTP: `pulumi config set nodeTrust "
                "<kind>` for "
                "containerd, `insecure-registries` of /etc/docker/daemon.json for Docker"
            ),
        ),
        (
            "generated",
            "http: server gave HTTP response to HTTPS client",
            (
                "something else than this registry answers at 10.0.0.5:5000, such as another program or a proxy: "
                "free that port, or `pulumi config set port <number>`"
            ),
        ),
        (
            "generated",
            "proxyconnect tcp: dial tcp 10.0.0.9:3128: i/o timeout",
            (
                "the node's container runtime goes through a proxy: add 10.0.0.5 to NO_PROXY of its service, and "
                "restart it"
            ),
        ),
        (
            "generated",
            "dial tcp 10.0.0.5:5000: connect: no route to host",
            (
                "every node must reach 10.0.0.5:5000: open that port on node node-1, or `pulumi config set host "
                "<address>` (`kubectl get nodes --output wide` lists addresses)"
            ),
        ),
        (
            "generated",
            "unexpected status from HEAD request: 401 Unauthorized",
            (
                "Secret regcred does not hold the registry's account any more, or its account may not pull: "
                "`pulumi up --refresh` writes it again"
            ),
        ),
    ],
)
def test_a_pull_from_the_registry_blames_what_is_at_fault(tls: str, fault: str, advice: str) -> None:
    """By what is set."""
    assert one(PULL + fault, replace(GENERATED, tls=tls)) == advice


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (
            "failed to do request: Head ...: dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host",
            (
                "the node cannot reach the registry of image docker.io/library/registry:3.1.2: set `image` "
                "to a copy that "
                "nodes can pull, or load the image into the node"
            ),
        ),
        (
            "unexpected status from HEAD request to https://registry-1.docker.io/v2/: 429 Too Many Requests",
            (
                "the registry of image docker.io/library/registry:3.1.2 limits pulls: wait some hours, or "
                "set `image` to a "
                "copy that nodes can pull, or load the image into the node"
            ),
        ),
        (
            UNKNOWN,
            (
                "something between the node and the registry of image docker.io/library/registry:3.1.2 ends "
                "its TLS, such "
                "as a company's proxy: have the node trust that proxy's CA, or set `image` to a copy that "
                "nodes can pull, "
                "or load the image into the node"
            ),
        ),
        (
            "docker.io/library/registry:3.1.2: not found",
            "image docker.io/library/registry:3.1.2 does not exist: `pulumi config set image registry:3.1.2`",
        ),
    ],
)
def test_the_registry_s_own_image_is_not_a_matter_of_its_certificate(fault: str, advice: str) -> None:
    """It comes from somewhere else."""
    assert one(IMAGE + fault) == advice


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (
            'failed to pull and unpack image "example.com/nginx:1.28": example.com/nginx:1.28: not found',
            "image example.com/nginx:1.28 does not exist: `pulumi config set doorImage nginx:1.28`",
        ),
        (
            'failed to pull and unpack image "example.com/nginx:1.28": 429 Too Many Requests',
            (
                "the registry of image example.com/nginx:1.28 limits pulls: wait some hours, or set `doorImage` "
                "to a copy that nodes can pull, or load the image into the node"
            ),
        ),
        (
            "sh: 12: nginx: not found",
            "image example.com/nginx:1.28 has no nginx: `pulumi config set doorImage nginx:1.28`",
        ),
        (
            'exec: "sh": executable file not found in $PATH',
            "image example.com/nginx:1.28 lacks a program that is needed: `doorImage` must be nginx with a shell",
        ),
    ],
)
@pytest.mark.parametrize("container", ["door", "metrics"])
def test_nginx_s_own_image_is_a_matter_of_its_key(container: str, fault: str, advice: str) -> None:
    """Two containers have it."""
    assert one(f"container {container}: {fault}") == advice


@pytest.mark.parametrize(
    ("refused", "advice"),
    [
        (
            "exceeded quota: two-pods, requested: pods=1, used: pods=2, limited: pods=2",
            (
                "ResourceQuota two-pods of namespace images leaves no room: raise it, or remove others' Pods; "
                "`kubectl describe resourcequota two-pods --namespace images` shows it"
            ),
        ),
        (
            "failed quota: all: must specify limits.cpu for: app; limits.memory for: app",
            (
                "ResourceQuota all of namespace images counts what these containers leave open: give the "
                "namespace a "
                "LimitRange with defaults for it; `kubectl describe resourcequota all --namespace images` shows it"
            ),
        ),
        *(
            (
                text,
                (
                    "a LimitRange of namespace images refuses these containers: change it, or choose another "
                    "namespace; "
                    "`kubectl describe limitrange --namespace images` shows it"
                ),
            )
            for text in (
                "minimum memory usage per Container is 32Mi, but request is 16Mi",
                (
                    "[minimum cpu usage per Container is 100m, but request is 10m, minimum memory usage per "
                    "Pod is 1Gi, "
                    "but request is 32Mi]"
                ),
                "maximum cpu usage per Container is 1, but limit is 2",
                "cpu max limit to request ratio per Container is 3, but provided ratio is 8.000000",
            )
        ),
        *(
            (
                (
                    f'violates PodSecurity "{level}:latest": hostPath volumes (volume "data"), hostPort (container '
                    '"registry" uses hostPort 5000)'
                ),
                (
                    "namespace images must allow hostPath volumes and host ports, which only the Pod "
                    "Security level "
                    "privileged does: `kubectl label namespace images --overwrite "
                    "pod-security.kubernetes.io/enforce=privileged`, or set `namespace` to one that allows them"
                ),
            )
            for level in ("baseline", "restricted")
        ),
        (
            "unable to create new content in namespace images because it is being terminated",
            (
                "namespace images is being deleted: wait until it is gone (`kubectl wait --for=delete "
                "namespace/images "
                "--timeout=120s`), then `kubectl create namespace images`"
            ),
        ),
    ],
)
def test_n11_a_refusal_names_what_the_namespace_needs(refused: str, advice: str) -> None:
    """Whoever says it: a controller's event, or the API server itself to a Pod of its own."""
    for before in ('Error creating: pods "registry-5f-x2k4p" is forbidden: ', 'pods "proof" is forbidden: '):
        assert one(before + refused) == advice


def test_the_namespace_of_the_object_at_fault_is_named() -> None:
    """The proof Pod is not in the registry's namespace."""
    assert "--namespace apps" in one(
        'pods "p" is forbidden: exceeded quota: q, requested: pods=1', namespace="apps"
    )


@pytest.mark.parametrize(
    ("reason", "nodes", "found"),
    [
        (
            (
                "0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: "
                "1 Preemption "
                "is not helpful for scheduling."
            ),
            [node("node-1", cordoned=True)],
            ["node node-1 is cordoned: `kubectl uncordon node-1`"],
        ),
        (
            (
                "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) "
                "didn't have free "
                "ports for the requested pod ports. preemption: 0/2 nodes are available: 1 No preemption "
                "victims found."
            ),
            [],
            [
                (
                    "another Pod has port 5000 of the node (`kubectl get pods --all-namespaces --output wide "
                    "--field-selector spec.nodeName=node-1` shows those there): remove it, or "
                    "`pulumi config set port <number>`"
                )
            ],
        ),
        (
            (
                "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested "
                "pod ports"
            ),
            [],
            [
                (
                    "another Pod has port 5000 of the node (`kubectl get pods --all-namespaces --output wide "
                    "--field-selector spec.nodeName=node-1` shows those there): remove it, or "
                    "`pulumi config set port <number>`"
                )
            ],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes",
            [],
            [
                (
                    "no node matches: `node` is node-1 and must be one that `kubectl get nodes` shows; "
                    "`pulumi config set node <name>`"
                )
            ],
        ),
        (
            (
                "0/2 nodes are available: 1 node(s) had untolerated taint "
                "{node-role.kubernetes.io/control-plane: }, "
                "1 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful."
            ),
            [node("other", "node-role.kubernetes.io/control-plane"), node("node-1")],
            [
                (
                    "node other has taint node-role.kubernetes.io/control-plane, which these Pods do not tolerate: "
                    "`kubectl taint nodes other node-role.kubernetes.io/control-plane-` removes it, or "
                    "choose another node"
                ),
                "the node has not enough memory left: remove other Pods from it, or choose another node",
            ],
        ),
        (
            (
                "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate, "
                "preemption: 0/1"
            ),
            [node("node-1", "dedicated")],
            [
                (
                    "node node-1 has taint dedicated, which these Pods do not tolerate: `pulumi config set "
                    "tolerateTaints true`, or `kubectl taint nodes node-1 dedicated-` removes it"
                )
            ],
        ),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
            [],
            ["start node node-1 again; if it is gone for good, `kubectl delete node node-1`"],
        ),
        (
            (
                "0/1 nodes are available: 1 node(s) had taint {node.kubernetes.io/disk-pressure: }, that the "
                "pod didn't "
                "tolerate."
            ),
            [],
            ["a disk of node node-1 is full: free space on it"],
        ),
        (
            "no nodes available to schedule pods",
            [],
            ["the cluster has no node that runs: start one (`kubectl get nodes` shows all)"],
        ),
    ],
)
def test_the_scheduler_s_words_become_what_to_do(
    reason: str, nodes: list[dict[str, Any]], found: list[str]
) -> None:
    """The faults of nodes that the Pod was not meant for are none."""
    assert advise([reason], GENERATED, NOW, nodes=nodes) == found


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("container registry: OOMKilled, exit code 137", "memory limit of 4Gi"),
        ("container own-data: OOMKilled, exit code 137", "container own-data ran out of memory"),
        (
            "container registry: exec /bin/registry: exec format error",
            "image registry:3.1.2 is for another processor",
        ),
        (
            "container metrics: exec /bin/sh: exec format error",
            "image example.com/nginx:1.28 is for another processor than the node's: set `doorImage`",
        ),
        ("container proof: exec /bin/sh: exec format error", "the test image is built for another processor"),
        ("exec /bin/registry: exec format error", "image registry:3.1.2 is for another processor"),
        (
            (
                "The node was low on resource: ephemeral-storage. Threshold quantity: 48335976730, available: "
                "47166528Ki."
            ),
            "a disk of the node is full",
        ),
        ("Pod was rejected: The node had condition: [DiskPressure].", "a disk of node node-1 is full"),
        ("The node was low on resource: memory. Threshold quantity: 100Mi", "the node is short of memory"),
        ('Container registry exceeded its local ephemeral storage limit "64Mi". ', "a container wrote more"),
        ("container registry: write /var/lib/registry/a: no space left on device", "a disk of the node is full"),
        (
            (
                'MountVolume.SetUp failed for volume "data" : hostPath type check failed: /data/registry is not '
                "a directory"
            ),
            "/data/registry on node node-1 must be a folder",
        ),
        (
            'MountVolume.SetUp failed for volume "accounts" : secret "registry-htpasswd" not found',
            "secret registry-htpasswd was removed from namespace images",
        ),
        ("container own-data: chown: /var/lib/registry: Read-only file system", "cannot be written"),
        ("container own-data: chown: /var/lib/registry/a: Operation not permitted", "NFS that squashes root"),
        (
            (
                'deployments.apps is forbidden: User "ci" cannot create resource "deployments" in API group '
                '"apps" in the '
                'namespace "images"'
            ),
            "may not create deployments",
        ),
        (
            (
                'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call '
                "webhook: Post "
                '"https://kyverno-svc.kyverno.svc:443/validate?timeout=10s": dial tcp 10.96.19.182:443: connect: '
                "connection refused"
            ),
            "admission webhook validate.kyverno.svc-fail does not answer",
        ),
        (
            (
                'admission webhook "validation.gatekeeper.sh" denied the request: [no-host-path] hostPath is not '
                "allowed"
            ),
            "by admission webhook validation.gatekeeper.sh",
        ),
        (
            (
                'pods "registry-1" is forbidden: unable to validate against any security context constraint: '
                "[provider "
                '"restricted-v2": Forbidden: not usable by user or serviceaccount]'
            ),
            "a security policy of the cluster refuses these Pods",
        ),
        ('namespaces "images" not found', "namespace images does not exist: `kubectl create namespace images`"),
        (
            (
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for "
                'sandbox "1": '
                'plugin type="calico" failed (add): stat /var/lib/calico/nodename: no such file'
            ),
            "network plug-in does not work",
        ),
        (
            'daemonsets.apps "registry-trust" already exists',
            (
                "daemonset registry-trust of namespace images is another's: choose another place by "
                "`pulumi config set namespace <name>`, or, if nobody needs it, "
                "`kubectl delete daemonset/registry-trust --namespace images`"
            ),
        ),
        ('secrets "regcred" already exists', "`pulumi config set pullSecretName <name>`"),
        ('persistentvolumeclaims "registry-data" already exists', "`pulumi config set claimName registry-data`"),
        ('Apply failed with 1 conflict: conflict with "kubectl-create": .type', "is another's"),
        ("Job was active longer than specified deadline", "it took longer than 120 s"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "cannot use its storage"),
        ("node worker is not ready: Kubelet stopped posting node status.", "start node worker again"),
    ],
)
def test_each_kind_of_reason_has_a_way_out(reason: str, words: str) -> None:
    """One for each, with the names that are set."""
    assert words in one(reason)


@pytest.mark.parametrize(
    "reason",
    ["container registry: panic: runtime error", "container node-trust: hosts.toml is another tool's: remove it"],
)
def test_a_reason_that_says_all_by_itself_gets_no_advice(reason: str) -> None:
    """Nothing is blamed that is not at fault."""
    assert advise([reason], GENERATED, NOW) == []


def test_the_same_advice_comes_once() -> None:
    """Also for reasons in different words."""
    reasons = ["node worker is not ready: off", "node worker is not ready: NodeStatusUnknown"]

    assert len(advise(reasons, GENERATED, NOW)) == 1


def test_printed_commands_end() -> None:
    """None watches or follows, and none opens an editor."""
    texts = [
        one(reason)
        for reason in (
            'pods "p" is forbidden: exceeded quota: q, requested: pods=1',
            "unable to create new content in namespace images because it is being terminated",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            PULL + UNKNOWN,
        )
    ]

    assert not [
        text for text in texts for word in (" -w", "--watch", " -f ", "--follow", "kubectl edit") if word in text
    ]


def test_a_node_port_that_another_service_has_is_named() -> None:
    """As the API server refuses it."""
    assert one(
        'The Service "registry" is invalid: spec.ports[0].nodePort: Invalid value: 30501: provided port is already '
        "allocated"
    ) == (
        "another Service has node port 30501 (`kubectl get services --all-namespaces` shows them): remove it, or "
        "`pulumi config set nodePort <number>`"
    )


def test_a_cluster_with_other_node_ports_names_them() -> None:
    """Its API server may be told of others than the usual ones."""
    assert one(
        'The Service "registry" is invalid: spec.ports[0].nodePort: Invalid value: 30500: provided port is not in '
        "the valid range. The range of valid ports is 20000-22767"
    ) == ("this cluster keeps other node ports: `pulumi config set nodePort <number>`, one of 20000-22767")


def test_a_pull_by_a_load_balancer_names_what_leads_to_it() -> None:
    """No port of a node helps there, and an address may have no port."""
    situation = replace(GENERATED, address="lb.test", host="lb.test", leads="have lb.test lead to 10.0.0.9")

    assert one(
        PULL.replace("10.0.0.5:5000", "lb.test") + "dial tcp 10.0.0.8:443: connection refused", situation
    ) == (
        "every node must reach lb.test: have lb.test lead to 10.0.0.9, or `pulumi config set host <address>` "
        "(`kubectl get nodes --output wide` lists addresses)"
    )


def test_a_claim_without_a_volume_is_named_with_the_ways_to_get_one() -> None:
    """As in a cluster that has no default StorageClass. What is printed ends."""
    reason = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    [advice] = advise([reason], GENERATED, NOW)

    assert advice.startswith("the claim has no volume: `kubectl describe pvc --namespace images` says why.")
    assert "`kubectl delete pvc <name> --namespace images --timeout=60s`" in advice
    assert advice.endswith("`pulumi config set claimClass <name>`")


def test_what_went_with_its_namespace_is_forgotten_by_one_command() -> None:
    """Each namespace once; another error of a removal has no advice."""
    reasons = ['namespaces "team-a" not found', 'error: namespaces "team-a" not found', "timed out"]

    assert gone(reasons) == [
        "namespace team-a is gone, with all that was in it; fix: `pulumi up --refresh`, which forgets that"
    ]

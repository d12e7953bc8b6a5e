"""The DaemonSet that makes nodes trust the registry."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import pytest

from tests.authority import Authority
from tests.components.declaration import CA, CONFIG_MAP, DAEMON_SET, DEPLOYMENT, KEPT, NODE_TRUST, POD, declared
from tests.components.recorder import Recorder, with_secrets, without_secrets

CONTAINERD: Final = "/etc/containerd/certs.d"
DOCKER: Final = "/etc/docker/certs.d"


def pod(recorder: Recorder) -> dict[str, Any]:
    """Take the spec of the DaemonSet's Pods."""
    found: dict[str, Any] = recorder.one(DAEMON_SET).inputs["spec"]["template"]["spec"]
    return found


def container(recorder: Recorder) -> dict[str, Any]:
    """Take their only container."""
    [found] = pod(recorder)["containers"]
    assert isinstance(found, dict)
    return found


def env(recorder: Recorder) -> dict[str, str]:
    """Take the variables that are given as they are."""
    return {item["name"]: item["value"] for item in container(recorder)["env"] if "value" in item}


def authorities(recorder: Recorder) -> str:
    """Take what the Pods find in their file of CAs; empty without one."""
    volumes = {item["name"]: item["configMap"]["name"] for item in pod(recorder)["volumes"] if "configMap" in item}
    maps = {item.inputs["metadata"]["name"]: item.inputs["data"] for item in recorder.all(CONFIG_MAP).values()}
    assert sorted(volumes.values()) == sorted(maps)
    return str(maps[volumes["authorities"]]["ca.crt"]) if volumes else ""


def provided(*, with_ca: bool) -> dict[str, Any]:
    """Give the settings of a certificate that was made elsewhere."""
    authority = Authority()
    pair = authority.issue("10.0.0.5")
    return {
        "tls": "provided",
        "tls_certificate": pair.certificate,
        "tls_key": pair.key,
        "tls_ca": authority.pem if with_ca else "",
    }


@pytest.mark.parametrize(
    ("values", "folders"),
    [
        ({"node_trust": "kubeadm"}, [CONTAINERD]),
        ({"node_trust": "kind"}, [CONTAINERD]),
        ({"node_trust": "minikube"}, [CONTAINERD, DOCKER]),
        ({"node_trust": "k3s"}, ["/var/lib/rancher/k3s/agent/etc/containerd/certs.d"]),
        ({"node_trust": "rke2"}, ["/var/lib/rancher/rke2/agent/etc/containerd/certs.d"]),
        ({"containerd_certs": "/srv/a", "docker_certs": "/srv/b"}, ["/srv/a", "/srv/b"]),
        ({"node_trust": "minikube", "tls": "off", "allow_plain_http": True}, [CONTAINERD]),
    ],
    ids=["kubeadm", "kind", "minikube", "k3s", "rke2", "set", "plain HTTP"],
)
def test_pods_see_the_folders_of_the_runtimes_and_nothing_else_of_a_node(
    values: dict[str, Any], folders: list[str]
) -> None:
    """Each under `/nodes`, and made where it is missing; Docker has no file for plain HTTP."""
    recorder = declared(**values)
    paths = {item["name"]: item["hostPath"] for item in pod(recorder)["volumes"] if "hostPath" in item}
    others = {item["name"]: item.keys() - {"name"} for item in pod(recorder)["volumes"] if "hostPath" not in item}
    mounts = {item["mountPath"]: item["name"] for item in container(recorder)["volumeMounts"]}

    assert list(paths.values()) == [{"path": path, "type": "DirectoryOrCreate"} for path in folders]
    with_ca = values.get("tls") != "off"
    config_maps = {"authorities": {"configMap"}, "served": {"configMap"}} if with_ca else {}
    assert others == {"ready": {"emptyDir"}} | config_maps
    assert mounts == {
        **{f"/nodes{path['path']}": name for name, path in paths.items()},
        **{f"/{name}": name for name in others},
    }


def test_each_address_has_a_folder_in_each_of_them() -> None:
    """As the runtimes look for it: with the port, and an IPv6 address in brackets."""
    recorder = declared(node_trust="minikube", host="fd00::5", push_host="push.test", port=5443)

    assert env(recorder)["CONTAINERD"] == CONTAINERD
    assert env(recorder)["FOLDERS"].split() == [
        f"/nodes{CONTAINERD}/[fd00::5]:5443",
        f"/nodes{CONTAINERD}/push.test:5443",
        f"/nodes{DOCKER}/[fd00::5]:5443",
        f"/nodes{DOCKER}/push.test:5443",
    ]


@pytest.mark.parametrize(
    ("values", "scheme"),
    [({}, "https"), (provided(with_ca=True), "https"), ({"tls": "off", "allow_plain_http": True}, "http")],
    ids=["generated", "provided", "off"],
)
def test_scheme_is_the_one_that_the_registry_speaks(values: dict[str, Any], scheme: str) -> None:
    """Containerd tries no other than it is told."""
    assert env(declared(**values))["SCHEME"] == scheme


def test_f4_folders_of_loopback_addresses_stand_apart() -> None:
    """They are for the registry's node, whose name goes with them."""
    recorder = declared(node="node-7", push_host="127.0.0.1")

    assert env(recorder)["FOLDERS"] == f"/nodes{CONTAINERD}/10.0.0.5:5000"
    assert env(recorder)["LOOPBACK_FOLDERS"] == f"/nodes{CONTAINERD}/127.0.0.1:5000"
    assert env(recorder)["REGISTRY_NODE"] == "node-7"


def test_n08_new_content_starts_new_pods() -> None:
    """The ConfigMap keeps its name, and the Pods are told the digest of what they have to find there."""
    first, second, again = (declared(ca_generation=number) for number in (1, 2, 1))
    bundles = [run.one(CONFIG_MAP, "registry-trust-authorities").inputs for run in (first, second)]

    assert [item["metadata"]["name"] for item in bundles] == ["registry-trust-authorities"] * 2
    assert bundles[0]["metadata"]["namespace"] == "default"
    told = [env(run)["DIGEST"] for run in (first, second, again)]
    assert told == [hashlib.sha256(authorities(run).encode()).hexdigest() for run in (first, second, again)]
    assert told[0] == told[2] != told[1]


def test_f6_nodes_hear_of_what_is_served_once_it_is() -> None:
    """By the digest that their own Pods were given, and once the registry is there with its certificate."""
    recorder = declared()
    served = recorder.one(CONFIG_MAP, "registry-trust-served")

    assert served.inputs["data"] == {"digest": env(recorder)["DIGEST"]}
    assert recorder.one(DEPLOYMENT).urn in served.request.dependencies
    [volume] = [item["configMap"] for item in pod(recorder)["volumes"] if item["name"] == "served"]
    assert volume == {"name": served.inputs["metadata"]["name"], "optional": True}
    assert env(declared(ca_generation=2))["DIGEST"] != env(recorder)["DIGEST"]


def test_n22_selinux_lets_the_pods_write_to_the_runtimes_folders() -> None:
    """Other types of containers may not touch what is not labelled for containers."""
    assert container(declared())["securityContext"]["seLinuxOptions"] == {"type": "spc_t"}


def test_ca_reaches_the_pods_in_clear() -> None:
    """It is public; as a secret it would hide the whole spec from every diff."""
    recorder = declared()

    assert authorities(recorder) == CA.certificate
    assert with_secrets(recorder.one(DAEMON_SET).inputs) == without_secrets(recorder.one(DAEMON_SET).inputs)


def test_both_cas_are_trusted_while_one_follows_the_other() -> None:
    """Nodes that get the new one first still pull from a registry that serves with the old one."""
    recorder = declared(ca_generation=2)
    newer = recorder.one("pulumi:index:Stash", "registry-ca-2").inputs["input"].value["certificate"]

    assert authorities(recorder) == newer + CA.certificate


def test_ca_made_elsewhere_is_the_one_that_is_set() -> None:
    """And none, if plain HTTP is what nodes are told of."""
    values = provided(with_ca=True)

    assert authorities(declared(**values)) == values["tls_ca"]
    assert authorities(declared(tls="off", allow_plain_http=True)) == ""


@pytest.mark.parametrize(
    "values",
    [
        provided(with_ca=False),
        {"node_trust": "off"},
        {"node_trust": "off", "tls": "off", "allow_plain_http": True},
        {"tls": "off", "host": "127.0.0.1"},
    ],
    ids=["public CA", "off", "off and plain HTTP", "plain HTTP at loopback"],
)
def test_nothing_to_tell_is_nothing_to_run(values: dict[str, Any]) -> None:
    """No Pod with a node's folders where no node needs it."""
    recorder = declared(**values)

    assert recorder.all(NODE_TRUST) == {}
    assert recorder.all(DAEMON_SET) == {}


@pytest.mark.parametrize(
    ("stashed", "values", "said"),
    [
        ({}, {}, True),
        (KEPT, {}, False),
        ({}, {"node_trust": "minikube"}, False),
        ({}, {"tls": "off", "host": "127.0.0.1"}, False),
    ],
    ids=["new", "not new", "another kind", "nothing to tell"],
)
@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_n03_a_new_stack_says_what_containerd_needs(
    stashed: dict[str, Any], values: dict[str, Any], *, said: bool, preview: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first pull fails for it; later it would only be noise."""
    caplog.set_level("INFO", "pulumi")
    declared(stashed=stashed, preview=preview, **values)
    texts = [record.getMessage() for record in caplog.records]

    assert any("[plugins.'io.containerd.cri.v1.images'.registry]" in text for text in texts) is said


@pytest.mark.parametrize("nodes", [(), ("node-1", "node-2")], ids=["any", "each"])
def test_proof_pods_pull_once_all_nodes_trust_the_registry(nodes: tuple[str, ...]) -> None:
    """Before, a node would refuse the certificate, and its kubelet would wait ever longer."""
    recorder = declared(proof_nodes=nodes)
    pods = recorder.all(POD).values()

    assert len(pods) == max(1, len(nodes))
    for proof in pods:
        assert recorder.one(DAEMON_SET).urn in recorder.awaited(proof)


def test_pods_run_on_nodes_whatever_their_taints() -> None:
    """Control planes pull too, and so do nodes that are short of something."""
    assert pod(declared())["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"kubernetes.io/os": "linux"}, True),
        ({"kubernetes.io/os": "linux", "type": "gpu", "node.kubernetes.io/instance-type": "m5.large"}, True),
        ({"kubernetes.io/os": "linux", "eks.amazonaws.com/compute-type": "ec2"}, True),
        ({"kubernetes.io/os": "windows"}, False),
        ({"type": "virtual-kubelet"}, False),
        ({"kubernetes.io/os": "linux", "type": "virtual-kubelet"}, False),
        ({"kubernetes.io/os": "linux", "eks.amazonaws.com/compute-type": "fargate"}, False),
        ({"kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": "eklet"}, False),
        ({"kubernetes.io/os": "linux", "liqo.io/type": "virtual-node"}, False),
        ({"kubernetes.io/os": "linux", "type": "kwok"}, False),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else None,
)
def test_n12_pods_run_on_linux_nodes_with_a_runtime_of_their_own(labels: dict[str, str], *, wanted: bool) -> None:
    """Elsewhere a Pod never gets ready, or writes where nobody looks."""
    spec = pod(declared())
    affinity = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    [term] = affinity["nodeSelectorTerms"]
    assert {item["operator"] for item in term["matchExpressions"]} == {"NotIn"}

    selected = spec["nodeSelector"].items() <= labels.items()
    excluded = [item["key"] for item in term["matchExpressions"] if labels.get(item["key"]) in item["values"]]
    assert (selected and not excluded) is wanted


def test_a_new_pod_comes_before_the_old_one_goes() -> None:
    """On all nodes at once: in between, a node would trust nobody, and one after another takes for ever."""
    strategy = declared().one(DAEMON_SET).inputs["spec"]["updateStrategy"]

    assert strategy == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0},
    }


def test_pods_may_ask_the_cluster_for_nothing() -> None:
    """Neither with a token nor as anybody."""
    spec = pod(declared())

    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec


def test_pods_are_ready_once_all_is_written() -> None:
    """What waits for them can pull."""
    probe = container(declared())["startupProbe"]

    assert probe["exec"] == {"command": ["test", "-e", "/ready/yes"]}


def test_pods_run_the_registrys_own_image_in_its_namespace() -> None:
    """No other image has to be there, or be trusted."""
    recorder = declared(image="registry:3.2.0", namespace="images")

    assert container(recorder)["image"] == "registry:3.2.0"
    assert recorder.one(DAEMON_SET).inputs["metadata"]["namespace"] == "images"


def test_daemon_set_selects_its_own_pods() -> None:
    """And none of the registry's, which a Service would otherwise lead to."""
    inputs = declared().one(DAEMON_SET).inputs
    selector = {"app.kubernetes.io/name": "node-trust", "app.kubernetes.io/instance": "registry-trust"}

    assert inputs["spec"]["selector"] == {"matchLabels": selector}
    assert selector.items() <= inputs["spec"]["template"]["metadata"]["labels"].items()


def test_waiting_for_nodes_ends_at_the_set_time() -> None:
    """A node that cannot be written to never becomes ready."""
    timeouts = declared(timeout_seconds=77).one(DAEMON_SET).request.customTimeouts

    assert (timeouts.create, timeouts.update) == ("77s", "77s")


def test_kubernetes_leaves_the_script_as_it_is() -> None:
    """It would take the half of each doubled dollar sign, and replace names of variables in brackets."""
    recorder = declared()
    [script] = container(recorder)["command"][2:]

    assert "$$" not in script
    assert not [name for name in env(recorder) if f"$({name})" in script]


def test_one_folder_of_both_runtimes_is_mounted_once() -> None:
    """Kubernetes refuses two mounts at one place."""
    mounts = container(declared(containerd_certs="/srv/certs", docker_certs="/srv/certs"))["volumeMounts"]

    assert sorted(item["mountPath"] for item in mounts) == ["/authorities", "/nodes/srv/certs", "/ready", "/served"]

"""TLS as served: which protocols, by which addresses, and that no setting anywhere allows less."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod

CONFIGURATION = "/etc/containerd /etc/docker"
WATCHED = 180
"""Seconds for which probes are watched."""


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """The dev stack as it stands, up."""
    stack.up()
    return stack


def handshake(lab: Node, *options: str) -> str:
    """What openssl says of a connection to the registry, errors included."""
    words = ["openssl", "s_client", "-connect", PUSH_ADDRESS, "-CAfile", CA_FILE, *options]
    result = lab.run(words, stdin="", check=False)
    return result.stdout + result.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_older_protocols_are_refused_by_the_registry(deployed: Stack, lab: Node, version: str) -> None:
    """The alert is the server's: openssl itself is told to offer what it would not offer any more."""
    assert deployed
    said = handshake(lab, version, "-cipher", "DEFAULT@SECLEVEL=0")

    assert "alert protocol version" in said
    assert "Cipher is (NONE)" in said


@pytest.mark.parametrize(
    ("options", "cipher"),
    [
        (("-tls1_2",), "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"), "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"), "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (("-tls1_3",), "TLS_AES_128_GCM_SHA256"),
    ],
)
def test_current_protocols_work_with_aead_ciphers(
    deployed: Stack, lab: Node, options: tuple[str, ...], cipher: str
) -> None:
    """And the chain verifies against the CA that nodes were given."""
    assert deployed
    said = handshake(lab, *options)

    assert f"Cipher is {cipher}" in said
    assert "Verify return code: 0 (ok)" in said


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"])
def test_other_ciphers_are_refused_under_1_2(deployed: Stack, lab: Node, cipher: str) -> None:
    """No CBC, and none without forward secrecy."""
    assert deployed
    said = handshake(lab, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")

    assert "alert handshake failure" in said
    assert "Cipher is (NONE)" in said


def test_plain_http_on_the_port_yields_no_content(deployed: Stack, lab: Node) -> None:
    """Not even with the right account."""
    assert deployed
    words = ["curl", "--silent", "--include", "--user", f"{USER}:{PASSWORD}", f"http://{ADDRESS}/v2/_catalog"]
    answer = lab.run(words).stdout

    assert answer.startswith("HTTP/1.0 400 Bad Request")
    assert answer.rstrip().endswith("Client sent an HTTP request to an HTTPS server.")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "192.168.99.100", "registry.default.svc"])
def test_c16_the_chain_verifies_by_each_address(deployed: Stack, lab: Node, host: str) -> None:
    """For curl, which checks names and IP addresses; the Service's name is tried where it leads to."""
    assert deployed
    cluster_ip = lab.get("service", "registry")["spec"]["clusterIP"]
    words = ["curl", "--silent", "--show-error", "--cacert", CA_FILE, "--output", "/dev/null"]
    words += ["--write-out", "%{http_code}", "--resolve", f"registry.default.svc:5000:{cluster_ip}"]

    assert lab.run([*words, f"https://{host}:5000/v2/"]).stdout == "401"


def test_curl_without_the_ca_refuses(deployed: Stack, lab: Node) -> None:
    """So that the tests with it show something."""
    assert deployed
    refused = lab.run(["curl", "--silent", "--show-error", f"https://{ADDRESS}/v2/"], check=False)

    assert refused.returncode == 60
    assert "unable to get local issuer certificate" in refused.stderr


def test_docker_logs_in_pushes_and_pulls_by_the_node_s_address(deployed: Stack, lab: Node) -> None:
    """A Docker Engine verifies certificates there, unlike on loopback; it trusts the CA that node trust wrote."""
    assert deployed
    image = f"{ADDRESS}/alpine_test:by-docker"
    try:
        login = lab.run(["docker", "login", ADDRESS, "--username", USER, "--password-stdin"], stdin=PASSWORD)
        lab.run(["docker", "tag", "alpine", image])
        push = lab.run(["docker", "push", image])
        pull = lab.run(["docker", "pull", image])
    finally:
        lab.run(["docker", "logout", ADDRESS])
        lab.run(["docker", "rmi", image])

    assert "Login Succeeded" in login.stdout
    assert "digest: sha256:" in push.stdout
    assert "Status: Image is up to date" in pull.stdout


@pytest.mark.parametrize("address", [ADDRESS, PUSH_ADDRESS])
def test_containerd_pulls_by_each_address(deployed: Stack, lab: Node, address: str) -> None:
    """By the kubelet's own way, with the pull secret's entry for that address."""
    image = f"{address}/alpine_test@{deployed.outputs()['image'].partition('@')[2]}"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pulled"},
        "spec": {
            "imagePullSecrets": [{"name": "regcred"}],
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "pulled", "image": image, "imagePullPolicy": "Always"}],
        },
    }
    lab.kubectl("create", "--filename=-", stdin=json.dumps(pod))
    try:
        lab.wait_for("condition=Ready", "pod/pulled")
    finally:
        lab.kubectl("delete", "pod/pulled")


def test_no_setting_anywhere_allows_less(deployed: Stack, lab: Node) -> None:
    """Not of the Docker Engine, of containerd, of the objects in the cluster, nor of the stack."""
    engine = json.loads(lab.run(["docker", "info", "--format", "{{json .RegistryConfig}}"]).stdout)
    files = lab.run(["sh", "-c", f"grep --recursive --files-with-matches '' {CONFIGURATION}"]).stdout.split()
    texts = "\n".join(lab.run(["cat", *files]).stdout.splitlines())
    objects = json.dumps(lab.get("deployments,daemonsets,pods,configmaps", "--all-namespaces"))
    settings = deployed.file.read_text()

    # The Docker Engine's own rule for loopback is built in.
    assert set(engine["InsecureRegistryCIDRs"]) <= {"127.0.0.0/8", "::1/128"}
    assert [name for name, index in engine["IndexConfigs"].items() if not index["Secure"]] == []
    assert f"/etc/containerd/certs.d/{ADDRESS}/hosts.toml" in files
    assert f'server = "https://{ADDRESS}"' in texts
    for word in ("insecure", "skip_verify", "http://"):
        assert word not in texts
    for word in ("insecure-registries", "skip_verify", f"http://{ADDRESS}", "allowPlainHttp"):
        assert word not in objects
        assert word not in settings


@pytest.fixture
def ipv6_first(lab: Node) -> Iterator[None]:
    """A node on which `localhost` is the IPv6 loopback first, where nothing of the registry listens."""
    lab.run(["sh", "-c", "cp /etc/hosts /run/hosts && { echo '::1 localhost'; cat /run/hosts; } > /etc/hosts"])
    yield
    lab.run(["sh", "-c", "cat /run/hosts > /etc/hosts && rm /run/hosts"])


@pytest.mark.usefixtures("ipv6_first")
def test_c17_a_push_to_localhost_works_where_that_is_ipv6_first(deployed: Stack, lab: Node) -> None:
    """The Docker Engine goes on to the IPv4 loopback, by `up` and by hand."""
    first = lab.run(["getent", "ahosts", "localhost"]).stdout.split()[0]
    with (deployed.folder / "test-image" / "Dockerfile").open("a") as file:
        file.write("LABEL version=ipv6-first\n")
    up = deployed.up()

    assert first == "::1"
    assert ("updated", "registry-proof-image") in up.changed


def test_c17_a_failed_push_says_that_the_engine_has_to_reach_the_address(deployed: Stack) -> None:
    """And not the machine that runs pulumi; with what to type for a Docker Engine elsewhere that lacks the CA."""
    deployed.set("pushHost", "192.168.99.77")
    try:
        failed = deployed.up(check=False)
    finally:
        deployed.unset("pushHost")
        mended = deployed.up()

    assert failed.code != 0
    assert "connect: no route to host" in failed.output
    assert "the Docker Engine, not the machine that runs pulumi, has to reach 192.168.99.77:5000" in failed.output
    assert mended.code == 0


def test_c15_an_engine_that_nobody_told_of_the_ca_is_told_by_the_message(deployed: Stack, lab: Node) -> None:
    """Its push fails on the certificate; once the printed command was typed, the next `up` goes on from there."""
    folder, kept = f"/etc/containerd/certs.d/{ADDRESS}", "/run/kept-certs"
    with deployed.settings_kept():
        lab.run(["cp", "-r", folder, kept])
        deployed.set("nodeTrust", "off")
        deployed.up()
        # The proof is made again, so the node has to trust the registry: without node trust, by hand.
        lab.run(["mv", kept, folder])
        deployed.set("pushHost", "192.168.99.100")
        failed = deployed.up(check=False)
        *_, command = re.findall(rf"mkdir -p /etc/docker/certs.d/{ADDRESS} && echo .*", failed.output)
        lab.run(["sh", "-c", command])
        mended = deployed.up()
        lab.run(["rm", "-r", f"/etc/docker/certs.d/{ADDRESS}", folder])
    deployed.up()

    assert failed.code != 0
    assert f"pushing {ADDRESS}/alpine_test:test_1.0 failed" in failed.output
    assert "x509: certificate signed by unknown authority" in failed.output
    assert mended.changed == {("updated", "registry-proof-image"), ("replaced", "registry-proof-pod")}


def test_c13_three_minutes_of_probes_restart_nothing(deployed: Stack, lab: Node) -> None:
    """With TLS and accounts: Ready from the start on, no restart, no warning."""
    assert deployed
    pod = only_pod(lab, REGISTRY_PODS)
    [started] = [item["state"]["running"]["startedAt"] for item in pod["status"]["containerStatuses"]]
    age = float(lab.run(["sh", "-c", f'echo $(($(date +%s) - $(date -d "{started}" +%s)))']).stdout)
    # The tests before this one have waited too.
    time.sleep(max(0.0, WATCHED - age))
    after = only_pod(lab, REGISTRY_PODS)
    conditions = {item["type"]: item for item in after["status"]["conditions"]}
    fields = f"involvedObject.uid={pod['metadata']['uid']},type=Warning"
    warnings = [event["message"] for event in lab.get("events", f"--field-selector={fields}")["items"]]

    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert [item["restartCount"] for item in after["status"]["containerStatuses"]] == [0]
    assert conditions["Ready"]["status"] == "True"
    assert conditions["Ready"] == {item["type"]: item for item in pod["status"]["conditions"]}["Ready"]
    # The first tries come before the registry listens.
    assert [message for message in warnings if "connection refused" not in message] == []


def test_c13_tls_off_and_on_again_keeps_probes_working(deployed: Stack, lab: Node) -> None:
    """The probes' scheme follows the setting; each `up` ends with a Ready registry that never restarted."""
    deployed.set("tls", "off")
    deployed.set("allowPlainHttp", "true")
    off = deployed.up()
    plain = lab.run(["curl", "--silent", "--user", f"{USER}:{PASSWORD}", f"http://{ADDRESS}/v2/_catalog"]).stdout
    while_off = only_pod(lab, REGISTRY_PODS)["status"]["containerStatuses"][0]
    deployed.unset("tls")
    deployed.unset("allowPlainHttp")
    again = deployed.up()
    while_on = only_pod(lab, REGISTRY_PODS)["status"]["containerStatuses"][0]

    assert ("replaced", "registry") in off.changed & again.changed
    assert plain == '{"repositories":["alpine_test"]}\n'
    assert (while_off["ready"], while_off["restartCount"]) == (True, 0)
    assert (while_on["ready"], while_on["restartCount"]) == (True, 0)
    assert lab.registry("/v2/", address=ADDRESS).status == 200

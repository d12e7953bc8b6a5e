"""Images that somebody restored as root into the folder on the node (N15)."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, USER, Node, Stack
from tests.live.observation import MANIFEST, REGISTRY_PODS, only_pod, push_keepsake, until

STORE = "/data/registry/registry"
RESTORED = f"""
cd {STORE}/docker/registry/v2
chown -R root:root repositories/keepsake blobs/sha256
find blobs/sha256 -type d -exec chmod 500 {{}} +
find blobs/sha256 -type f -exec chmod 000 {{}} +
ln -s /etc/passwd link
"""
"""As after an unpacked archive, with modes that only root gets along with; the top folders stay as they were."""
FOREIGN = f"find {STORE} -mindepth 1 ! -user 10001"


@pytest.fixture(scope="module")
def restarted(stack: Stack, lab: Node) -> Stack:
    """A registry whose Pod started again after the images were restored."""
    stack.up()
    push_keepsake(lab)
    lab.run(["bash", "-ec", RESTORED])
    before = only_pod(lab, REGISTRY_PODS)["metadata"]["uid"]
    lab.kubectl("delete", "pod", f"--selector={REGISTRY_PODS}")
    until(lambda: only_pod(lab, REGISTRY_PODS)["metadata"]["uid"] != before, "the registry's new Pod")
    lab.wait_for("condition=Available", "deployment/registry")
    return stack


def upload(lab: Node, content: bytes) -> int:
    """Upload a blob in one request, as clients do with small ones, and give the status."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    script = f"""
        curl="curl --silent --config /dev/fd/3 --cacert {CA_FILE}"
        exec 3<<< 'user = "{USER}:{PASSWORD}"'
        location="$($curl --include --request POST https://{ADDRESS}/v2/keepsake/blobs/uploads/ \\
          | tr -d '\\r' | sed -n 's/^location: //Ip')"
        exec 3<<< 'user = "{USER}:{PASSWORD}"'
        printf %s {content.hex()} | xxd -r -p | $curl --request PUT --data-binary @- --output /dev/null \\
          --header 'Content-Type: application/octet-stream' --write-out '%{{http_code}}' \\
          "https://{ADDRESS}$location&digest=$digest" """
    return int(lab.run(["bash", "-c", f"digest={digest}\n{script}"]).stdout)


def test_n15_what_was_restored_is_pulled_and_every_push_beside_it_works(restarted: Stack, lab: Node) -> None:
    """Where a new blob goes is a matter of its digest, so that pushes would fail by chance."""
    assert restarted.outputs()["pullSecret"] == "regcred"
    assert lab.run(["sh", "-c", FOREIGN]).stdout == ""
    assert lab.registry("/v2/keepsake/manifests/1", headers=[MANIFEST]).status == 200
    assert {upload(lab, os.urandom(64)) for _ in range(5)} == {201}
    assert lab.run(["stat", "-c", "%u %a", "/etc/passwd"]).stdout == "0 644\n"


def test_n15_a_removal_removes_what_others_own_too(restarted: Stack, lab: Node) -> None:
    """Or would end half-way."""
    lab.run(["bash", "-ec", f"rm {STORE}/docker/registry/v2/link; {RESTORED}"])
    lab.run(["sh", "-c", f"mkdir {STORE}/..backup {STORE}/.hidden; touch {STORE}/..backup/image"])
    restarted.set("removeData", "true")
    restarted.up()

    assert lab.run(["ls", "-A", STORE]).stdout == ""

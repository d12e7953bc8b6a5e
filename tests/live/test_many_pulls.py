"""Many slow pulls at a time: the registry's memory is what each of them takes, and it has only so much (F19)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, USER, Node, Stack
from tests.live.observation import REGISTRY_PODS, only_pod

pytestmark = pytest.mark.quiet
MEBIBYTES = 16
WHOLE = f"200 0 {MEBIBYTES * 2**20}"
PULLS = 31
"""As many as a memory of 256Mi is for, without a connection each."""
CLIENT = """
for client in $(seq {clients}); do
  curl --silent --config {account} --cacert {ca} {version} --limit-rate {rate} --output /dev/null \\
    --write-out '%{{http_code}} %{{exitcode}} %{{size_download}}\\n' https://{address}/v2/layers/blobs/{digest} &
done
wait
"""


@pytest.fixture(scope="module")
def layer(stack: Stack, lab: Node, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Give the digest of a layer in a registry with little memory, and a file with the account for curl."""
    stack.set("memory", "256Mi")
    stack.up()
    folder = tmp_path_factory.mktemp("layer")
    account = folder / "account"
    account.write_text(f'user = "{USER}:{PASSWORD}"\n')
    script = f"""
        head --bytes={MEBIBYTES}M /dev/urandom > {folder}/layer
        digest="sha256:$(sha256sum {folder}/layer | cut -d ' ' -f 1)"
        curl="curl --silent --fail --config {account} --cacert {CA_FILE}"
        location="$($curl --include --request POST https://{ADDRESS}/v2/layers/blobs/uploads/ \\
          | tr -d '\\r' | sed -n 's/^location: //Ip')"
        $curl --upload-file {folder}/layer "https://{ADDRESS}$location&digest=$digest"
        echo "$digest" """
    return lab.run(["bash", "-ec", script]).stdout.strip(), account


def pull(lab: Node, layer: tuple[str, Path], clients: int, *, rate: str, version: str) -> Counter[str]:
    """Pull the layer by many clients at a time, and count how they ended: status, code of curl, bytes."""
    digest, account = layer
    script = CLIENT.format(
        clients=clients, account=account, ca=CA_FILE, version=version, rate=rate, address=ADDRESS, digest=digest
    )
    return Counter(lab.run(["bash", "-c", script]).stdout.splitlines())


def restarts(lab: Node) -> int:
    """How often the registry was started again."""
    [status] = only_pod(lab, REGISTRY_PODS)["status"]["containerStatuses"]
    count: int = status["restartCount"]
    return count


def test_f19_as_many_slow_pulls_as_the_memory_is_for_all_end_well(lab: Node, layer: tuple[str, Path]) -> None:
    """None is cut. A connection for each takes half of what may be open, so it is half of the number."""
    assert pull(lab, layer, PULLS // 2, rate="4M", version="--http1.1") == {WHOLE: PULLS // 2}
    assert restarts(lab) == 0


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_f19_beyond_that_clients_wait_or_are_told_to_come_back(
    lab: Node, layer: tuple[str, Path], version: str
) -> None:
    """The registry lives on, and no pull that has begun is cut.

    Where the registry has found the layer and cannot open it any more, it ends the request without an answer.
    """
    ends = pull(lab, layer, 4 * PULLS, rate="4M", version=version)

    assert restarts(lab) == 0
    assert sum(ends.values()) == 4 * PULLS
    assert ends[WHOLE] >= PULLS // 2
    assert not {end for end in ends if not re.fullmatch(rf"{WHOLE}|5\d\d 0 \d+|\d+ \d+ 0", end)}, ends
    assert pull(lab, layer, 3, rate="100M", version=version) == {WHOLE: 3}

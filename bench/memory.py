"""The registry's memory under many large pushes and many slow pulls, on each kind of storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab.ui import say
from tests.live import storage_kinds
from tests.live.harness import CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack
from tests.live.observation import REGISTRY_PODS, forget_peak, only_pod, peak, registries

PUSHES: Final = 8
PUSHED: Final = 1000
"""MB of each."""
PULLS: Final = 300
PULLED: Final = 16
"""MiB of each, so slowly that all run at a time."""

_PUSH: Final = """
set -e
head --bytes={size}MB /dev/urandom > {folder}/large
digest="sha256:$(sha256sum {folder}/large | cut -d ' ' -f 1)"
push() {{
  location="$(curl --silent --include --config {account} --cacert {ca} --request POST \\
    https://{address}/v2/$1/blobs/uploads/ | tr -d '\\r' | sed -n 's/^location: //Ip')"
  curl --silent --output /dev/null --write-out '%{{http_code}}\\n' --config {account} --cacert {ca} \\
    --upload-file {folder}/large "https://{address}$location&digest=$digest"
}}
for number in $(seq {pushes}); do push large/$number & done
wait
"""
_PULL: Final = """
head --bytes={size}M /dev/urandom > {folder}/small
digest="sha256:$(sha256sum {folder}/small | cut -d ' ' -f 1)"
location="$(curl --silent --include --config {account} --cacert {ca} --request POST \\
  https://{address}/v2/small/blobs/uploads/ | tr -d '\\r' | sed -n 's/^location: //Ip')"
curl --silent --fail --config {account} --cacert {ca} --upload-file {folder}/small \\
  "https://{address}$location&digest=$digest"
for number in $(seq {pulls}); do
  curl --silent --config {account} --cacert {ca} --limit-rate 2M --output /dev/null \\
    --write-out '%{{http_code}}\\n' https://{address}/v2/small/blobs/$digest &
done
wait
"""


def measure(node: Node, folder: Path) -> None:
    """Measure and print it."""
    account = folder / "account"
    account.write_text(f'user = "{USER}:{PASSWORD}"\n')
    common = {"folder": folder, "account": account, "ca": CA_FILE, "address": PUSH_ADDRESS}
    push = _PUSH.format(size=PUSHED, pushes=PUSHES, **common)
    pull = slow_pulls(folder, account, CA_FILE, PUSH_ADDRESS, PULLS)
    for name in storage_kinds.NAMES:
        with storage_kinds.prepared(name, node) as kind:
            stack = Stack.make(node, folder / name)
            kind.configure(stack)
            stack.up()
            limit = only_pod(node, REGISTRY_PODS)["spec"]["containers"][0]["resources"]["limits"]["memory"]
            say(f"\n{name}, with a limit of {limit}")
            _report(node, f"{PUSHES} pushes of {PUSHED} MB at a time", push, "201")
            _report(node, f"{PULLS} slow pulls of {PULLED} MiB at a time", pull, "200")
            stack.remove()


def slow_pulls(folder: Path, account: Path, authority: str, address: str, number: int) -> str:
    """Give the script that pulls a layer by so many clients at a time, so slowly that all run together."""
    return _PULL.format(size=PULLED, pulls=number, folder=folder, account=account, ca=authority, address=address)


@contextmanager
def peaks(processes: Sequence[Path], what: str) -> Iterator[None]:
    """Say afterwards how much memory each of these processes had at most meanwhile; `what` follows its name."""
    for process in processes:
        forget_peak(process)
    yield
    for process in processes:
        program = (process / "comm").read_text().strip()
        say(f"{program + what:<58} {peak(process) / 2**20:6.0f} MiB at most")


def _report(node: Node, what: str, script: str, success: str) -> None:
    [process] = registries(node)
    forget_peak(process)
    ends = Counter(node.run(["bash", "-c", script], timeout=900).stdout.split())
    done = ends.pop(success, 0)
    other = f", others {dict(ends)}" if ends else ""
    say(f"{what:<58} {peak(process) / 2**20:6.0f} MiB at most; {done} answered {success}{other}")

"""First `up`, `up` without changes, `destroy` and a pull, beside what they are compared with."""

from __future__ import annotations

import os
import re
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from lab.ui import say
from tests.live.harness import ADDRESS, PASSWORD, PROJECT, PUSH_ADDRESS, USER, Node, Stack

from .series import Series

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
PULLS = 5
"""In each round, of each kind."""
_HERE = Path(__file__).parent
_EMPTY = "name: empty\nruntime: python\n"


@dataclass
class Updates:
    """The arms of the comparison on one node."""

    node: Node
    folder: Path
    creations: dict[str, list[float]] = field(default_factory=dict)
    encrypted_pulls: Series = field(default_factory=lambda: Series("a pull of a small image over TLS"))
    plain_pulls: Series = field(default_factory=lambda: Series("the same by plain HTTP"))

    def run(self) -> None:
        """Measure everything and print it."""
        stack = Stack.make(self.node, self.folder / "project")
        plain = self._without_tls()
        empty = self._empty_program()
        first, script = Series("first `pulumi up`"), Series("the tutorial's steps as a shell script")
        destroy, delete = Series("`pulumi destroy`"), Series("`kubectl delete` of the script's objects")
        unencrypted = Series("the same with TLS off on loopback: no certificate, no node trust")
        again, nothing = Series("`pulumi up` without changes"), Series("the same of an empty Pulumi program")
        for number in range(ROUNDS + 1):
            say(f"round {number} of {ROUNDS}" + (" (not counted)" if number == 0 else ""))
            self._forget_images()
            script.measure(lambda: self._script("tutorial.sh"))
            delete.measure(lambda: self._script("tutorial_delete.sh"))
            self._forget_images()
            first.measure(lambda: self._note_creations(stack.up().output))
            nothing.measure(empty.up)
            again.measure(stack.up)
            self._pull(ADDRESS, self.encrypted_pulls, "--hosts-dir", "/etc/containerd/certs.d")
            destroy.measure(stack.destroy)
            self._forget_images()
            unencrypted.measure(plain.up)
            self._pull(PUSH_ADDRESS, self.plain_pulls, "--plain-http")
            plain.destroy()
        stack.remove()
        self._print(
            [(first, script, 2.2), (first, unencrypted, 1.3), (again, nothing, 1.8), (destroy, delete, None)]
        )

    def _without_tls(self) -> Stack:
        stack = Stack.make(self.node, self.folder / "plain")
        stack.set("tls", "off")
        stack.set("host", "localhost")
        return stack

    def _pull(self, address: str, series: Series, *how: str) -> None:
        """Ask for an image whose layers are there already, so that connecting is most of the work."""
        image = f"{address}/alpine_test:test_1.0"
        pull = ["ctr", "--namespace", "k8s.io", "images", "pull", *how, "--user", f"{USER}:{PASSWORD}", image]
        for _ in range(PULLS):
            series.measure(lambda: self.node.run(pull))

    def _empty_program(self) -> Stack:
        folder = self.folder / "empty"
        (folder / ".state").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text(_EMPTY)
        (folder / "__main__.py").touch()
        stack = Stack(
            self.node, folder, folder / ".state", environment={"PULUMI_BACKEND_URL": f"file://{folder / '.state'}"}
        )
        stack.pulumi("stack", "select", "--create", "--stack", stack.name)
        stack.up()
        return stack

    def _script(self, name: str) -> None:
        self.node.run(["bash", str(_HERE / name)], cwd=PROJECT)

    def _forget_images(self) -> None:
        """Both arms build, push and pull for real: neither finds its image on Docker Engine, node or registry."""
        images = "localhost:5000/alpine_test:test_1.0 alpine_test"
        self.node.run(["sh", "-c", f"rm -rf /data/registry; docker rmi {images}; true"])
        self.node.run(
            ["sh", "-c", "ctr -n k8s.io images ls -q | grep alpine_test | xargs -r ctr -n k8s.io images rm --sync"]
        )

    def _note_creations(self, output: str) -> None:
        for name, seconds in re.findall(r"^ *\+ +\S+ (\S+) created \(([\d.]+)s\)", output, re.MULTILINE):
            self.creations.setdefault(name, []).append(float(seconds))

    def _print(self, pairs: list[tuple[Series, Series, float | None]]) -> None:
        say(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, median of {ROUNDS} rounds in turns")
        for ours, theirs, target in pairs:
            say(f"\n{ours}\n{theirs}")
            aim = "" if target is None else f", target at most {target}"
            say(f"{'ratio':<58} {ours.median / theirs.median:5.2f}{aim}")
        cost = (self.encrypted_pulls.median - self.plain_pulls.median) * 1000
        say(f"\n{self.encrypted_pulls}\n{self.plain_pulls}")
        say(f"{'the handshake costs':<58} {cost:5.1f} ms, target at most 10")
        say("\nlongest creations of single resources in the first `up` (median)")
        medians = {name: statistics.median(values) for name, values in self.creations.items()}
        for name, seconds in sorted(medians.items(), key=lambda item: -item[1])[1:7]:
            say(f"{name:<58} {seconds:5.2f} s")

"""Starting, finding, entering and ending a lab from outside its nodes.

A lab is one folder, which is also that of its first node; a further node has a folder of its own in it. A lab whose
first node is not ready counts as ended and is replaced at the next start, with all its nodes.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from lab import credentials, environment, network, parts, plugins, preflight, record
from lab.cache import cache_root, digest_of, locked
from lab.keeper import PROJECT, Keeper
from lab.specification import Specification
from lab.topology import FIRST, MEMBERS, SECOND, Member
from lab.ui import LabError, Steps, say

# The API server would go on answering for a minute while somebody watches.
_STOP = """
process=$(cat "$1")
for signal in TERM 0 0 0 0 0 0 0 0 0 KILL; do
  kill -$signal "$process" 2> /dev/null || break
  sleep 0.5
done
"""
_NOT_RUNNING = "The lab is not running; start it with `make up`."


@dataclass(frozen=True)
class Lab:
    """One lab, running or not; `folder`, an absolute path, holds all that it is."""

    folder: Path

    def process(self, node: str = FIRST.name) -> int | None:
        """Process 1 of a node by its id on the machine, or None when the node is not alive."""
        return self._keeper(node).process()

    def is_ready(self, node: str = FIRST.name) -> bool:
        """Whether a node is up and everything on it was started."""
        return self._keeper(node).is_ready()

    def was_started(self, node: str) -> bool:
        """Whether a node belongs to the lab, be it alive or not."""
        return self._keeper(node).was_started()

    def start(self, nodes: int = 1) -> None:
        """Bring up as many nodes unless they are; build the parts they need, and replace what a killed lab left."""
        wanted = MEMBERS[:nodes]
        if self._are_ready(wanted):
            return
        preflight.check(self.folder, PROJECT, cache_root())
        self._check_folder()
        with self._exclusively():
            if self.is_ready():
                wanted = tuple(member for member in wanted if not self.is_ready(member.name))
            if not wanted:
                return
            built, steps = parts.prepare(len(wanted))
            for member in wanted:
                if member == FIRST:
                    self._start_first(built, steps)
                else:
                    self._join(member, built, steps)

    def add_node(self) -> None:
        """Add the second node to the running lab unless it is up, in the place of one that was killed."""
        with self._exclusively():
            self._check_running()
            if self.is_ready(SECOND.name):
                say(f"node {SECOND.name} ({SECOND.address}) is ready already")
                return
            built, steps = parts.prepare()
            self._join(SECOND, built, steps)

    def remove_node(self) -> None:
        """End the second node, remove its folder, and take it out of the cluster."""
        with self._exclusively():
            self._check_running()
            if not self._leave(SECOND):
                raise LabError(f"The lab has no node {SECOND.name}; `python -m lab node add` adds it.")
        say(f"node {SECOND.name} is gone")

    def restart(self, node: str = FIRST.name, *, anew: bool = False) -> None:
        """End a node as a power cut would, and start it on the same disks, or on empty ones if it is made `anew`.

        The first node made anew is another cluster at the same address with the same CA.
        """
        keeper = self._keeper(node)
        with self._exclusively():
            if not keeper.was_started():
                raise LabError(f"There is no node {node} to restart; start a lab with `make up`.")
            if keeper.member != FIRST:
                self._check_running()
            built, steps = parts.prepare()
            with steps.step(f"starting node {node} again"):
                keeper.end()
                if anew:
                    shutil.rmtree(keeper.folder / "root")
                self._start_node(keeper, built)

    def end(self) -> None:
        """End every process of the lab, and remove its control groups and its folder."""
        with self._exclusively():
            self._end_nodes()
            self._remove_folder()

    def command(self, arguments: Sequence[str], folder: Path | None = None, node: str = FIRST.name) -> list[str]:
        """The words that run a command on a node, in a folder, from the machine."""
        process = self.process(node)
        if process is None:
            self._check_running()
            raise LabError(f"Node {node} is not running; start it with `python -m lab node add`.")
        enter = ["nsenter", f"--target={process}", "--net", "--mount", "--pid", "--uts"]
        # A folder opened outside would lie outside the node's mounts: change to it inside.
        return [*enter, "env", f"--chdir={folder or Path.cwd()}", *arguments]

    def environment(self) -> dict[str, str]:
        """The variables of a shell on a node."""
        (self.folder / environment.TEMPORARY).mkdir(exist_ok=True)
        return environment.variables(self.folder, PROJECT)

    def run(self, arguments: Sequence[str], node: str = FIRST.name) -> int:
        """Run a command on a node with this terminal; give its exit code."""
        command = self.command(arguments, node=node)
        return subprocess.run(command, env=self.environment(), check=False).returncode

    def switch(self, service: str, *, on: bool) -> None:
        """Stop a service of the first node to its end, or let it run again, as `systemctl` would on a real one."""
        self._check_running()
        off = self.folder / "off" / service
        if on:
            off.unlink(missing_ok=True)
            return
        off.parent.mkdir(exist_ok=True)
        off.touch()
        self.run(["sh", "-c", _STOP, "stop", f"{self.folder}/services/{service}"])

    def _keeper(self, node: str) -> Keeper:
        member = next((member for member in MEMBERS if member.name == node), None)
        if member is None:
            names = ", ".join(member.name for member in MEMBERS)
            raise LabError(f"There is no node {node} in a lab; its nodes are {names}.")
        return Keeper(member, self.folder if member == FIRST else self.folder / member.name)

    def _are_ready(self, members: Sequence[Member]) -> bool:
        return all(self.is_ready(member.name) for member in members)

    def _check_running(self) -> None:
        if self.process() is None:
            raise LabError(_NOT_RUNNING)

    def _start_first(self, built: parts.Parts, steps: Steps) -> None:
        with steps.step(f"starting node {FIRST.name}"):
            self._end_nodes()
            self._remove_folder()
            self.folder.mkdir(parents=True)
            record.clear(self.folder)
            docker = plugins.set_up(self.folder / "pulumi", built.pulumi, built.kubernetes_plugin)
            (self.folder / "docker-provider").write_text(docker)
            (self.folder / "state").mkdir()
            self._start_node(self._keeper(FIRST.name), built)
        say(f"node {FIRST.name} ({FIRST.address}) is ready; Pulumi uses {docker}")

    def _join(self, member: Member, built: parts.Parts, steps: Steps) -> None:
        with steps.step(f"starting node {member.name}"):
            self._leave(member)
            self._start_node(self._keeper(member.name), built)
        say(f"node {member.name} ({member.address}) is ready")

    def _leave(self, member: Member) -> bool:
        """End a node that is not the first and forget it; whether there was anything of it."""
        keeper = self._keeper(member.name)
        if not keeper.folder.exists():
            return False
        keeper.end()
        delete = ["kubectl", "delete", "node", member.name, "--ignore-not-found"]
        result = subprocess.run(
            self.command(delete), env=self.environment(), capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise LabError(f"Node {member.name} could not be taken out of the cluster: {result.stderr.strip()}")
        shutil.rmtree(keeper.folder)
        return True

    def _start_node(self, keeper: Keeper, built: parts.Parts) -> None:
        if keeper.member == FIRST:
            credentials.write_cluster(self.folder)
            _link_programs(self.folder / "bin", built.programs)
        keeper.folder.mkdir(exist_ok=True)
        credentials.write_node(self.folder, keeper.folder, keeper.member)
        specification = Specification(
            member=keeper.member,
            lab=str(self.folder),
            folder=str(keeper.folder),
            packages=str(built.packages),
            runtimes=tuple(map(str, built.runtimes)) if keeper.member.containerd > 1 else (),
            kubernetes=str(built.kubernetes),
            images=str(built.images),
            cgroup=f"private-registry-lab-{secrets.token_hex(4)}",
        )
        keeper.start(specification, self._tie_nodes)

    def _tie_nodes(self) -> None:
        first = self.process()
        if first is None:
            return
        for member in MEMBERS[1:]:
            keeper = self._keeper(member.name)
            process = keeper.process()
            if process is not None and keeper.is_networked():
                network.tie(first, process, member.name)

    def _end_nodes(self) -> None:
        for member in reversed(MEMBERS):
            self._keeper(member.name).end()

    def _remove_folder(self) -> None:
        """Remove the folder, its record last: what a cut-off removal leaves is still known as a lab's."""
        self._check_folder()
        try:
            if not self.folder.exists():
                return
            for item in self.folder.iterdir():
                if item.is_dir() and not item.is_symlink():
                    shutil.rmtree(item)
                elif item.name != record.FILE:
                    item.unlink()
            shutil.rmtree(self.folder)
        except OSError as error:
            raise LabError(f"{self.folder} could not be removed: {error}") from error

    def _check_folder(self) -> None:
        """Refuse a folder with something else in it, since a lab removes all that is in its own."""
        if not self.folder.exists() or (self.folder / record.FILE).is_file():
            return
        if not self.folder.is_dir() or any(self.folder.iterdir()):
            raise LabError(
                f"{self.folder} is not a lab and not empty, and a lab removes all that is in its folder: "
                "set LAB to a new folder."
            )

    def _exclusively(self) -> AbstractContextManager[None]:
        """One start or end at a time per lab; an end removes the folder, so the lock lies in the cache."""
        return locked(f"lab-{digest_of([str(self.folder).encode()])}")


def _link_programs(folder: Path, programs: Sequence[Path]) -> None:
    """Link the programs into an emptied folder: at a restart, others than before may have been found."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for program in programs:
        (folder / program.name).symlink_to(program)

"""The lab's command line; the Makefile's targets call it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from lab import parts, preflight, tools
from lab.cache import cache_root
from lab.keeper import PROJECT
from lab.lifecycle import Lab
from lab.topology import FIRST, MEMBERS
from lab.ui import LabError, fail, say

STACK = "dev"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; give its exit code."""
    chosen = _parser().parse_args(arguments)
    lab = Lab(Path(chosen.lab).resolve())
    try:
        if chosen.run is not _actionlint:
            preflight.check_person()
        return int(chosen.run(lab, chosen) or 0)
    except LabError as error:
        return fail(error)
    except KeyboardInterrupt:
        say("\ninterrupted; run the command again to go on")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--lab", default=os.environ.get("LAB") or PROJECT / ".lab", help="the lab's folder")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=function)
        return command

    def add_node_option(command: argparse.ArgumentParser) -> None:
        names = [member.name for member in MEMBERS]
        command.add_argument("--node", choices=names, default=FIRST.name, help="default: %(default)s")

    for command in (
        add("up", _up, "start the lab and bring the dev stack up on it"),
        add("start", _start, "start the lab alone"),
    ):
        counts = range(1, len(MEMBERS) + 1)
        command.add_argument("--nodes", type=int, choices=counts, default=1, help="default: %(default)s")
    build = add("build", _build, "build what labs are made of where the cache lacks it, and start none")
    build.add_argument("--tests", action="store_true", help="also what live tests have in their labs")
    add("down", _down, "destroy the stack, end the lab and remove its folder")
    restart = add("restart", _restart, "end a node as a power cut would, and start it again")
    add_node_option(restart)
    restart.add_argument(
        "--anew",
        action="store_true",
        help="with empty disks; on the first node, a new cluster with the old one's address and CA, "
        "as after `minikube delete` and `minikube start`",
    )
    node = add("node", _node, "add the second node to the running lab, or remove it")
    node.add_argument("action", choices=["add", "remove"])
    add("status", _status, "tell what runs")
    add("shell", _shell, "a shell on the first node, as `minikube ssh`")
    execute = add("exec", _exec, "run a command on a node")
    add_node_option(execute)
    execute.add_argument("words", nargs=argparse.REMAINDER)
    service = add("service", _service, "stop a service of the first node, or let it run again")
    service.add_argument("name", choices=["apiserver", "containerd", "docker", "kubelet"])
    service.add_argument("state", choices=["stop", "start"])
    add("actionlint", _actionlint, "check the GitHub workflows")
    return parser


def _up(lab: Lab, chosen: argparse.Namespace) -> int:
    _start(lab, chosen)
    code = lab.run(["pulumi", "stack", "select", "--create", "--stack", STACK])
    if code == 0:
        code = lab.run(["pulumi", "up", "--yes", "--stack", STACK])
    if code == 0:
        say("\nNext: `make shell` for a shell on the node, `make status`, `make down` to end it all.")
    else:
        say("\nThe lab still runs: mend what the error names and run `make up` again; `make down` ends it all.")
    return code


def _start(lab: Lab, chosen: argparse.Namespace) -> int:
    lab.start(chosen.nodes)
    return 0


def _build(lab: Lab, chosen: argparse.Namespace) -> int:
    preflight.check(lab.folder, PROJECT, cache_root())
    parts.prepare(0, tools.OF_TESTS if chosen.tests else ())
    return 0


def _restart(lab: Lab, chosen: argparse.Namespace) -> int:
    lab.restart(chosen.node, anew=chosen.anew)
    return 0


def _node(lab: Lab, chosen: argparse.Namespace) -> int:
    if chosen.action == "add":
        lab.add_node()
    else:
        lab.remove_node()
    return 0


def _down(lab: Lab, _: argparse.Namespace) -> int:
    if lab.is_ready() and _has_stack(lab):
        code = lab.run(["pulumi", "destroy", "--yes", "--stack", STACK])
        if code:
            say("The stack could not be destroyed; the lab that holds it goes all the same.")
    lab.end()
    say(f"the lab in {lab.folder} is gone")
    return 0


def _has_stack(lab: Lab) -> bool:
    command = lab.command(["pulumi", "stack", "--stack", STACK])
    return subprocess.run(command, env=lab.environment(), capture_output=True, check=False).returncode == 0


def _status(lab: Lab, _: argparse.Namespace) -> int:
    if not lab.is_ready():
        say(f"no lab runs in {lab.folder}; `make up` starts one")
        return 1
    for member in MEMBERS:
        if lab.is_ready(member.name):
            say(f"node {member.name} ({member.address}) runs in {lab.folder}")
        elif lab.was_started(member.name):
            say(
                f"node {member.name} ({member.address}) was killed or cut off; `python -m lab node add` replaces it"
            )
    say(f"Docker provider: {(lab.folder / 'docker-provider').read_text()}")
    lab.run(["kubectl", "get", "nodes,pods", "--all-namespaces", "--output=wide"])
    return lab.run(["pulumi", "stack", "output", "--stack", STACK]) if _has_stack(lab) else 0


def _shell(lab: Lab, _: argparse.Namespace) -> int:
    say(f"A shell on node {FIRST.name}: docker, kubectl, curl and pulumi work here. Leave it with `exit`.")
    return lab.run(["bash", "--rcfile", str(PROJECT / "lab" / "bashrc"), "-i"])


def _exec(lab: Lab, chosen: argparse.Namespace) -> int:
    words = chosen.words[1:] if chosen.words[:1] == ["--"] else chosen.words
    return lab.run(words or ["true"], chosen.node)


def _service(lab: Lab, chosen: argparse.Namespace) -> int:
    lab.switch(chosen.name, on=chosen.state == "start")
    return 0


def _actionlint(_: Lab, __: argparse.Namespace) -> int:
    return subprocess.run([parts.actionlint(), "-color=false"], cwd=PROJECT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

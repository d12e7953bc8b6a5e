"""The lab's command line; the Makefile's targets call it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from lab import parts, preflight
from lab.lifecycle import NODE_ADDRESS, NODE_NAME, PROJECT, Lab
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

    add("up", _up, "start the lab and bring the dev stack up on it")
    add("down", _down, "destroy the stack, end the lab and remove its folder")
    add("start", lambda lab, _: lab.start(), "start the lab alone")
    add("restart", lambda lab, _: lab.restart(), "end the node as a power cut would, and start it again")
    add("status", _status, "tell what runs")
    add("shell", _shell, "a shell on the node, as `minikube ssh`")
    add("exec", _exec, "run a command on the node").add_argument("words", nargs=argparse.REMAINDER)
    service = add("service", _service, "stop a service of the node, or let it run again")
    service.add_argument("name", choices=["apiserver", "containerd", "docker", "kubelet"])
    service.add_argument("state", choices=["stop", "start"])
    add("actionlint", _actionlint, "check the GitHub workflows")
    return parser


def _up(lab: Lab, _: argparse.Namespace) -> int:
    lab.start()
    code = lab.run(["pulumi", "stack", "select", "--create", "--stack", STACK])
    if code == 0:
        code = lab.run(["pulumi", "up", "--yes", "--stack", STACK])
    if code == 0:
        say("\nNext: `make shell` for a shell on the node, `make status`, `make down` to end it all.")
    else:
        say("\nThe lab still runs: mend what the error names and run `make up` again; `make down` ends it all.")
    return code


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
    say(f"node {NODE_NAME} ({NODE_ADDRESS}) runs in {lab.folder}")
    say(f"Docker provider: {(lab.folder / 'docker-provider').read_text()}")
    lab.run(["kubectl", "get", "nodes,pods", "--all-namespaces", "--output=wide"])
    return lab.run(["pulumi", "stack", "output", "--stack", STACK]) if _has_stack(lab) else 0


def _shell(lab: Lab, _: argparse.Namespace) -> int:
    say(f"A shell on node {NODE_NAME}: docker, kubectl, curl and pulumi work here. Leave it with `exit`.")
    return lab.run(["bash", "--rcfile", str(PROJECT / "lab" / "bashrc"), "-i"])


def _exec(lab: Lab, chosen: argparse.Namespace) -> int:
    return lab.run([word for word in chosen.words if word != "--"] or ["true"])


def _service(lab: Lab, chosen: argparse.Namespace) -> int:
    lab.switch(chosen.name, on=chosen.state == "start")
    return 0


def _actionlint(_: Lab, __: argparse.Namespace) -> int:
    return subprocess.run([parts.actionlint(), "-color=false"], cwd=PROJECT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

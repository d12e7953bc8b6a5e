"""The commands; the Makefile's targets call them in the project's folder."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .backup import back_up
from .collection import collect
from .failure import OperationError, RegctlError
from .progress import Progress
from .regctl import find
from .removal import apply, used_in_cluster
from .restore import restore
from .stack import Stack


def main(arguments: list[str] | None = None) -> int:
    """Run one command; give its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (OperationError, RegctlError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'the disk'}: {error.strerror}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr, flush=True)
        # Threads still read and write; what they leave unfinished the next run finds.
        os._exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        ("backup", _backup, "back up every tag of every repository into a folder"),
        ("restore", _restore, "restore a backup into the stack's registry"),
        ("retention", _retention, "show which old tags may go, or remove them"),
        ("collect", _collect, "show what no image needs any more, or remove it while nobody can push"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=function)
        command.add_argument("--stack", default="dev", help="default: %(default)s")
        if name == "backup":
            command.add_argument("--to", required=True, help="folder of the backup; it is made if it is not there")
        if name == "restore":
            command.add_argument("--from", dest="source", required=True, help="folder of the backup")
            command.add_argument("--force", action="store_true", help="replace tags that have another image")
        if name in {"retention", "collect"}:
            command.add_argument("--apply", action="store_true", help="remove; without it nothing is removed")
        if name == "collect":
            command.add_argument("--untagged", action="store_true", help="images without a tag too")
    return parser


def _backup(chosen: argparse.Namespace) -> int:
    find()
    folder = Path(chosen.to).absolute()
    registry = Stack.read(chosen.stack).registry()
    # Whoever may read the folder may read all images.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Progress(folder / "backup.log") as progress:
        return back_up(registry, folder, progress)


def _restore(chosen: argparse.Namespace) -> int:
    find()
    folder = Path(chosen.source).absolute()
    if not folder.is_dir():
        raise OperationError(f"{folder} is no folder; fix: FROM=<the folder of a backup>")
    registry = Stack.read(chosen.stack).registry()
    with Progress(folder / "restore.log") as progress:
        return restore(registry, folder, progress, force=chosen.force)


def _retention(chosen: argparse.Namespace) -> int:
    find()
    stack = Stack.read(chosen.stack)
    retention = stack.retention()
    registry = stack.registry()
    with Progress() as progress:
        return apply(registry, retention, lambda: used_in_cluster(stack), progress, remove=chosen.apply)


def _collect(chosen: argparse.Namespace) -> int:
    with Progress() as progress:
        return collect(Stack.read(chosen.stack), progress, remove=chosen.apply, untagged=chosen.untagged)


if __name__ == "__main__":
    sys.exit(main())

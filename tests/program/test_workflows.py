"""What every workflow of the repository keeps to; actionlint checks the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github/workflows").iterdir())
each_workflow = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")
USES = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z]+)")


def load(file: Path) -> dict[Any, Any]:
    """Read a workflow. YAML takes its key `on` for true."""
    document: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def steps(workflow: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    """Give the steps of all jobs."""
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


@each_workflow
def test_actions_are_pinned_by_commit_with_the_version_beside(file: Path) -> None:
    """A tag can be moved to other code; the comment tells people, and Dependabot, what the commit is."""
    written = USES.findall(file.read_text(encoding="utf-8"))
    workflow = load(file)
    used = [item["uses"] for item in [*workflow["jobs"].values(), *steps(workflow)] if "uses" in item]

    assert len(written) == len(used), "a `uses` in another form would escape this test"
    assert [item for item in written if not item.startswith("./") and not PINNED.fullmatch(item)] == []


@each_workflow
def test_scripts_hold_no_expressions(file: Path) -> None:
    """An expression is pasted in as text: a branch or title could bring its own commands."""
    scripts = [item.get("run", "") + str(item.get("with", {}).get("script", "")) for item in steps(load(file))]

    assert [script for script in scripts if "${{" in script] == []


@each_workflow
def test_jobs_end_by_themselves(file: Path) -> None:
    """The default of six hours is a bill; a job that calls a workflow takes that one's times."""
    jobs = load(file)["jobs"].items()

    assert [name for name, job in jobs if "uses" not in job and not 0 < job.get("timeout-minutes", 0) <= 90] == []


@each_workflow
def test_rights_are_given_job_by_job(file: Path) -> None:
    """A job that says nothing has none."""
    workflow = load(file)

    assert workflow["permissions"] == {}
    assert [name for name, job in workflow["jobs"].items() if "permissions" not in job] == []


@each_workflow
def test_forks_never_run_with_the_repositorys_rights(file: Path) -> None:
    """These events run a fork's code, or react to it, with secrets at hand."""
    events = load(file)[True]

    assert {"pull_request_target", "workflow_run", "issue_comment"}.isdisjoint(events)


@each_workflow
def test_make_targets_exist(file: Path) -> None:
    """Workflows run what people run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    called = {name for item in steps(load(file)) for name in MAKE.findall(item.get("run", ""))}

    assert called
    assert called <= targets

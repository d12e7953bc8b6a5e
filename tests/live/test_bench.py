"""`make bench` beside other work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.lifecycle import Lab
from tests.live.harness import PROJECT, Node


def test_f7_a_bench_beside_the_tests_has_a_lab_of_its_own(lab: Node, tmp_path: Path) -> None:
    """It neither uses nor ends a lab of tests or of a person, and its own ends with it, also when interrupted."""
    own, before = Lab(tmp_path / "bench"), lab.lab.process()
    others = dict.fromkeys(("LAB", "TEST_LAB"), str(lab.lab.folder))
    with subprocess.Popen(
        [sys.executable, "-m", "bench"],
        cwd=PROJECT,
        env=os.environ | others | {"BENCH_LAB": str(own.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as bench:
        assert bench.stdout
        said = next((line for line in bench.stdout if line.startswith("round ")), "nothing")
        ran, theirs = own.is_ready(), lab.get("pods")["items"]
        bench.send_signal(signal.SIGINT)

    assert said.startswith("round 0 of ")
    assert ran
    assert theirs == []
    assert not own.folder.exists()
    assert lab.lab.process() == before

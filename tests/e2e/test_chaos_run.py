"""A short run against a real cluster: it starts, is broken, recovers, and keeps its promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(out: Path, scenario: str, minutes: str) -> str:
    """What a run that has to be good prints."""
    command = [sys.executable, "-m", "chaos", "run", scenario, "--minutes", minutes]
    command += ["--seed", "7", "--out", str(out)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "GOOD" in result.stdout
    return result.stdout


@pytest.mark.slow
def test_clients_of_every_verb_see_nothing_worse_than_retries(tmp_path: Path) -> None:
    """The leader is killed every few seconds; what was acknowledged is there in the end."""
    run(tmp_path, "every-verb", "0.25")


@pytest.mark.slow
def test_a_short_run_with_a_kill_keeps_every_promise_and_leaves_a_report(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "kill", "0.1")
    (report,) = out.glob("*/report.html")
    assert "Every promise was kept" in report.read_text()
    (history,) = out.glob("*/history.jsonl")
    again = [sys.executable, "-m", "chaos", "check", str(history)]
    assert subprocess.run(again, timeout=60, check=False).returncode == 0

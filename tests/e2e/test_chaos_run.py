"""A short run against a real cluster: it starts, is broken, recovers, and keeps its promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_short_run_with_a_kill_keeps_every_promise_and_leaves_a_report(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "chaos", "run", "kill", "--minutes", "0.1"]
    command += ["--seed", "7", "--out", str(out)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "GOOD" in result.stdout
    (report,) = out.glob("*/report.html")
    assert "Every promise was kept" in report.read_text()
    (history,) = out.glob("*/history.jsonl")
    again = [sys.executable, "-m", "chaos", "check", str(history)]
    assert subprocess.run(again, timeout=60, check=False).returncode == 0


@pytest.mark.slow
def test_a_run_on_disks_that_lie_ends_with_violations(tmp_path: Path) -> None:
    """What is lost, and which promise that breaks first, is chance; a second power loss is sure."""
    for seed in ("7", "8", "9"):
        command = [sys.executable, "-m", "chaos", "run", "lying-disks", "--minutes", "0.15"]
        command += ["--seed", seed, "--out", str(tmp_path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        if result.returncode:
            break
    assert result.returncode == 1, result.stdout + result.stderr
    assert "VIOLATED" in result.stdout
    assert list(tmp_path.glob("*/cluster/node-1/node.log"))

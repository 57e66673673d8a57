"""The example in the documentation does what it says, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_counter_survives_a_restart(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs/examples/raftstore_alone.py"), str(tmp_path / "d")]
    for times in (1, 2):
        done = subprocess.run(
            command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60
        )
        assert done.stdout.decode() == f"started {times} times\n", done.stderr.decode()

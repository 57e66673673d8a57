"""kill -9 of a real process that writes to a real disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from raftstore.disk import RealDisk
from raftstore.wal import Wal

WRITER = """
import sys
from raftstore.disk import RealDisk
from raftstore.wal import Entry, Wal
wal = Wal.open(RealDisk(), sys.argv[1], segment_bytes=1 << 16, margin_entries=50)
while True:
    first = wal.last_index + 1
    wal.append([Entry(i, 1, b"%d" % i * 50) for i in range(first, first + 7)])
    if first > 200:
        wal.trim_to(first - 100, 1)
    wal.sync()
    print(wal.durable_index, flush=True)
"""


@pytest.mark.parametrize("acknowledgements", [1, 40, 150])
def test_every_acknowledged_entry_survives(tmp_path: Path, acknowledgements: int) -> None:
    directory = str(tmp_path / "wal")
    root = Path(__file__).parents[3]
    acknowledged = 0
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, directory], stdout=subprocess.PIPE, text=True, cwd=root
        ) as writer:
            assert writer.stdout is not None
            for _ in range(acknowledgements):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
        wal = Wal.open(RealDisk(), directory, segment_bytes=1 << 16, margin_entries=50)
        assert wal.last_index >= acknowledged
        for entry in wal.slice(wal.first_index, wal.last_index + 1, 1 << 30):
            assert entry.command == b"%d" % entry.index * 50
        wal.close()

"""What the log tests share: a log as a comparable value, and a small log to damage."""

from __future__ import annotations

from typing import NamedTuple

from raftstore.disk import Disk
from raftstore.sim.disk import FaultyDisk
from raftstore.wal import Entry, Wal

DIRECTORY = "/node/wal"
SEGMENT = 4096


class View(NamedTuple):
    """Everything a restarted node learns from its log."""

    base: tuple[int, int]
    entries: tuple[Entry, ...]
    term_state: tuple[int, str | None]
    commit_hint: int


def view(wal: Wal) -> View:
    entries = wal.slice(wal.first_index, wal.last_index + 1, 1 << 60)
    return View(wal.base, tuple(entries), wal.term_state, wal.commit_hint)


def open_wal(disk: Disk, **options: int) -> Wal:
    settings: dict[str, int] = {"segment_bytes": SEGMENT, "margin_entries": 3} | options
    return Wal.open(
        disk,
        DIRECTORY,
        cluster_id="c1",
        node_id="n1",
        segment_bytes=settings["segment_bytes"],
        margin_entries=settings["margin_entries"],
    )


def entries(first: int, count: int, term: int = 1, size: int = 100) -> list[Entry]:
    return [Entry(i, term, b"%06d" % i + b"x" * size) for i in range(first, first + count)]


def segments(disk: Disk) -> list[str]:
    return [f"{DIRECTORY}/{n}" for n in disk.listdir(DIRECTORY) if n.endswith(".log")]


def log_of_three_segments() -> FaultyDisk:
    """Entries 1 to 90 in 30 batches, over three segments; not closed."""
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.set_hard_state(1, "n1")
    for first in range(1, 91, 3):
        wal.append(entries(first, 3))
        wal.set_commit_hint(first - 1)
        wal.sync()
    assert len(segments(disk)) == 3
    return disk

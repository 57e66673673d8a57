"""The write-ahead log: Raft's entries, term and vote, on disk before anybody hears of them.

Mutations are buffered in memory and numbered; `take` turns what is buffered into one batch, `write`
puts it on disk with one write and one sync, `done` tells the log that it is there. Nothing here
knows what an entry means.
"""

from raftstore.wal.format import Entry
from raftstore.wal.segments import Batch
from raftstore.wal.wal import Wal

__all__ = ["Batch", "Entry", "Wal"]

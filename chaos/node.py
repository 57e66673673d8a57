"""One node under test: `kapiserver serve`, with its disk and its peers' addresses exchanged.

    python -m chaos.node CONTROL DIAL --config FILE

CONTROL is the disk's control file (chaos/disk.py). DIAL is a JSON object: where to dial each peer
in place of the address in the member list, so that all traffic passes through the harness' proxies.
The log is kept short, so that segments, and followers that need a snapshot, happen in a short run.
Everything else is the program as users run it: no hook for tests exists in its own code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from chaos.disk import Control, FaultyDisk
from kapiserver.cli.main import main as kapiserver
from raftstore import datadir
from raftstore.disk import Disk
from raftstore.store import opening
from raftstore.transport import Transport
from raftstore.wal import Wal

SEGMENT_BYTES = 256 << 10
MARGIN_ENTRIES = 100


class ProxiedTransport(Transport):
    """Dials peers where the harness says. What it listens on is not changed."""

    def __init__(self, dial: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._dial_at = dial

    def set_peers(self, addresses: Mapping[str, str]) -> None:
        super().set_peers({peer: self._dial_at.get(peer, at) for peer, at in addresses.items()})


class ShortLog:
    """Opens the node's log with small bounds."""

    @staticmethod
    def open(disk: Disk, directory: str, **settings: Any) -> Wal:
        settings.update(segment_bytes=SEGMENT_BYTES, margin_entries=MARGIN_ENTRIES)
        return Wal.open(disk, directory, **settings)


def main(arguments: Sequence[str]) -> int:
    control, dial, *flags = arguments
    vars(datadir).update(Wal=ShortLog)
    vars(opening).update(
        RealDisk=partial(FaultyDisk, Control(Path(control))),
        Transport=partial(ProxiedTransport, json.loads(dial)),
    )
    return kapiserver(["serve", *flags])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A node under cProfile: `python -m tests.bench.profiled_node serve --config FILE`.

SIGUSR1 starts a new profile, SIGUSR2 ends it and writes it to the file `profile` beside the config.
"""

from __future__ import annotations

import cProfile
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from kapiserver.cli.main import main


class Switch:
    """The profile that is running, if one is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._profile: cProfile.Profile | None = None

    def start(self, number: int, frame: FrameType | None) -> None:
        self._profile = cProfile.Profile()
        self._profile.enable()

    def stop(self, number: int, frame: FrameType | None) -> None:
        if self._profile is None:
            return
        self._profile.disable()
        partial = self._path.with_suffix(".partial")
        self._profile.dump_stats(partial)
        os.replace(partial, self._path)
        self._profile = None


if __name__ == "__main__":
    switch = Switch(Path(sys.argv[-1]).with_name("profile"))
    signal.signal(signal.SIGUSR1, switch.start)
    signal.signal(signal.SIGUSR2, switch.stop)
    sys.exit(main(sys.argv[1:]))

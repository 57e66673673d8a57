"""What importing raftstore leaves behind in a process that others share."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import socket
before = socket.inet_ntop
import raftstore.raft
assert socket.inet_ntop is before
assert socket.inet_ntop(socket.AF_INET, bytes([127, 0, 0, 1])) == "127.0.0.1"
"""


def test_the_socket_module_is_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

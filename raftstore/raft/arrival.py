"""pysyncobj is imported here first, so that Python's own `socket` stays as it was.

Its `win_inet_pton` puts a function of its own in the place of `socket.inet_ntop` on every platform,
and elsewhere than on Windows that function only raises. Whoever shares the process would find it.
"""

from __future__ import annotations

import socket

_inet_ntop = socket.inet_ntop

import pysyncobj  # noqa: E402, F401

socket.inet_ntop = _inet_ntop

"""The Date header: every answer of a server with a clock has one (RFC 9110, 6.6.1)."""

from __future__ import annotations

import time
from email.utils import formatdate

NAME = b"date"

_made: tuple[int, bytes] = (0, b"")


def now() -> bytes:
    """The date of this second; written once for all answers in it."""
    global _made
    second = int(time.time())
    if second != _made[0]:
        _made = second, formatdate(second, usegmt=True).encode()
    return _made[1]

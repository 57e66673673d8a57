"""kube-apiserver 1.36 with etcd 3.6 on two cores of the kind that this project is developed on.

CPU is that of both processes together, per operation. They are figures to compare ratios with, not
absolute truths: measure both servers on your own machine with `--server`.
"""

from __future__ import annotations

from typing import NamedTuple


class Reference(NamedTuple):
    """`cpu` in seconds per operation; `note` says what else is known."""

    cpu: float | None
    note: str = ""


_GET = "2,200/s at most"
REFERENCES: dict[str, Reference] = {
    "get, 1 client": Reference(1.9e-3, "p50 1.5 ms"),
    "get, 16 clients": Reference(0.75e-3, _GET),
    "get, 64 clients": Reference(0.75e-3, _GET),
    "get, 64 on one connection": Reference(0.75e-3, _GET),
    "list 1,000": Reference(30e-3, "30 ms"),
    "list 1,000 as a table": Reference(16e-3, "16 ms"),
    "list 5,000": Reference(162e-3, "162 ms"),
    "list 5,000, gzip": Reference(262e-3, "262 ms"),
    "list 10,000": Reference(328e-3, "328 ms"),
    "list 10,000 in pages of 500": Reference(428e-3, "428 ms"),
    "create, 1 client": Reference(4.0e-3, "p50 3.6 ms"),
    "create, 16 clients": Reference(1.7e-3, "1,100/s at most"),
    "update, 1 client": Reference(None),
    "update, 16 clients": Reference(2.15e-3, "800/s at most"),
    "watch, 100 watchers": Reference(None, ""),
    "watch, 1,000 watchers": Reference(0.05e-3, "delivery p99 35-130 ms"),
}

START_UP_AIM = "aim: 1.5 s"
MEMORY_IDLE = 314 * 2**20
MEMORY_FILLED = 740 * 2**20
"""After 16,000 ConfigMaps."""
FAIL_OVER = "1.3-1.8 s"

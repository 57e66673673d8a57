"""A process of watchers: `python -m tests.bench.watchers`, JSON in and out as in `load`.

Opens the watches, waits until each has been answered, says `ready`, and after the second line on
stdin reports how many events came in and how long each took from the moment that its writer
stamped it (CLOCK_MONOTONIC is the same for all processes of a machine).
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
import time
from typing import Any

from tests.bench import objects
from tests.bench.connection import Answer, Connection, ConnectionFailed, Server
from tests.bench.http1 import Http1
from tests.bench.http2 import Http2

STAMP = re.compile(rb'"stamp":"(\d{20})"')
OPEN_SECONDS = 60.0
QUIET_SECONDS = 1.0


class Watchers:
    """N watches of one collection, each on a connection of its own."""

    def __init__(self, spec: dict[str, Any]) -> None:
        server = Server(**spec["server"])
        protocol = spec["protocol"]
        context = server.context(protocol)
        kind = Http2 if protocol == "h2" else Http1
        path = (
            f"{objects.collection(spec['namespace'])}?watch=1&timeoutSeconds=600"
            f"&resourceVersion={spec['revision']}"
        )
        self.events = 0
        self.latencies: list[float] = []
        self._rest: dict[Connection, bytes] = {}
        self._by_fd: dict[int, Connection] = {}
        self._epoll = select.epoll()
        for _ in range(spec["clients"]):
            connection = kind(server, context, self._on_answer)
            connection.stream = self._on_data
            self._rest[connection] = b""
            fd = connection.socket.fileno()
            self._by_fd[fd] = connection
            self._epoll.register(fd, select.EPOLLIN)
            connection.send(connection.prepare("GET", path))

    def _on_answer(self, connection: Connection, answer: Answer) -> None:
        raise ConnectionFailed(f"a watch ended with status {answer.status}")

    def _on_data(self, connection: Connection, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest[connection] + data
        end = data.rfind(b"\n") + 1
        self._rest[connection] = data[end:]
        for stamp in STAMP.findall(data, 0, end):
            written = int(stamp)
            self.events += 1
            if written:
                self.latencies.append((now - written) / 1e9)

    def pump(self, seconds: float, *, until_line: bool = False, until_quiet: bool = False) -> None:
        """Take in events for `seconds`, until a line on stdin, or until nothing comes any more."""
        deadline = time.monotonic() + seconds
        last = time.monotonic()
        stdin = sys.stdin.fileno()
        if until_line:
            self._epoll.register(stdin, select.EPOLLIN)
        while time.monotonic() < deadline:
            ready = self._epoll.poll(0.2)
            for fd, _ in ready:
                if fd == stdin:
                    os.read(stdin, 1)
                    self._epoll.unregister(stdin)
                    return
                self._by_fd[fd].readable()
                self._by_fd[fd].flush()
            if ready:
                last = time.monotonic()
            elif until_quiet and time.monotonic() - last > QUIET_SECONDS:
                return


def main() -> int:
    spec = json.loads(os.read(sys.stdin.fileno(), 65_536))
    try:
        watchers = Watchers(spec)
        watchers.pump(OPEN_SECONDS, until_quiet=True)
        print("ready", flush=True)
        watchers.pump(spec["seconds"] + OPEN_SECONDS, until_line=True)
        watchers.pump(OPEN_SECONDS, until_quiet=True)
        report: dict[str, Any] = {"events": watchers.events, "latencies": watchers.latencies}
    except (ConnectionFailed, OSError) as error:
        report = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(report), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

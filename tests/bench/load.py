"""A load process: `python -m tests.bench.load`, a JSON spec on stdin, a JSON report on stdout.

It connects all clients, says `ready`, waits for a line, then runs every client in a closed loop
(the next request goes out when the answer is in) until the time is up or the scripts end. The
report has the latency of every operation, in seconds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tests.bench.connection import Answer, Connection, ConnectionFailed, Loop, Server
from tests.bench.http1 import Http1
from tests.bench.http2 import Http2
from tests.bench.scripts import SCRIPTS, Script, Step

LAST_ANSWER_SECONDS = 30.0


class Client:
    """One script on one connection; several clients may share an HTTP/2 connection."""

    def __init__(self, run: Run, connection: Connection, script: Script) -> None:
        self.run = run
        self.connection = connection
        self.script = script
        self.step: Step | None = None
        self.began = 0.0
        self.fresh = True
        """Whether the next request begins an operation."""

    def start(self) -> None:
        self._send(next(self.script, None))

    def answered(self, answer: Answer) -> None:
        step = self.step
        assert step is not None
        if answer.status != step.expect:
            raise ConnectionFailed(f"status {answer.status}: {answer.body[:500]!r}")
        if step.ends_operation:
            self.run.latencies.append(time.perf_counter() - self.began)
            self.run.received += answer.size
            self.fresh = True
            if self.run.over():
                self.run.ended()
                return
        try:
            following = self.script.send(answer)
        except StopIteration:
            self.run.ended()
            return
        self._send(following)

    def _send(self, step: Step | None) -> None:
        if step is None:
            self.run.ended()
            return
        if self.fresh:
            self.began = time.perf_counter()
            self.fresh = False
        self.step = step
        self.connection.send(step.request, self)


class Run:
    """All clients of this process."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.latencies: list[float] = []
        self.received = 0
        self._deadline = float("inf")
        server = Server(**spec["server"])
        protocol = spec["protocol"]
        context = server.context(protocol)
        kind = Http2 if protocol == "h2" else Http1
        shared = spec.get("shared_connection", False)
        count = 1 if shared else spec["clients"]
        self.connections: list[Connection] = [
            kind(server, context, self._on_answer) for _ in range(count)
        ]
        script = SCRIPTS[spec["script"]]
        self.clients = []
        for number in range(spec["clients"]):
            connection = self.connections[0 if shared else number]
            self.clients.append(Client(self, connection, script(connection, spec, number)))
        self._active = len(self.clients)
        self.loop = Loop(self.connections)

    def _on_answer(self, connection: Connection, answer: Answer) -> None:
        client: Client = answer.tag
        client.answered(answer)

    def over(self) -> bool:
        return time.perf_counter() >= self._deadline and (
            len(self.latencies) >= self.spec.get("at_least", 1)
        )

    def ended(self) -> None:
        self._active -= 1
        if self._active == 0:
            self.loop.stop()

    def go(self) -> dict[str, Any]:
        seconds = self.spec["seconds"]
        began = time.perf_counter()
        self._deadline = began + seconds
        for client in self.clients:
            client.start()
        limit = time.monotonic() + seconds + LAST_ANSWER_SECONDS
        if not self.loop.run(limit):
            raise ConnectionFailed(f"no answer for {LAST_ANSWER_SECONDS:.0f} s")
        elapsed = time.perf_counter() - began
        self.loop.close()
        return {"elapsed": elapsed, "latencies": self.latencies, "received": self.received}


def main() -> int:
    spec = json.loads(sys.stdin.readline())
    try:
        run = Run(spec)
        print("ready", flush=True)
        sys.stdin.readline()
        report = run.go()
    except (ConnectionFailed, OSError) as error:
        report = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(report), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

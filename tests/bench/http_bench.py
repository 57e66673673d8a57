"""Server CPU per operation of the HTTP front end, with a load client in another process.

    python tests/bench/http_bench.py [--seconds 5] [--connections 8] [--watchers 1000]

Prints one line per case: operations per second as the (slow, Python) client saw them, and the CPU
microseconds that the server's process spent on each. Only the latter says something about the
server: 1,000,000 divided by it is what one core can do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import socket
import ssl
import sys
import tempfile
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, str(Path(__file__).parent.parent / "component" / "http"))

from http_support import make_certificates

from kapiserver.http import FrontEndConfig, serve
from kapiserver.request import Frame, Request, Response, ResponseStream

BODY = b'{"kind":"ConfigMap","data":{"k":"' + b"x" * 980 + b'"}}'
EVENT = b'{"type":"MODIFIED","object":{"d":"' + b"y" * 470 + b'"}}\n'
JSON = [(b"content-type", b"application/json")]
H2_FIELDS = (
    b"\x40\x06accept\x10application/json"
    b"\x40\x0auser-agent\x0ekubectl/v1.37."
    b"\x40\x0dauthorization\x14Bearer abcdefghijklm"
)
H1_REQUEST = (
    b"GET /api/v1/namespaces/default/configmaps/thing HTTP/1.1\r\nHost: localhost:6443\r\n"
    b"Accept: application/json\r\nUser-Agent: kubectl/v1.37.\r\n"
    b"Authorization: Bearer abcdefghijklm\r\n\r\n"
)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class BenchDispatcher:
    """GETs inline or in a task, watches, and a control path that publishes events."""

    def __init__(self) -> None:
        self.watchers: set[ResponseStream] = set()

    def fast(self, request: Request) -> Response | None:
        if request.query == b"task" or request.path in ("/cpu", "/watch", "/publish", "/list"):
            return None
        return Response(headers=[*JSON], body=BODY)

    async def handle(self, request: Request) -> Response:
        if request.path == "/cpu":
            return Response(
                body=json.dumps({"cpu": cpu(), "watchers": len(self.watchers)}).encode()
            )
        if request.path == "/watch":
            return Response(headers=[*JSON], stream=self._watch)
        if request.path == "/publish":
            return Response(body=json.dumps(await self._publish(int(request.query))).encode())
        if request.path == "/list":
            return Response(headers=[*JSON], body=[BODY] * 10_000, compressible=True)
        return Response(headers=[*JSON], body=BODY)

    async def _watch(self, stream: ResponseStream) -> None:
        self.watchers.add(stream)
        try:
            await stream.closed()
        finally:
            self.watchers.discard(stream)

    async def _publish(self, events: int) -> dict[str, float]:
        before, delivered = cpu(), 0
        for _ in range(events):
            frame = Frame(EVENT)
            watchers = list(self.watchers)
            for at in range(0, len(watchers), 100):
                for watcher in watchers[at : at + 100]:
                    delivered += watcher.push(frame)
                for watcher in watchers[at : at + 100]:
                    watcher.flush()
                await trio.lowlevel.checkpoint()
            await trio.sleep(0.01)
        return {"cpu": cpu() - before, "delivered": delivered}


def server_process(folder: Path, pipe: Pipe) -> None:
    async def main() -> None:
        config = FrontEndConfig(
            cert_file=folder / "server.crt",
            key_file=folder / "server.key",
            port=0,
            max_streams=5000,
            max_streams_unauthenticated=5000,
        )
        async with trio.open_nursery() as nursery:
            start: Any = lambda task_status: serve(  # noqa: E731
                BenchDispatcher(), config, shutdown=trio.Event(), task_status=task_status
            )
            addresses = await nursery.start(start)
            pipe.send(addresses[0][1])
            await trio.to_thread.run_sync(pipe.recv)
            nursery.cancel_scope.cancel()

    trio.run(main)


def connect(port: int, protocol: str, folder: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.set_alpn_protocols([protocol])
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock = context.wrap_socket(raw, server_hostname="localhost")
    if protocol == "h2":
        settings = b"\x00\x04\x7f\xff\xff\xff"  # INITIAL_WINDOW_SIZE as large as it gets
        sock.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + h2_frame(4, 0, 0, settings)
            + h2_frame(8, 0, 0, (2**31 - 1 - 65535).to_bytes(4, "big"))
        )
    return sock


def h2_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    )


class H2Load:
    """One HTTP/2 connection that repeats the same request, `depth` at a time."""

    def __init__(self, port: int, folder: Path, depth: int, query: bytes) -> None:
        self.sock = connect(port, "h2", folder)
        self.depth = depth
        self.next = 1
        self.rest = b""
        path = b"/api/v1/namespaces/default/configmaps/thing" + query
        # GET, https, then five pairs that enter the dynamic table; later requests only point there.
        authority = b"\x41\x0elocalhost:6443"
        self.first = b"\x82\x87" + authority + b"\x44" + bytes((len(path),)) + path + H2_FIELDS
        self.again = b"\x82\x87\xc2\xc1\xc0\xbf\xbe"

    def round(self) -> int:
        out = []
        for _ in range(self.depth):
            block = self.first if self.next == 1 else self.again
            out.append(h2_frame(1, 5, self.next, block))
            self.next += 2
        self.sock.sendall(b"".join(out))
        ended = 0
        while ended < self.depth:
            data = self.rest + self.sock.recv(65536)
            at = 0
            while len(data) - at >= 9:
                end = at + 9 + int.from_bytes(data[at : at + 3], "big")
                if end > len(data):
                    break
                if data[at + 3] in (0, 1) and data[at + 4] & 1:
                    ended += 1
                at = end
            self.rest = data[at:]
        return ended


class H1Load:
    def __init__(self, port: int, folder: Path, query: bytes) -> None:
        self.sock = connect(port, "http/1.1", folder)
        self.request = H1_REQUEST.replace(b"/thing ", b"/thing" + query + b" ")

    def round(self) -> int:
        self.sock.sendall(self.request)
        got = 0
        while got < len(BODY):
            data = self.sock.recv(65536)
            if not got:
                got -= data.index(b"\r\n\r\n") + 4
            got += len(data)
        return 1


def control(port: int, folder: Path, target: str) -> dict[str, float]:
    sock = connect(port, "http/1.1", folder)
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while part := sock.recv(65536):
        data += part
    result: dict[str, float] = json.loads(data.partition(b"\r\n\r\n")[2])
    return result


def load_process(
    port: int, folder: Path, case: str, depth: int, query: bytes, seconds: float, pipe: Pipe
) -> None:
    load: H1Load | H2Load = (
        H1Load(port, folder, query) if case == "h1" else H2Load(port, folder, depth, query)
    )
    load.round()
    pipe.send(None)
    pipe.recv()
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        count += load.round()
    pipe.send(count)


def bench_get(
    port: int, folder: Path, case: str, depth: int, query: bytes, args: argparse.Namespace
) -> None:
    pipes, processes = [], []
    for _ in range(args.connections):
        mine, theirs = multiprocessing.Pipe()
        arguments = (port, folder, case, depth, query, args.seconds, theirs)
        process = multiprocessing.Process(target=load_process, args=arguments)
        process.start()
        pipes.append(mine)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()
    before, start = control(port, folder, "/cpu")["cpu"], time.monotonic()
    for pipe in pipes:
        pipe.send(None)
    total = sum(pipe.recv() for pipe in pipes)
    spent = control(port, folder, "/cpu")["cpu"] - before
    took = time.monotonic() - start
    for process in processes:
        process.join()
    how = "task  " if query else "inline"
    print(
        f"GET 1 KB {case} {how} depth {depth:3}: {total / took:8.0f}/s,"
        f" {spent / total * 1e6:6.1f} us CPU each, {total / spent:8.0f}/s/core"
    )


def watch_process(port: int, folder: Path, case: str, watchers: int, pipe: Pipe) -> None:
    """Opens the watchers and drains them until told to stop."""
    socks = []
    if case == "h1":
        for _ in range(watchers):
            sock = connect(port, "http/1.1", folder)
            sock.sendall(b"GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
            socks.append(sock)
    else:
        per = 100
        block = b"\x82\x87\x41\x01a\x04\x06/watch"
        for _ in range(watchers // per):
            sock = connect(port, "h2", folder)
            sock.sendall(b"".join(h2_frame(1, 5, 2 * i + 1, block) for i in range(per)))
            socks.append(sock)
    pipe.send(None)

    async def drain(sock: ssl.SSLSocket) -> None:
        sock.setblocking(False)
        while True:
            await trio.lowlevel.wait_readable(sock)
            try:
                while sock.recv(65536):
                    pass
                return
            except (ssl.SSLWantReadError, BlockingIOError):
                pass

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for sock in socks:
                nursery.start_soon(drain, sock)
            await trio.to_thread.run_sync(pipe.recv)
            nursery.cancel_scope.cancel()

    trio.run(main)


def bench_list(port: int, folder: Path, extra: str, name: str) -> None:
    """One 10 MB answer after another on one HTTP/1.1 connection."""
    sock = connect(port, "http/1.1", folder)
    rounds = 20
    before = control(port, folder, "/cpu")["cpu"]
    for _ in range(rounds):
        sock.sendall(f"GET /list HTTP/1.1\r\nHost: a\r\n{extra}\r\n".encode())
        data = sock.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        if extra:
            while not rest.endswith(b"\r\n0\r\n\r\n"):
                rest = rest[-16:] + sock.recv(262_144)
        else:
            left = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(rest)
            while left:
                left -= len(sock.recv(262_144))
    spent = control(port, folder, "/cpu")["cpu"] - before
    print(f"list of 10,000 x 1 KB, {name}: {spent / rounds * 1e3:.1f} ms CPU each")


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


def bench_watch(port: int, folder: Path, case: str, pid: int, args: argparse.Namespace) -> None:
    memory = resident(pid)
    mine, theirs = multiprocessing.Pipe()
    arguments = (port, folder, case, args.watchers, theirs)
    process = multiprocessing.Process(target=watch_process, args=arguments)
    process.start()
    mine.recv()
    while control(port, folder, "/cpu")["watchers"] < args.watchers:
        time.sleep(0.1)
    each = (resident(pid) - memory) / args.watchers
    result = control(port, folder, f"/publish?{args.events}")
    per_event = result["cpu"] / result["delivered"]
    print(
        f"watch {case}, {args.watchers} watchers: {per_event * 1e6:6.1f} us CPU per delivery,"
        f" {1 / per_event:8.0f}/s/core, {each:.0f} kB per watcher,"
        f" {result['delivered']:.0f} of {args.events * args.watchers} delivered"
    )
    mine.send(None)
    process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_certificates(folder)
        mine, theirs = multiprocessing.Pipe()
        server = multiprocessing.Process(target=server_process, args=(folder, theirs))
        server.start()
        port = mine.recv()
        for query in (b"", b"?task"):
            bench_get(port, folder, "h1", 1, query, args)
            bench_get(port, folder, "h2", 1, query, args)
            bench_get(port, folder, "h2", 16, query, args)
        bench_list(port, folder, "", "plain")
        bench_list(port, folder, "Accept-Encoding: gzip\r\n", "gzip")
        assert server.pid is not None
        bench_watch(port, folder, "h1", server.pid, args)
        bench_watch(port, folder, "h2", server.pid, args)
        mine.send(None)
        server.join()


if __name__ == "__main__":
    main()

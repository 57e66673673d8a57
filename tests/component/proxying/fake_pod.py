"""A web server as it would run in a pod: it says what it was asked."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import trio
from proxying_world import PATIENCE, read_answer

PAGE = (
    b'<html><a href="/list?a=1">all</a><a href="next">next</a><img src="http://x.example/i"></html>'
)
SPECIAL = {
    b"/moved": b"HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n",
    b"/page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b"
    % (len(PAGE), PAGE),
    b"/packed": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
    b"Connection: close\r\n\r\n" + gzip.compress(PAGE),
    b"/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    b"/broken": b"not HTTP at all\r\n\r\n",
    b"/echo": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhi",
}


async def answer_hello(stream: trio.SocketStream) -> None:
    """A web server in a pod: says which request it got."""
    http = h11.Connection(h11.SERVER)
    request: h11.Request | None = None
    body = b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            break
    if request is None:
        return
    special = SPECIAL.get(request.target)
    if special is not None:
        await stream.send_all(special)
        return
    said = b"\n".join(
        [
            request.method + b" " + request.target,
            *(name + b": " + value for name, value in request.headers),
            b"",
            body,
        ]
    )
    headers = [("content-length", str(len(said))), ("connection", "close")]
    await stream.send_all(http.send(h11.Response(status_code=200, headers=headers)) or b"")
    if request.method != b"HEAD":
        await stream.send_all(http.send(h11.Data(data=said)) or b"")
    await stream.send_all(http.send(h11.EndOfMessage()) or b"")


@asynccontextmanager
async def web_server(host: str = "127.0.0.1") -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        nursery.start_soon(trio.serve_listeners, answer_hello, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def outer_address() -> str:
    """An address of this machine that is not loopback: a pod's. No packet is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.254", 9))
        return str(probe.getsockname()[0])


async def fetch(port: int, path: str) -> str:
    with trio.fail_after(PATIENCE):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            )
            http = h11.Connection(h11.CLIENT)
            http.send(h11.Request(method="GET", target=path, headers=[("host", "x")]))
            http.send(h11.EndOfMessage())
            return (await read_answer(stream, http)).body.decode()

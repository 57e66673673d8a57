"""kubectl port-forward and kubectl proxy, with an HTTP request through each."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import trio
from proxying_world import PATIENCE, World, read_answer, read_line


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


async def test_port_forward(world: World) -> None:
    async with web_server() as port:
        process = await world.start("port-forward", "pod/web", f":{port}")
        assert process.stdout is not None
        line = await read_line(process.stdout)
        assert line.startswith("Forwarding from 127.0.0.1:"), line
        local = int(line.split("127.0.0.1:")[1].split(" ")[0])
        for path in ("/one", "/two"):
            assert (await fetch(local, path)).startswith(f"GET {path}\n")
        process.terminate()
        await process.wait()
    asked = world.kubelet.seen[-1]
    assert asked.path == "/portForward/default/web"
    assert asked.headers["sec-websocket-protocol"] == "SPDY/3.1+portforward.k8s.io"
    await world.kubelet.until_closed()


def outer_address() -> str:
    """An address of this machine that is not loopback: a pod's. No packet is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.254", 9))
        return str(probe.getsockname()[0])

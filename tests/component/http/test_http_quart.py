"""Pages and WebSockets through Quart, and the whole application on a stock Hypercorn."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path

import orjson
import pytest
import trio
from http_support import PATIENCE, H1Client, H2Client, TestDispatcher, connect, running
from hypercorn.config import Config
from hypercorn.trio import serve as stock_serve
from quart import request, websocket
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)

from kapiserver.http import CONNECTION_KEY, REQUEST_KEY, KapiApp
from kapiserver.request import Frame


def routes(app: KapiApp) -> None:
    @app.get("/version")
    async def version() -> dict[str, str]:
        connection = request.scope["state"][CONNECTION_KEY]
        path = request.scope["state"][REQUEST_KEY].path
        return {"gitVersion": "v1", "client": connection.client[0], "path": path}

    @app.post("/upload")
    async def upload() -> str:
        return str(len(await request.get_data()))

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError("a fault of a page")

    @app.websocket("/api/v1/namespaces/<namespace>/pods/<name>/exec")
    async def execute(namespace: str, name: str) -> None:
        await websocket.accept(subprotocol="v5.channel.k8s.io")
        while True:
            message = str(await websocket.receive())
            await websocket.send(f"{namespace}/{name}: {message}")


async def test_pages_are_served_by_quart_over_both_protocols(certificates: Path) -> None:
    async with running(certificates, routes=routes) as server:
        expected = {"gitVersion": "v1", "client": "127.0.0.1", "path": "/version"}
        h1, h2 = await H1Client.open(server), await H2Client.open(server)
        for _ in range(2):
            assert orjson.loads((await h1.get("/version")).body) == expected
            assert orjson.loads(await h2.get("/version")) == expected
        assert (await h1.get("/version", "HEAD")).status == 200
        assert (await h1.get("/broken")).status == 500
        await h1.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n")
        await h1.send(b"x" * 70_000)
        assert (await h1.answer()).body == b"70000"
        stream = await h2.request("/upload", "POST", end=False)
        for _ in range(5):
            await h2.send_data(stream, b"x" * 10_000)
        await h2.send_data(stream, b"", end=True)
        assert await h2.answer(stream) == b"50000"
        assert await h2.get("/fast") == b"xxxxx"
        assert server.dispatcher.seen == []


async def test_what_quart_has_no_route_for_goes_to_the_dispatcher(certificates: Path) -> None:
    dispatcher = TestDispatcher()
    dispatcher.routes["/version"] = dispatcher.on_echo
    async with running(certificates, dispatcher, routes=routes) as server:
        h1 = await H1Client.open(server, certificate="client")
        await h1.send(b"PUT /version HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        assert (await h1.answer()).body == b"hi"
        assert dispatcher.seen[0].connection.peer_certificate is not None


async def test_a_route_cannot_take_requests_from_the_api(certificates: Path) -> None:
    def bad(app: KapiApp) -> None:
        @app.get("/api/v1/mine")
        async def mine() -> str:
            return ""

    with pytest.RaisesGroup(
        pytest.RaisesExc(Exception), allow_unwrapped=True, flatten_subgroups=True
    ):
        async with running(certificates, routes=bad):
            pass


class WebSocketClient:
    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.protocol = WSConnection(ConnectionType.CLIENT)

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.protocol.send(event))

    async def next(self) -> Event:
        while True:
            for event in self.protocol.events():
                return event
            with trio.fail_after(PATIENCE):
                data = await self.stream.receive_some(65536)
            self.protocol.receive_data(bytes(data) or None)


async def test_websockets_reach_quart(certificates: Path) -> None:
    async with running(certificates, routes=routes) as server:
        client = WebSocketClient(await connect(server, ["http/1.1"]))
        target = "/api/v1/namespaces/default/pods/web/exec?command=sh"
        await client.send(Request(host="a", target=target, subprotocols=["v5.channel.k8s.io"]))
        accepted = await client.next()
        assert isinstance(accepted, AcceptConnection)
        assert accepted.subprotocol == "v5.channel.k8s.io"
        for text in ("one", "two" * 50_000):
            await client.send(TextMessage(data=text))
            got = ""
            while len(got) < len(text) + len("default/web: "):
                event = await client.next()
                assert isinstance(event, TextMessage)
                got += event.data
            assert got == f"default/web: {text}"
        await client.send(Ping())
        assert isinstance(await client.next(), Pong)
        await client.send(CloseConnection(code=1000))
        assert isinstance(await client.next(), CloseConnection)


async def test_a_websocket_nobody_serves_is_refused(certificates: Path) -> None:
    async with running(certificates, routes=routes) as server:
        client = await H1Client.open(server)
        await client.send(
            b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bKdPyn3u98cTfZJSh4TNeQ==\r\n\r\n"
        )
        assert (await client.head()).status in (400, 404)


async def test_the_application_works_on_a_stock_hypercorn(certificates: Path) -> None:
    dispatcher = TestDispatcher()
    app = KapiApp(dispatcher)
    routes(app)
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.certfile = str(certificates / "server.crt")
    config.keyfile = str(certificates / "server.key")
    config.graceful_timeout = 0.1
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(partial(stock_serve, app, config))
        port = int(binds[0].rsplit(":", 1)[1])
        context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        context.set_alpn_protocols(["h2"])
        stream = trio.SSLStream(
            await trio.open_tcp_stream("127.0.0.1", port), context, server_hostname="localhost"
        )
        await stream.do_handshake()
        client = H2Client(stream)
        client.h2.initiate_connection()
        await client.flush()
        assert b"gitVersion" not in await client.get("/early")
        sid = await client.request("/echo?x=1", "POST", end=False)
        await client.send_data(sid, b"hello", end=True)
        assert await client.answer(sid) == b"hello"
        assert dispatcher.seen[-1].query == b"x=1"
        assert len(await client.get("/big?200x1000")) == 200_000
        watch = await client.request("/watch")
        with trio.fail_after(PATIENCE):
            await dispatcher.watching.wait()
        for text in (b"one", b"two"):
            assert dispatcher.publish(Frame(text)) == 1
        await client.until(lambda: client.data.get(watch) == b"onetwo")
        client.h2.reset_stream(watch)
        await client.flush()
        await dispatcher.until(lambda: not dispatcher.watchers)
        nursery.cancel_scope.cancel()

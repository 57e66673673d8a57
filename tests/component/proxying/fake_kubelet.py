"""A kubelet that runs commands for real: TLS, streamed logs, exec and attach over WebSocket v5.

SPDY is in `fake_spdy`. Everything it was asked is in `seen`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import trio
from fake_spdy import PortForward, SpdyCommand
from wsproto.connection import Connection as WebSocketProtocol
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, TextMessage

Stream = trio.abc.Stream
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
SUCCESS = {"metadata": {}, "status": "Success"}
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Asked:
    """One request as the kubelet saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    early: bytes
    """What came behind the head of an upgrade, before it was answered."""


class WebSocket:
    """The server's end, after the handshake."""

    def __init__(self, stream: Stream, early: bytes) -> None:
        self.stream = stream
        self._sending = trio.Lock()  # output and errors come from two tasks
        self._protocol = WebSocketProtocol(ConnectionType.SERVER)
        if early:
            self._protocol.receive_data(early)
        self._parts: list[bytes] = []

    async def send(self, data: bytes) -> None:
        async with self._sending:
            await self.stream.send_all(self._protocol.send(BytesMessage(data)))

    async def close(self) -> None:
        await self.stream.send_all(self._protocol.send(CloseConnection(1000)))

    async def messages(self) -> AsyncIterator[bytes]:
        while True:
            for event in self._protocol.events():
                if isinstance(event, CloseConnection):
                    return
                if isinstance(event, Message):
                    data = event.data.encode() if isinstance(event, TextMessage) else event.data
                    self._parts.append(bytes(data))
                    if event.message_finished:
                        yield b"".join(self._parts)
                        self._parts = []
            data = await self.stream.receive_some(65536)
            if not data:
                return
            self._protocol.receive_data(bytes(data))


@dataclass
class FakeKubelet:
    """Listens on 127.0.0.1; `folder` is where commands run."""

    folder: Path
    port: int = 0
    lines: list[str] = field(default_factory=lambda: ["one", "two"])
    seen: list[Asked] = field(default_factory=list)
    refuse: tuple[int, bytes] | None = None
    pulse: trio.Event = field(default_factory=trio.Event)
    open: int = 0
    heard: dict[int, bytes] = field(default_factory=dict)
    """What came on channels that are not input, such as resizes."""

    def note(self) -> None:
        self.pulse.set()
        self.pulse = trio.Event()

    def say(self, line: str) -> None:
        """The container writes a line to its log."""
        self.lines.append(line)
        self.note()

    async def until(self, count: int) -> Asked:
        """The request with this number has arrived."""
        with trio.fail_after(20):
            while len(self.seen) < count:
                await self.pulse.wait()
        return self.seen[count - 1]

    async def until_closed(self) -> None:
        with trio.fail_after(20):
            while self.open:
                await self.pulse.wait()

    async def serve(self, stream: Stream) -> None:
        self.open += 1
        try:
            await self._serve(stream)
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            self.note()
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: Stream) -> None:
        http = h11.Connection(h11.SERVER)
        request: h11.Request | None = None
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(bytes(await stream.receive_some(65536)))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return
        assert request is not None
        url = urlsplit(request.target.decode())
        headers: dict[str, str] = {}
        for name, value in request.headers:
            before = headers.get(name.decode())
            headers[name.decode()] = (
                value.decode() if before is None else f"{before},{value.decode()}"
            )
        asked = Asked(
            request.method.decode(),
            unquote(url.path),
            parse_qs(url.query),
            headers,
            http.trailing_data[0],
        )
        self.seen.append(asked)
        self.note()
        if self.refuse is not None:
            await self._plain(stream, http, *self.refuse)
            return
        action = asked.path.split("/")[1]
        if action == "containerLogs":
            await self._logs(stream, http, asked)
        elif action in ("exec", "attach", "portForward"):
            await self._upgraded(stream, asked, action)
        else:
            await self._plain(stream, http, 200, f"{asked.method} {asked.path}".encode())

    async def _plain(self, stream: Stream, http: h11.Connection, status: int, body: bytes) -> None:
        headers = [("content-length", str(len(body))), ("content-type", "text/plain")]
        await stream.send_all(http.send(h11.Response(status_code=status, headers=headers)) or b"")
        await stream.send_all(http.send(h11.Data(data=body)) or b"")
        await stream.send_all(http.send(h11.EndOfMessage()) or b"")

    async def _logs(self, stream: Stream, http: h11.Connection, asked: Asked) -> None:
        head = h11.Response(status_code=200, headers=[("transfer-encoding", "chunked")])
        await stream.send_all(http.send(head) or b"")
        told = 0
        if "tailLines" in asked.query:
            told = max(0, len(self.lines) - int(asked.query["tailLines"][0]))
        while True:
            pulse = self.pulse
            for line in self.lines[told:]:
                await stream.send_all(http.send(h11.Data(data=line.encode() + b"\n")) or b"")
            told = len(self.lines)
            if "follow" not in asked.query or self.lines[-1] == "END":
                break
            async with trio.open_nursery() as nursery:

                async def gone(scope: trio.CancelScope = nursery.cancel_scope) -> None:
                    if not await stream.receive_some(1):
                        raise trio.BrokenResourceError

                nursery.start_soon(gone)
                await pulse.wait()
                nursery.cancel_scope.cancel()
        await stream.send_all(http.send(h11.EndOfMessage()) or b"")

    async def _spdy(self, stream: Stream, asked: Asked, action: str) -> None:
        versions = asked.headers["x-stream-protocol-version"].split(",")
        version = next(
            v for v in map(str.strip, versions) if v in ("v4.channel.k8s.io", "portforward.k8s.io")
        )
        await stream.send_all(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
            f"X-Stream-Protocol-Version: {version}\r\n\r\n".encode()
        )
        if action == "portForward":
            await PortForward(stream.send_all).serve(incoming(stream, asked.early))
            return
        command = SpdyCommand(stream, asked.early)
        wanted = ("input", "output", "tty" if "tty" in asked.query else "error")
        await command.ready(1 + sum(name in asked.query for name in wanted))
        await self._serve_command(command, asked, action)

    async def _serve_command(
        self, socket: WebSocket | SpdyCommand, asked: Asked, action: str
    ) -> None:
        if action == "exec":
            await self._execute(socket, asked)
        else:
            await self._attach(socket)

    async def _upgraded(self, stream: Stream, asked: Asked, action: str) -> None:
        if asked.headers["upgrade"].lower() == "spdy/3.1":
            await self._spdy(stream, asked, action)
            return
        key = asked.headers.get("sec-websocket-key", "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        protocol = asked.headers.get("sec-websocket-protocol", "").split(",")[0].strip()
        await stream.send_all(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
        )
        socket = WebSocket(stream, asked.early)
        if action == "portForward":
            await PortForward(socket.send).serve(socket.messages())
            await socket.close()
        else:
            await self._serve_command(socket, asked, action)

    async def _execute(self, socket: WebSocket | SpdyCommand, asked: Asked) -> None:
        wants_input = "input" in asked.query
        process = await trio.lowlevel.open_process(
            asked.query["command"],
            cwd=self.folder,
            stdin=subprocess.PIPE if wants_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

        left = trio.Event()

        async def copy(source: trio.abc.ReceiveStream, channel: int) -> None:
            while data := await source.receive_some(32768):
                await socket.send(bytes([channel]) + data)

        async def feed() -> None:
            async for message in socket.messages():
                if message[0] == STDIN and process.stdin is not None:
                    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                        await process.stdin.send_all(message[1:])
                elif message[0] == CLOSE and process.stdin is not None:
                    await process.stdin.aclose()
                else:
                    self.heard[message[0]] = self.heard.get(message[0], b"") + message[1:]
            process.kill()  # the client is gone
            left.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed)
            async with trio.open_nursery() as output:
                assert process.stdout is not None
                assert process.stderr is not None
                output.start_soon(copy, process.stdout, STDOUT)
                output.start_soon(copy, process.stderr, STDOUT if "tty" in asked.query else STDERR)
            code = await process.wait()
            await socket.send(bytes([ERROR]) + json.dumps(exit_status(code)).encode())
            await socket.close()
            with trio.move_on_after(1):
                await left.wait()
            nursery.cancel_scope.cancel()

    async def _attach(self, socket: WebSocket | SpdyCommand) -> None:
        """The container says hello and repeats what it hears, until it hears the end."""
        await socket.send(bytes([STDOUT]) + b"hello from the container\n")
        async for message in socket.messages():
            if message[0] == STDIN:
                await socket.send(bytes([STDOUT]) + b"heard " + message[1:])
            elif message[0] == CLOSE:
                break
        await socket.send(bytes([ERROR]) + json.dumps(SUCCESS).encode())
        await socket.close()


async def incoming(stream: Stream, early: bytes) -> AsyncIterator[bytes]:
    if early:
        yield early
    while data := await stream.receive_some(65536):
        yield bytes(data)


def exit_status(code: int) -> dict[str, Any]:
    if code == 0:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


@asynccontextmanager
async def fake_kubelet(
    folder: Path, certificate: Path, key: Path, client_ca: Path | None = None
) -> AsyncIterator[FakeKubelet]:
    kubelet = FakeKubelet(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        kubelet.port = listeners[0].socket.getsockname()[1]
        secured = [trio.SSLListener(one, context, https_compatible=True) for one in listeners]
        nursery.start_soon(trio.serve_listeners, kubelet.serve, secured)
        yield kubelet
        nursery.cancel_scope.cancel()

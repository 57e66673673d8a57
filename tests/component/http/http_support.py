"""Certificates, a small dispatcher, a running server and raw clients for the front end's tests."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kapiserver.errors import ApiError
from kapiserver.http import FrontEndConfig, KapiApp, serve
from kapiserver.request import Frame, Request, Response, ResponseStream, json_headers

PATIENCE = 10.0
"""No test waits longer than this for the server."""

Headers = list[tuple[bytes, bytes]]


def make_certificates(folder: Path) -> None:
    """A server certificate, a client certificate, and one of an authority nobody knows."""
    for name, authority in (("server", "ca"), ("client", "ca"), ("stranger", "other-ca")):
        key = ec.generate_private_key(ec.SECP256R1())
        write_certificate(folder, name, authority, key)


def write_certificate(
    folder: Path, name: str, authority: str, key: ec.EllipticCurvePrivateKey
) -> None:
    authority_key_file = folder / f"{authority}.key"
    if authority_key_file.exists():
        loaded = serialization.load_pem_private_key(authority_key_file.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        authority_key = loaded
    else:
        authority_key = ec.generate_private_key(ec.SECP256R1())
        authority_key_file.write_bytes(_pem(authority_key))
        self_signed = _certificate(authority, authority, authority_key, authority_key, ca=True)
        (folder / f"{authority}.crt").write_bytes(self_signed)
    (folder / f"{name}.crt").write_bytes(_certificate(name, authority, key, authority_key))
    (folder / f"{name}.key").write_bytes(_pem(key))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    ca: bool = False,
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class TestDispatcher:
    """Answers by path. `routes` are async; `/fast...` is answered without a task."""

    __test__ = False
    routes: dict[str, Callable[[Request], Any]] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    watchers: list[ResponseStream] = field(default_factory=list)
    watching: trio.Event = field(default_factory=trio.Event)
    wanted_watchers: int = 1
    release: trio.Event = field(default_factory=trio.Event)

    pulse: trio.Event = field(default_factory=trio.Event)

    def note(self) -> None:
        """Something that a test may be waiting for has happened."""
        self.pulse.set()
        self.pulse = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE):
            while not condition():
                await self.pulse.wait()

    def fast(self, request: Request) -> Response | None:
        if request.path == "/fast":
            size = int(request.query or b"5")
            return Response(headers=json_headers(), body=b"x" * size)
        if request.path == "/fast-boom":
            raise RuntimeError("a fault of ours")
        return None

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        self.note()
        route = self.routes.get(request.path)
        if route is not None:
            result: Response = await route(request)
            return result
        method = getattr(self, "on_" + request.path.strip("/").replace("-", "_"))
        answer: Response = await method(request)
        return answer

    async def on_echo(self, request: Request) -> Response:
        try:
            body = await request.body(3 * 1024 * 1024)
        except ApiError as error:
            return Response(status=error.code, headers=json_headers(), body=b"{}")
        return Response(headers=json_headers(), body=body)

    async def on_early(self, request: Request) -> Response:
        """Answers without looking at the body."""
        return Response(status=403, headers=json_headers(), body=b"no")

    async def on_never(self, request: Request) -> Response:
        await self.release.wait()
        return Response(body=b"late")

    async def on_boom(self, request: Request) -> Response:
        raise RuntimeError("a fault of ours")

    async def on_unauthorized(self, request: Request) -> Response:
        return Response(status=401, headers=json_headers(), body=b"{}")

    async def on_login(self, request: Request) -> Response:
        request.connection.memo["authenticated"] = True
        return Response(body=b"ok")

    async def on_big(self, request: Request) -> Response:
        count, size = (int(n) for n in request.query.split(b"x"))
        chunks = [b"%08d" % i + b"y" * (size - 8) for i in range(count)]
        return Response(headers=json_headers(), body=chunks, compressible=True)

    async def on_watch(self, request: Request) -> Response:
        async def stream(out: ResponseStream) -> None:
            self.watchers.append(out)
            if len(self.watchers) >= self.wanted_watchers:
                self.watching.set()
            try:
                await out.closed()
            finally:
                self.watchers.remove(out)
                self.note()

        return Response(headers=json_headers(), stream=stream)

    async def on_flood(self, request: Request) -> Response:
        async def stream(out: ResponseStream) -> None:
            self.watchers.append(out)
            self.watching.set()
            try:
                while await out.send(b"z" * 65536):
                    pass
            finally:
                self.watchers.remove(out)
                self.note()

        return Response(headers=json_headers(), stream=stream)

    def publish(self, frame: Frame) -> int:
        """Push to every watcher; how many took it."""
        taken = sum(watcher.push(frame) for watcher in list(self.watchers))
        for watcher in list(self.watchers):
            watcher.flush()
        return taken


@dataclass
class Server:
    port: int
    dispatcher: TestDispatcher
    shutdown: trio.Event
    ended: trio.Event
    folder: Path
    nursery: trio.Nursery


@asynccontextmanager
async def running(
    folder: Path,
    dispatcher: TestDispatcher | None = None,
    routes: Callable[[KapiApp], None] | None = None,
    **config: Any,
) -> AsyncIterator[Server]:
    dispatcher = dispatcher or TestDispatcher()
    values: dict[str, Any] = {
        "cert_file": folder / "server.crt",
        "key_file": folder / "server.key",
        "port": 0,
        "grace_period": 1.0,
        "linger": 0.2,
        "check_interval": 0.1,
        **config,
    }
    shutdown, ended = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Any]) -> None:
            await serve(
                dispatcher,
                FrontEndConfig(**values),
                shutdown=shutdown,
                routes=routes,
                task_status=task_status,
            )
            ended.set()

        addresses = await nursery.start(run)
        yield Server(addresses[0][1], dispatcher, shutdown, ended, folder, nursery)
        shutdown.set()
        with trio.fail_after(PATIENCE):
            await ended.wait()
        nursery.cancel_scope.cancel()


def client_context(
    folder: Path, protocols: list[str], certificate: str | None = None
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.set_alpn_protocols(protocols)
    if certificate is not None:
        context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    return context


async def connect(
    server: Server,
    protocols: list[str],
    certificate: str | None = None,
    receive_buffer: int | None = None,
) -> trio.SSLStream[trio.SocketStream]:
    raw = trio.socket.socket()
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await raw.connect(("127.0.0.1", server.port))
    stream = trio.SSLStream(
        trio.SocketStream(raw),
        client_context(server.folder, protocols, certificate),
        server_hostname="localhost",
        https_compatible=True,
    )
    await stream.do_handshake()
    return stream


@dataclass
class H1Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class H1Client:
    """A blunt HTTP/1.1 client: sends what it is told, reads one answer at a time."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.buffer = b""

    @classmethod
    async def open(cls, server: Server, **options: Any) -> H1Client:
        return cls(await connect(server, ["http/1.1"], **options))

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def send_forever(self, data: bytes) -> None:
        while True:
            await self.send(data)

    async def more(self) -> bool:
        with trio.fail_after(PATIENCE):
            try:
                data = await self.stream.receive_some(65536)
            except trio.BrokenResourceError:
                data = b""
        self.buffer += data
        return bool(data)

    async def until(self, marker: bytes) -> bytes:
        while marker not in self.buffer:
            if not await self.more():
                raise EOFError(self.buffer)
        head, _, self.buffer = self.buffer.partition(marker)
        return head

    async def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not await self.more():
                raise EOFError(self.buffer)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    async def head(self) -> H1Answer:
        lines = (await self.until(b"\r\n\r\n")).split(b"\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            headers[name.lower()] = value
        return H1Answer(int(lines[0].split()[1]), headers, b"")

    async def chunk(self) -> bytes:
        size = int(await self.until(b"\r\n"), 16)
        data = await self.exactly(size)
        assert await self.exactly(2) == b"\r\n"
        return data

    async def answer(self, bodyless: bool = False) -> H1Answer:
        answer = await self.head()
        if bodyless or answer.status in (204, 304):
            return answer
        if answer.headers.get(b"transfer-encoding") == b"chunked":
            while data := await self.chunk():
                answer.body += data
        else:
            answer.body = await self.exactly(int(answer.headers[b"content-length"]))
        return answer

    async def get(self, path: str, method: str = "GET", headers: bytes = b"") -> H1Answer:
        await self.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n".encode() + headers + b"\r\n")
        return await self.answer(bodyless=method == "HEAD")

    async def closed(self) -> bool:
        """Did the server end the connection, with nothing more to say?"""
        while await self.more():
            pass
        return not self.buffer


class H2Client:
    """h2 as the client's brain; the tests see streams, and may send raw bytes too."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config=config)
        self.status: dict[int, int] = {}
        self.headers: dict[int, dict[bytes, bytes]] = {}
        self.data: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.reset: dict[int, int] = {}
        self.informed: dict[int, list[int]] = {}
        self.goaways: list[tuple[int, int]] = []
        self.settings: dict[int, int] = {}
        self.eof = False
        self._partial = b""
        self.reading = True  # False: DATA is not acknowledged, windows run dry

    @classmethod
    async def open(cls, server: Server, **options: Any) -> H2Client:
        client = cls(await connect(server, ["h2"], **options))
        client.h2.initiate_connection()
        await client.flush()
        return client

    async def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            await self.stream.send_all(data)

    async def request(
        self,
        path: str | bytes,
        method: str = "GET",
        *,
        headers: Headers | None = None,
        end: bool = True,
    ) -> int:
        stream = self.h2.get_next_available_stream_id()
        raw = path.encode() if isinstance(path, str) else path
        pseudo = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", raw),
        ]
        self.h2.send_headers(stream, pseudo + (headers or []), end_stream=end)
        await self.flush()
        return stream

    async def send_data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        while self.h2.local_flow_control_window(stream) < len(data):
            await self.step()
        self.h2.send_data(stream, data, end_stream=end)
        await self.flush()

    async def step(self) -> None:
        """Handle what the server sends next."""
        with trio.fail_after(PATIENCE):
            try:
                data = await self.stream.receive_some(65536)
            except trio.BrokenResourceError:
                data = b""
        if not data:
            self.eof = True
            return
        for event in self.h2.receive_data(self._without_goaways(bytes(data))):
            self._handle(event)
        try:
            await self.flush()
        except trio.BrokenResourceError:
            self.eof = True

    def _without_goaways(self, data: bytes) -> bytes:
        """The h2 library would take nothing more after a GOAWAY; streams may still be finished."""
        data = self._partial + data
        kept, at = b"", 0
        while len(data) - at >= 9:
            end = at + 9 + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            if data[at + 3] == 7:
                last = int.from_bytes(data[at + 9 : at + 13], "big")
                self.goaways.append((last, int.from_bytes(data[at + 13 : at + 17], "big")))
            else:
                kept += data[at:end]
            at = end
        self._partial = data[at:]
        return kept

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            fields = dict(event.headers)
            self.status[event.stream_id] = int(fields[b":status"])
            self.headers[event.stream_id] = fields
        elif isinstance(event, h2.events.InformationalResponseReceived):
            code = int(dict(event.headers)[b":status"])
            self.informed.setdefault(event.stream_id, []).append(code)
        elif isinstance(event, h2.events.DataReceived):
            sid = event.stream_id
            self.data[sid] = self.data.get(sid, b"") + event.data
            if self.reading:
                self.h2.acknowledge_received_data(event.flow_controlled_length, sid)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.reset[event.stream_id] = int(event.error_code)
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            for code, change in event.changed_settings.items():
                self.settings[int(code)] = change.new_value

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self.eof:
                raise EOFError(f"closed; goaways {self.goaways}, resets {self.reset}")
            await self.step()

    async def until_data(self, stream: int, size: int) -> None:
        await self.until(lambda: len(self.data.get(stream, b"")) >= size)

    async def answer(self, stream: int) -> bytes:
        await self.until(lambda: stream in self.ended or stream in self.reset)
        assert stream not in self.reset, f"reset with {self.reset[stream]}"
        return self.data.get(stream, b"")

    async def get(self, path: str, method: str = "GET", headers: Headers | None = None) -> bytes:
        return await self.answer(await self.request(path, method, headers=headers))


async def still_serves(server: Server) -> None:
    """A new client of either protocol gets a good answer."""
    h1 = await H1Client.open(server)
    assert (await h1.get("/fast")).body == b"xxxxx"
    h2_client = await H2Client.open(server)
    assert await h2_client.get("/fast") == b"xxxxx"
    await h1.stream.aclose()
    await h2_client.stream.aclose()

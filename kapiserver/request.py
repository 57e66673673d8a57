"""What the front end hands to the pipeline and gets back. No HTTP library shows through.

`Request` is immutable facts about one request plus a way to read its body. `Response` is either
complete (bytes, or ready chunks that are written with backpressure), or a `stream` function that
pushes frames until the client or the server ends it (watch), or an `upgrade` function that gets the
connection itself (exec).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who is asking (authentication.k8s.io UserInfo)."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


# Key of `Connection.memo`, set by authn: a client that proved who it is gets the full limits.
AUTHENTICATED_CONNECTION = "authenticated"


class Connection:
    """Facts of one client connection, shared by its requests.

    `peer_certificate` is the DER of the client certificate, unverified (authn verifies it: an
    untrusted certificate is a 401, not a failed handshake). `memo` is for stages that want to
    remember something for the life of the connection (authn keeps the identity here).
    """

    __slots__ = ("client", "memo", "peer_certificate", "server")

    def __init__(
        self,
        client: tuple[str, int] | None,
        server: tuple[str, int] | None,
        peer_certificate: bytes | None,
    ) -> None:
        self.client = client
        self.server = server
        self.peer_certificate = peer_certificate
        self.memo: dict[str, Any] = {}


class Request:
    """One request. Header names are lower case. `path` is percent-decoded, `query` is raw bytes."""

    __slots__ = (
        "_read_body",
        "_read_chunk",
        "body_size",
        "connection",
        "headers",
        "http_version",
        "method",
        "path",
        "query",
        "upgradable",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Headers,
        connection: Connection,
        http_version: str,
        read_body: Callable[[int], Awaitable[bytes]] | None,
        read_chunk: Callable[[], Awaitable[bytes]] | None = None,
        upgradable: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.connection = connection
        self.http_version = http_version
        self._read_body = read_body
        self._read_chunk = read_chunk
        self.body_size = 0
        """Of what `body` has read."""
        self.upgradable = upgradable
        """The client asked to switch protocols, and a Response may do so (HTTP/1.1 only)."""

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def body(self, limit: int) -> bytes:
        """The whole body; RequestEntityTooLarge beyond `limit` bytes, BadRequest when cut short."""
        if self._read_body is None:
            return b""
        body = await self._read_body(limit)
        self.body_size = len(body)
        return body

    @property
    def has_body(self) -> bool:
        return self._read_body is not None

    async def chunk(self, limit: int) -> bytes:
        """The next part of the body, b"" at its end. Instead of `body`, for what is passed on.

        Where the front end cannot give parts, the first one is all of it, up to `limit` bytes.
        """
        if self._read_chunk is not None:
            return await self._read_chunk()
        read, self._read_body = self._read_body, None
        return b"" if read is None else await read(limit)


class Frame:
    """Bytes that many streams send. Each protocol's framing of them is made once and shared."""

    __slots__ = ("chunked", "data", "messages")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.chunked: bytes | None = None  # HTTP/1.1 chunk, made by the first h1 stream
        self.messages: Frame | None = None  # WebSocket messages, made by the first WebSocket


class ResponseStream(Protocol):
    """The open body of a streamed answer. The head has been sent when a stream function runs."""

    def push(self, frame: Frame) -> bool:
        """Queue without waiting. False: closed, or the client is too slow (bounded): end it."""
        ...

    def flush(self) -> None:
        """Write what was pushed since the last flush (one TLS write for many frames)."""
        ...

    async def send(self, data: bytes) -> bool:
        """Send with backpressure; False when the client is gone. Raises nothing."""
        ...

    async def closed(self) -> None:
        """Returns when the client has gone away or the server is draining."""
        ...


StreamFunction = Callable[[ResponseStream], Awaitable[None]]


class StreamCut(Exception):
    """Raised by a stream function whose source broke off: the client must see that it is not all.

    No fault of ours: nothing is logged.
    """


class Duplex(ResponseStream, Protocol):
    """A client connection after the switch of protocols: bytes in, bytes out."""

    async def receive(self) -> bytes:
        """What has arrived; b"" when the client is gone. Not read: the client is held back."""
        ...


UpgradeFunction = Callable[[Duplex], Awaitable[None]]


@dataclass(slots=True)
class Response:
    """An answer. Exactly one of `body`, `stream` and `upgrade` is used.

    `body` may be a list of chunks: the front end joins or streams them with checkpoints. The front
    end adds content-length, date-free; gzip is applied by the front end when the client accepts
    it, `compressible` is set and the body is large (128 KiB, as kube-apiserver). `length` is what a
    stream will come to, where it is known. `upgrade` goes with status 101 and is only for requests
    that are `upgradable`; the connection ends with it. The client of a `patient` stream or upgrade
    may stop reading for as long as it likes (somebody is looking at a log page by page).
    """

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes | Sequence[bytes] = b""
    stream: StreamFunction | None = None
    compressible: bool = False
    length: int | None = None
    upgrade: UpgradeFunction | None = None
    patient: bool = False


class Dispatcher(Protocol):
    """What the front end calls for every request."""

    def fast(self, request: Request) -> Response | None:
        """Answer at once without awaiting anything, or None: then `handle` is run in a task.

        Called only for requests without a body.
        """
        ...

    async def handle(self, request: Request) -> Response:
        """Answer any request. Never raises ApiError: errors are answers here."""
        ...


def json_headers(extra: Iterable[tuple[bytes, bytes]] = ()) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), *extra]

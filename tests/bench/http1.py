"""HTTP/1.1 for the load generator: one request in flight, as little work as possible."""

from __future__ import annotations

import ssl
from collections import deque
from typing import Any

from tests.bench.connection import (
    Answer,
    Connection,
    ConnectionFailed,
    OnAnswer,
    Prepared,
    Server,
)

END_OF_HEAD = b"\r\n\r\n"
MAX_HEAD = 65_536


class Http1(Connection):
    """Content-Length and chunked bodies; anything else ends the connection."""

    def __init__(self, server: Server, context: ssl.SSLContext, on_answer: OnAnswer) -> None:
        super().__init__(server, context, on_answer)
        self._buffer = bytearray()
        self._tags: deque[Any] = deque()
        self._status = 0
        self._left: int | None = None
        """Bytes left of the body or of the chunk; None: a head or a chunk's head is next."""
        self._chunked = False
        self._size = 0
        self._body: list[bytes] = []

    def prepare(
        self, method: str, path: str, body: bytes = b"", *, accept: str = "", gzip: bool = False
    ) -> Prepared:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {self.server.host}:{self.server.port}",
            f"accept: {accept or 'application/json'}",
            "user-agent: bench",
        ]
        if gzip:
            lines.append("accept-encoding: gzip")
        if self.server.token:
            lines.append(f"authorization: Bearer {self.server.token}")
        if body:
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        return Prepared("\r\n".join(lines).encode() + END_OF_HEAD + body, b"")

    def send(self, request: Prepared, tag: Any = None) -> None:
        self._tags.append(tag)
        self.write(request.head)

    def received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer and self._step():
            pass

    def _step(self) -> bool:
        """One piece of progress; False when more bytes are needed."""
        if self._status == 0:
            return self._head()
        if self._left is None:
            return self._chunk_head()
        return self._take_body()

    def _head(self) -> bool:
        end = self._buffer.find(END_OF_HEAD)
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ConnectionFailed("an endless response head")
            return False
        head = bytes(self._buffer[:end]).lower()
        del self._buffer[: end + 4]
        self._status = int(head[9:12])
        self._size = 0
        self._body.clear()
        at = head.find(b"\r\ncontent-length:")
        self._chunked = at < 0
        if at >= 0:
            line_end = head.find(b"\r\n", at + 2)
            self._left = int(head[at + 17 : line_end if line_end > 0 else len(head)])
            if self._left == 0:
                self._done()
        elif b"\r\ntransfer-encoding: chunked" in head:
            self._left = None
        else:
            raise ConnectionFailed(f"no body length in {head!r}")
        return True

    def _chunk_head(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        if end == 0:  # what follows the chunk's data
            del self._buffer[:2]
            return True
        size = int(bytes(self._buffer[:end]).split(b";")[0], 16)
        if size == 0:
            if len(self._buffer) < end + 4:
                return False
            del self._buffer[: end + 4]
            self._done()
            return True
        del self._buffer[: end + 2]
        self._left = size
        return True

    def _take_body(self) -> bool:
        assert self._left is not None
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: len(piece)]
        self._left -= len(piece)
        self._size += len(piece)
        if self.stream is not None:
            self.stream(self, piece)
        elif self.keep_body or self._status >= 400:
            self._body.append(piece)
        if self._left == 0:
            self._left = None
            if not self._chunked:
                self._done()
        return True

    def _done(self) -> None:
        answer = Answer(self._tags.popleft(), self._status, self._size, b"".join(self._body))
        self._status = 0
        self._left = None
        self.on_answer(self, answer)

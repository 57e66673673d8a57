"""The MUSTs of RFC 9113, one raw client script each, in the manner of h2spec."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from h2.errors import ErrorCodes
from http_support import PATIENCE, Server, connect, running, still_serves

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONT = range(10)
GET_FAST = b"\x82\x87\x41\x01a\x04\x05/fast"
POST_ECHO = b"\x83\x87\x41\x01a\x04\x05/echo"
GET_NEVER = b"\x82\x87\x41\x01a\x04\x06/never"
GET_WATCH = b"\x82\x87\x41\x01a\x04\x06/watch"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def setting(code: int, value: int) -> bytes:
    return code.to_bytes(2, "big") + u32(value)


OPEN = frame(HEADERS, 0x5, 1, GET_FAST)
OPEN_POST = frame(HEADERS, 0x4, 1, POST_ECHO)
NEVER = frame(HEADERS, 0x5, 1, GET_NEVER)
NEVER_POST = frame(HEADERS, 0x4, 1, GET_NEVER)


class Raw:
    """Frames out, frames in; nothing is judged."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def receive(self) -> tuple[int, int, int, bytes] | None:
        while True:
            if len(self.buffer) >= 9:
                end = 9 + int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= end:
                    one, self.buffer = self.buffer[:end], self.buffer[end:]
                    return one[3], one[4], int.from_bytes(one[5:9], "big"), one[9:]
            with trio.fail_after(PATIENCE):
                try:
                    data = await self.stream.receive_some(65536)
                except trio.BrokenResourceError:
                    data = b""
            if not data:
                return None
            self.buffer += data

    async def until(self, kind: int, stream: int = 0) -> tuple[int, bytes]:
        while True:
            got = await self.receive()
            assert got is not None, "the connection was closed"
            assert got[0] != GOAWAY or kind == GOAWAY, f"unexpected GOAWAY {got[3]!r}"
            if got[0] == kind and got[2] == stream:
                return got[1], got[3]

    async def ping(self) -> None:
        """Everything sent before has been handled, and the connection is fine."""
        await self.send(frame(PING, 0, 0, b"12345678"))
        while True:
            flags, payload = await self.until(PING)
            if flags & 1 and payload == b"12345678":
                return


@asynccontextmanager
async def raw_client(server: Server, settings: bytes = b"") -> AsyncIterator[Raw]:
    client = Raw(await connect(server, ["h2"]))
    await client.send(PREFACE + frame(SETTINGS, 0, 0, settings))
    await client.until(SETTINGS)
    yield client
    await client.stream.transport_stream.aclose()


CONNECTION_FAULTS = {
    "5.1 DATA on an idle stream": (frame(DATA, 1, 1, b"x"), "PROTOCOL_ERROR"),
    "5.1 RST_STREAM on an idle stream": (frame(RST, 0, 1, u32(8)), "PROTOCOL_ERROR"),
    "5.1 WINDOW_UPDATE on an idle stream": (frame(WINDOW, 0, 1, u32(1)), "PROTOCOL_ERROR"),
    "5.1 CONTINUATION on an idle stream": (frame(CONT, 4, 1, GET_FAST), "PROTOCOL_ERROR"),
    "5.1 HEADERS on a closed stream": (OPEN + OPEN, "STREAM_CLOSED"),
    "5.1.1 even stream": (frame(HEADERS, 5, 2, GET_FAST), "PROTOCOL_ERROR"),
    "5.1.1 lower stream": (
        frame(HEADERS, 5, 5, GET_FAST) + frame(HEADERS, 5, 3, GET_FAST),
        "STREAM_CLOSED",
    ),
    "4.2 frame too large": (frame(DATA, 0, 1, b"x" * 16385), "FRAME_SIZE_ERROR"),
    "4.3 invalid header block": (frame(HEADERS, 5, 1, b"\xff\xff\xff\xff"), "COMPRESSION_ERROR"),
    "4.3 interrupted header block": (
        frame(HEADERS, 1, 1, GET_FAST) + frame(PRIORITY, 0, 3, b"\0" * 5),
        "PROTOCOL_ERROR",
    ),
    "4.3 another stream's block": (
        frame(HEADERS, 1, 1, GET_FAST) + frame(CONT, 4, 3, GET_FAST),
        "PROTOCOL_ERROR",
    ),
    "4.3 unknown frame in a block": (
        frame(HEADERS, 1, 1, GET_FAST) + frame(0x16, 0, 1, b""),
        "PROTOCOL_ERROR",
    ),
    "6.1 DATA on stream 0": (frame(DATA, 0, 0, b"x"), "PROTOCOL_ERROR"),
    "6.1 padding too long": (OPEN_POST + frame(DATA, 0x9, 1, b"\x06xxxxx"), "PROTOCOL_ERROR"),
    "6.2 HEADERS on stream 0": (frame(HEADERS, 5, 0, GET_FAST), "PROTOCOL_ERROR"),
    "6.2 padding too long": (frame(HEADERS, 0xD, 1, b"\xff" + GET_FAST), "PROTOCOL_ERROR"),
    "6.3 PRIORITY on stream 0": (frame(PRIORITY, 0, 0, b"\0" * 5), "PROTOCOL_ERROR"),
    "6.4 RST_STREAM on stream 0": (frame(RST, 0, 0, u32(8)), "PROTOCOL_ERROR"),
    "6.4 RST_STREAM of 3 bytes": (NEVER + frame(RST, 0, 1, b"\0\0\0"), "FRAME_SIZE_ERROR"),
    "6.5 SETTINGS on a stream": (frame(SETTINGS, 0, 1), "PROTOCOL_ERROR"),
    "6.5 SETTINGS ack with payload": (frame(SETTINGS, 1, 0, b"\0"), "FRAME_SIZE_ERROR"),
    "6.5 SETTINGS of 3 bytes": (frame(SETTINGS, 0, 0, b"\0\0\0"), "FRAME_SIZE_ERROR"),
    "6.5.2 ENABLE_PUSH 2": (frame(SETTINGS, 0, 0, setting(2, 2)), "PROTOCOL_ERROR"),
    "6.5.2 window too large": (frame(SETTINGS, 0, 0, setting(4, 2**31)), "FLOW_CONTROL_ERROR"),
    "6.5.2 frame size too small": (frame(SETTINGS, 0, 0, setting(5, 16383)), "PROTOCOL_ERROR"),
    "6.5.2 frame size too large": (frame(SETTINGS, 0, 0, setting(5, 2**24)), "PROTOCOL_ERROR"),
    "6.6 PUSH_PROMISE": (frame(PUSH, 4, 1, u32(2) + GET_FAST), "PROTOCOL_ERROR"),
    "6.7 PING on a stream": (frame(PING, 0, 1, b"\0" * 8), "PROTOCOL_ERROR"),
    "6.7 PING of 6 bytes": (frame(PING, 0, 0, b"\0" * 6), "FRAME_SIZE_ERROR"),
    "6.8 GOAWAY on a stream": (frame(GOAWAY, 0, 1, b"\0" * 8), "PROTOCOL_ERROR"),
    "6.9 WINDOW_UPDATE of 0": (frame(WINDOW, 0, 0, u32(0)), "PROTOCOL_ERROR"),
    "6.9 WINDOW_UPDATE of 3 bytes": (frame(WINDOW, 0, 0, b"\0\0\0"), "FRAME_SIZE_ERROR"),
    "6.9.1 window overflow": (frame(WINDOW, 0, 0, u32(2**31 - 1)), "FLOW_CONTROL_ERROR"),
    "6.9.2 window overflow by SETTINGS": (
        NEVER + frame(WINDOW, 0, 1, u32(2**31 - 65536)) + frame(SETTINGS, 0, 0, setting(4, 65536)),
        "FLOW_CONTROL_ERROR",
    ),
    "6.10 CONTINUATION after the end of a block": (
        NEVER + frame(CONT, 4, 1, GET_FAST),
        "PROTOCOL_ERROR",
    ),
    "hpack: index 0": (frame(HEADERS, 5, 1, b"\x80"), "COMPRESSION_ERROR"),
    "hpack: unknown index": (frame(HEADERS, 5, 1, b"\xc6"), "COMPRESSION_ERROR"),
    "hpack: late table size update": (
        frame(HEADERS, 5, 1, GET_FAST + b"\x20"),
        "COMPRESSION_ERROR",
    ),
    "hpack: table too large": (
        frame(HEADERS, 5, 1, b"\x3f\xe2\x1f" + GET_FAST),
        "COMPRESSION_ERROR",
    ),
    "hpack: padding of a Huffman string": (
        frame(HEADERS, 5, 1, GET_FAST + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
        "COMPRESSION_ERROR",
    ),
}


@pytest.mark.parametrize("case", CONNECTION_FAULTS)
async def test_connection_errors(certificates: Path, case: str) -> None:
    data, code = CONNECTION_FAULTS[case]
    async with running(certificates) as server:
        async with raw_client(server) as client:
            await client.send(data)
            _, payload = await client.until(GOAWAY)
            assert ErrorCodes(int.from_bytes(payload[4:8], "big")).name == code
            while await client.receive() is not None:
                pass
        await still_serves(server)


def literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


def request(*extra: bytes, head: bytes = GET_FAST, flags: int = 0x5) -> bytes:
    return frame(HEADERS, flags, 1, head + b"".join(extra))


STREAM_FAULTS = {
    "5.1 HEADERS after END_STREAM": (NEVER + NEVER, "STREAM_CLOSED"),
    "5.1 DATA after END_STREAM": (NEVER + frame(DATA, 1, 1, b"x"), "STREAM_CLOSED"),
    "5.1 DATA on a closed stream": (OPEN + frame(DATA, 1, 1, b"x"), "STREAM_CLOSED"),
    "5.3.1 HEADERS that depends on itself": (
        frame(HEADERS, 0x25, 1, u32(1) + b"\x10" + GET_FAST),
        "PROTOCOL_ERROR",
    ),
    "5.3.1 PRIORITY that depends on itself": (
        NEVER + frame(PRIORITY, 0, 1, u32(1) + b"\x10"),
        "PROTOCOL_ERROR",
    ),
    "6.3 PRIORITY of 4 bytes": (NEVER + frame(PRIORITY, 0, 1, b"\0" * 4), "FRAME_SIZE_ERROR"),
    "6.9 WINDOW_UPDATE of 0": (NEVER + frame(WINDOW, 0, 1, u32(0)), "PROTOCOL_ERROR"),
    "6.9.1 stream window overflow": (
        NEVER + frame(WINDOW, 0, 1, u32(2**31 - 1)),
        "FLOW_CONTROL_ERROR",
    ),
    "8.1 trailers that end nothing": (
        NEVER_POST + frame(HEADERS, 4, 1, literal(b"x", b"y")),
        "PROTOCOL_ERROR",
    ),
    "8.1.1 body longer than content-length": (
        request(literal(b"content-length", b"1"), head=GET_NEVER, flags=4)
        + frame(DATA, 1, 1, b"xx"),
        "PROTOCOL_ERROR",
    ),
    "8.1.1 body shorter than content-length": (
        request(literal(b"content-length", b"2"), head=GET_NEVER, flags=4)
        + frame(DATA, 1, 1, b"x"),
        "PROTOCOL_ERROR",
    ),
    "8.1.1 content-length without body": (
        request(literal(b"content-length", b"2")),
        "PROTOCOL_ERROR",
    ),
    "8.1.1 content-length is no number": (
        request(literal(b"content-length", b"-2")),
        "PROTOCOL_ERROR",
    ),
    "8.2 upper case": (request(literal(b"X-Test", b"ok")), "PROTOCOL_ERROR"),
    "8.2.1 line break": (request(literal(b"x", b"a\r\nb: c")), "PROTOCOL_ERROR"),
    "8.2.1 space around a value": (request(literal(b"x", b" a")), "PROTOCOL_ERROR"),
    "8.2.1 empty name": (request(literal(b"", b"a")), "PROTOCOL_ERROR"),
    "8.2.2 connection": (request(literal(b"connection", b"keep-alive")), "PROTOCOL_ERROR"),
    "8.2.2 transfer-encoding": (
        request(literal(b"transfer-encoding", b"chunked")),
        "PROTOCOL_ERROR",
    ),
    "8.2.2 te": (request(literal(b"te", b"gzip")), "PROTOCOL_ERROR"),
    "8.3 pseudo-header after a header": (
        frame(HEADERS, 5, 1, b"\x82\x87" + literal(b"x", b"y") + b"\x04\x05/fast"),
        "PROTOCOL_ERROR",
    ),
    "8.3 unknown pseudo-header": (request(literal(b":test", b"x")), "PROTOCOL_ERROR"),
    "8.3 response pseudo-header": (request(b"\x88"), "PROTOCOL_ERROR"),
    "8.3.1 no method": (frame(HEADERS, 5, 1, b"\x87\x04\x05/fast"), "PROTOCOL_ERROR"),
    "8.3.1 no scheme": (frame(HEADERS, 5, 1, b"\x82\x04\x05/fast"), "PROTOCOL_ERROR"),
    "8.3.1 no path": (frame(HEADERS, 5, 1, b"\x82\x87"), "PROTOCOL_ERROR"),
    "8.3.1 empty path": (frame(HEADERS, 5, 1, b"\x82\x87\x04\x00"), "PROTOCOL_ERROR"),
    "8.3.1 two methods": (request(head=b"\x82" + GET_FAST), "PROTOCOL_ERROR"),
    "8.3.1 two paths": (request(head=GET_FAST + b"\x84"), "PROTOCOL_ERROR"),
}


@pytest.mark.parametrize("case", STREAM_FAULTS)
async def test_stream_errors_leave_the_connection_alone(certificates: Path, case: str) -> None:
    data, code = STREAM_FAULTS[case]
    async with running(certificates, grace_period=0.1) as server, raw_client(server) as client:
        await client.send(data)
        _, payload = await client.until(RST, 1)
        assert ErrorCodes(int.from_bytes(payload, "big")).name == code
        await client.ping()
        await client.send(frame(HEADERS, 5, 99, GET_FAST))
        flags, _ = await client.until(DATA, 99)
        assert flags & 1


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", PREFACE[:20] + b"XXXXX", b"\0" * 40])
async def test_a_bad_preface_ends_the_connection(certificates: Path, junk: bytes) -> None:
    async with running(certificates) as server:
        client = Raw(await connect(server, ["h2"]))
        await client.send(junk)
        await client.until(GOAWAY)
        while await client.receive() is not None:
            pass
        await still_serves(server)


async def test_the_first_frame_must_be_settings(certificates: Path) -> None:
    async with running(certificates) as server:
        for first in (OPEN, frame(PING, 0, 0, b"\0" * 8)):
            client = Raw(await connect(server, ["h2"]))
            await client.send(PREFACE + first)
            _, payload = await client.until(GOAWAY)
            assert payload[4:8] == u32(ErrorCodes.PROTOCOL_ERROR)


async def test_what_must_be_ignored_is_ignored(certificates: Path) -> None:
    async with running(certificates) as server, raw_client(server) as client:
        await client.send(
            frame(SETTINGS, 0, 0, setting(0xFFFF, 7))  # unknown setting
            + frame(0x16, 0xFF, 0, b"anything")  # unknown frame
            + frame(PRIORITY, 0, 7, b"\0\0\0\0\x10")  # idle stream
            + frame(PING, 0xFE & ~1, 0, b"undefinf")  # undefined flags
            + OPEN
            + frame(WINDOW, 0, 1, u32(5))  # closed stream
            + frame(RST, 0, 1, u32(8))  # closed stream
        )
        await client.ping()


async def test_padding_priority_and_split_blocks_are_understood(certificates: Path) -> None:
    async with running(certificates) as server, raw_client(server) as client:
        padded = b"\x03" + u32(0) + b"\x10" + POST_ECHO + b"\0\0\0"
        await client.send(frame(HEADERS, 0x2C, 1, padded))
        await client.send(frame(DATA, 0x9, 1, b"\x04hello\0\0\0\0"))
        assert (await client.until(DATA, 1))[1] == b"hello"
        for byte in range(len(GET_FAST)):
            kind, flags = (HEADERS, 0x1) if not byte else (CONT, 0)
            if byte == len(GET_FAST) - 1:
                flags = 0x4
            await client.send(frame(kind, flags, 3, GET_FAST[byte : byte + 1]))
        assert (await client.until(DATA, 3))[1] == b"xxxxx"


async def test_windows_bound_what_is_sent(certificates: Path) -> None:
    big = b"\x82\x87\x41\x01a\x04\x0a/fast?1000"
    async with running(certificates) as server, raw_client(server, setting(4, 1)) as client:
        await client.send(frame(HEADERS, 5, 1, big))
        assert await client.until(DATA, 1) == (0, b"x")
        await client.ping()
        await client.send(frame(WINDOW, 0, 1, u32(2)))
        assert await client.until(DATA, 1) == (0, b"xx")
        # A smaller initial window can make a stream's window negative (section 6.9.2).
        await client.send(frame(SETTINGS, 0, 0, setting(4, 0)) + frame(WINDOW, 0, 1, u32(1)))
        await client.ping()
        await client.send(frame(WINDOW, 0, 1, u32(3)))
        assert await client.until(DATA, 1) == (0, b"xxx")
        await client.send(frame(SETTINGS, 0, 0, setting(4, 1000)))
        flags, data = await client.until(DATA, 1)
        assert (flags, len(data)) == (1, 1000 - 6)


async def test_an_upload_beyond_the_window_is_reset(certificates: Path) -> None:
    async with (
        running(certificates, upload_window=70_000, grace_period=0.1) as server,
        raw_client(server) as client,
    ):
        await client.send(NEVER_POST + frame(DATA, 0, 1, b"x" * 16000) * 5)
        _, payload = await client.until(RST, 1)
        assert payload == u32(ErrorCodes.FLOW_CONTROL_ERROR)
        await client.ping()


async def test_an_upload_is_given_more_window_as_it_is_read(certificates: Path) -> None:
    async with (
        running(certificates, upload_window=70_000) as server,
        raw_client(server) as client,
    ):
        await client.send(OPEN_POST)
        left, sent = 70_000, 0
        while sent < 300_000:
            if left >= 10_000:
                await client.send(frame(DATA, 0, 1, b"x" * 10_000))
                left, sent = left - 10_000, sent + 10_000
            else:
                left += int.from_bytes((await client.until(WINDOW, 1))[1], "big")
        await client.send(frame(DATA, 1, 1))
        size = 0
        while size < sent:
            size += len((await client.until(DATA, 1))[1])
            await client.send(frame(WINDOW, 0, 0, u32(16384)) + frame(WINDOW, 0, 1, u32(16384)))
        assert size == sent


async def test_a_smaller_header_table_is_acknowledged_in_the_next_block(
    certificates: Path,
) -> None:
    async with running(certificates) as server, raw_client(server, setting(1, 0)) as client:
        await client.send(OPEN)
        assert (await client.until(HEADERS, 1))[1][:1] == b"\x20"


async def test_goaway_from_the_client_lets_its_streams_finish(certificates: Path) -> None:
    async with running(certificates) as server, raw_client(server) as client:
        await client.send(NEVER + frame(GOAWAY, 0, 0, u32(0) + u32(0)))
        await client.until(GOAWAY)
        server.dispatcher.release.set()
        assert (await client.until(DATA, 1))[1] == b"late"
        while await client.receive() is not None:
            pass

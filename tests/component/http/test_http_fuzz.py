"""Damaged byte streams: the server never crashes or hangs, and serves the next client."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from http_support import PATIENCE, Server, connect, running, still_serves
from test_http_h2_rules import (
    DATA,
    GET_FAST,
    GET_WATCH,
    HEADERS,
    NEVER,
    PING,
    POST_ECHO,
    PREFACE,
    RST,
    SETTINGS,
    WINDOW,
    frame,
    literal,
    setting,
    u32,
)

CASES = 150
BATCH = 15

H1_STREAM = (
    b"GET /fast?100 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world"
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n"
    b"HEAD /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"
    b"GET /early HTTP/1.1\r\nHost: a\r\n\r\n"
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bKdPyn3u98cTfZJSh4TNeQ==\r\n\r\n"
    b"\x81\x85abcd\x09\x07\x0f\x08\x0e"
)
H2_STREAM = (
    PREFACE
    + frame(SETTINGS, 0, 0, setting(4, 100) + setting(1, 0))
    + frame(WINDOW, 0, 0, u32(1000))
    + frame(HEADERS, 5, 1, GET_FAST + literal(b"accept-encoding", b"gzip"))
    + frame(HEADERS, 4, 3, POST_ECHO + literal(b"content-length", b"10"))
    + frame(DATA, 0, 3, b"hello")
    + frame(PING, 0, 0, b"12345678")
    + frame(HEADERS, 1, 5, GET_FAST[:4])
    + frame(9, 4, 5, GET_FAST[4:])
    + frame(DATA, 9, 3, b"\x02world\0\0")
    + frame(HEADERS, 0x25, 7, b"\0\0\0\0\x10" + GET_WATCH)
    + NEVER.replace(b"\0\0\0\1", b"\0\0\0\x09")
    + frame(RST, 0, 7, u32(8))
    + frame(2, 0, 9, b"\0\0\0\0\x10")
    + frame(WINDOW, 0, 9, u32(5))
)


def mutate(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(out))
        kind = rng.randrange(6)
        if kind == 0:
            out[at] = rng.randrange(256)
        elif kind == 1:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del out[at : at + rng.randint(1, 20)]
        elif kind == 3:
            out[at:at] = rng.randbytes(rng.randint(1, 20))
        elif kind == 4:
            start = rng.randrange(len(out))
            out[at:at] = out[start : start + rng.randint(1, 60)]
        else:
            del out[max(at, 30) :]
        if len(out) < 4:
            out += data
    return bytes(out)


def conversation(rng: random.Random, original: bytes) -> bytes:
    """Well-formed frames in an order that makes sense to nobody."""
    out = [original[: len(PREFACE)], frame(SETTINGS)]
    heads = (GET_FAST, POST_ECHO, GET_WATCH, GET_FAST + literal(b"content-length", b"5"))
    for _ in range(rng.randint(1, 60)):
        stream = rng.choice((0, 1, 1, 3, 3, 5, 7, 9, 2, 101))
        kind = rng.choice((0, 0, 1, 1, 1, 1, 2, 3, 3, 4, 6, 8, 8, 9))
        flags = rng.choice((0, 1, 4, 5, 5, 5, 8, 9, 0x25, 0x2D))
        payload = {
            0: rng.randbytes(rng.choice((0, 1, 5, 100, 16_384))),
            1: rng.choice(heads),
            2: u32(rng.choice((0, 1, 3))) + b"\x10",
            3: u32(rng.choice((0, 8))),
            4: setting(rng.choice((1, 4, 4, 5)), rng.choice((0, 1, 16_384, 2**31 - 1))),
            6: b"12345678",
            8: u32(rng.choice((1, 100, 65_535, 2**31 - 1))),
            9: rng.choice(heads),
        }[kind]
        out.append(frame(kind, flags if kind != 4 else 0, stream, payload))
    return b"".join(out)


def split(rng: random.Random, data: bytes) -> list[bytes]:
    count = rng.choice((0, 0, 1, 3, 10))
    cuts = sorted(rng.randrange(len(data)) for _ in range(count))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def attack(server: Server, protocol: str, parts: list[bytes], patient: bool) -> None:
    stream = await connect(server, [protocol])
    with suppress(trio.BrokenResourceError):
        for part in parts:
            await stream.send_all(part)
            await trio.lowlevel.checkpoint()
        if patient:  # the others leave in the middle
            with trio.move_on_after(0.05):
                while await stream.receive_some(65536):
                    pass
    await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("seed", range(CASES // BATCH))
@pytest.mark.parametrize(
    ("protocol", "invent"),
    [("http/1.1", mutate), ("h2", mutate), ("h2", conversation)],
    ids=["http/1.1", "h2", "h2 frames"],
)
async def test_damaged_streams(
    certificates: Path,
    protocol: str,
    invent: Callable[[random.Random, bytes], bytes],
    seed: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rng = random.Random(f"{protocol}{invent.__name__}{seed}")
    original = H1_STREAM if protocol == "http/1.1" else H2_STREAM
    async with running(certificates, grace_period=0.3, write_timeout=1.0) as server:
        server.dispatcher.release.set()
        with trio.fail_after(PATIENCE):
            for _ in range(2):
                async with trio.open_nursery() as nursery:
                    for _ in range(BATCH // 2 + 1):
                        parts = split(rng, invent(rng, original))
                        nursery.start_soon(attack, server, protocol, parts, rng.random() < 0.7)
                await still_serves(server)
    # A fault that had to be contained is a bug, even if the server survived it. (Paths that the
    # small dispatcher of these tests does not know are its own 500s.)
    for record in caplog.records:
        assert "client connection failed" not in record.getMessage(), caplog.text


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
async def test_the_undamaged_streams_are_served(certificates: Path, protocol: str) -> None:
    original = H1_STREAM if protocol == "http/1.1" else H2_STREAM
    async with running(certificates, grace_period=0.3) as server:
        server.dispatcher.release.set()
        stream = await connect(server, [protocol])
        with suppress(trio.BrokenResourceError):  # HTTP/1.1: after the refused WebSocket
            for byte in original:
                await stream.send_all(bytes((byte,)))
        await server.dispatcher.until(lambda: len(server.dispatcher.seen) >= 2)
        assert {r.path for r in server.dispatcher.seen} <= {"/echo", "/watch", "/never", "/early"}
        await trio.aclose_forcefully(stream)

"""The pure rooms of the front end: targets, compression, budgets, frame reading."""

from __future__ import annotations

import gzip as reference
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kapiserver.http import gzip
from kapiserver.http import h2frames as wire
from kapiserver.http.h2reader import FrameReader
from kapiserver.http.limits import PIECE, Budget
from kapiserver.http.target import parse_target
from kapiserver.http.transport import tune


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (b"/", ("/", b"")),
        (b"/api/v1/pods?limit=5&x=%20", ("/api/v1/pods", b"limit=5&x=%20")),
        (b"/a%2Fb%20c", ("/a/b c", b"")),
        (b"/%E2%82%AC", ("/€", b"")),
        (b"/a#frag", ("/a", b"")),
        (b"*", ("*", b"")),
        (b"https://host:6443/api?x", ("/api", b"x")),
        (b"HTTP://host", ("/", b"")),
        (b"//double", ("//double", b"")),
        (b"", None),
        (b"api", None),
        (b"/%", None),
        (b"/%2", None),
        (b"/%zz", None),
        (b"/%ff", None),
        (b"/\xff", None),
        (b"/a b", None),
        (b"ftp://host/", None),
    ],
)
def test_targets(raw: bytes, parsed: tuple[str, bytes] | None) -> None:
    assert parse_target(raw) == parsed


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (b"gzip", True),
        (b"deflate, GZIP;q=0.5", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"identity", False),
        (b"", False),
        (None, False),
    ],
)
def test_accept_encoding(value: bytes | None, accepted: bool) -> None:
    assert gzip.accepts_gzip(value) is accepted


@given(st.lists(st.integers(0, 3 * PIECE), max_size=12))
@settings(deadline=None, max_examples=30)
def test_pieces_keep_every_byte_and_stay_small(sizes: list[int]) -> None:
    chunks = [bytes((n % 251,)) * size for n, size in enumerate(sizes)]
    found = list(gzip.pieces(chunks))
    assert b"".join(found) == b"".join(chunks)
    assert all(len(piece) <= 2 * PIECE for piece in found)
    assert len(found) <= 2 * len(b"".join(chunks)) // PIECE + 2
    assert reference.decompress(b"".join(gzip.compressed(chunks))) == b"".join(chunks)


def test_dead_peers_are_noticed_by_the_kernel() -> None:
    with socket.socket() as sock:
        tune(sock, 20.0)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


def test_a_budget_allows_a_burst_and_then_a_rate() -> None:
    budget = Budget(10, 2.0)
    assert sum(budget.spend(100.0) for _ in range(50)) == 10
    budget = Budget(10, 2.0)
    assert all(budget.spend(second / 2) for second in range(100))


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_frames_do_not_depend_on_where_the_bytes_are_cut(data: st.DataObject) -> None:
    stream = (
        wire.PREFACE
        + wire.frame(wire.SETTINGS, 0, 0, b"")
        + wire.frame(wire.HEADERS, wire.END_STREAM, 1, b"one")
        + wire.frame(wire.CONTINUATION, 0, 1, b"two")
        + wire.frame(wire.CONTINUATION, wire.END_HEADERS, 1, b"three")
        + wire.frame(wire.DATA, wire.END_STREAM, 1, b"x" * 300)
        + wire.frame(wire.PING, 0, 0, b"12345678")
    )
    whole = list(FrameReader(1000).feed(stream))
    assert [frame[0] for frame in whole] == [wire.SETTINGS, wire.HEADERS, wire.DATA, wire.PING]
    assert whole[1][3] == b"onetwothree"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = FrameReader(1000), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += list(reader.feed(stream[start:end]))
    assert found == whole
    assert not reader.waiting


@pytest.mark.parametrize("end", [True, False])
def test_a_large_header_block_is_split_for_the_client(end: bool) -> None:
    block = bytes(range(256)) * 200
    data = wire.header_frames(3, block, end, 16384)
    frames = list(FrameReader(10**6).feed(wire.PREFACE + wire.settings({}) + data))
    assert frames[1][3] == block
    assert bool(frames[1][1] & wire.END_STREAM) is end

"""Frames and schemas: what gets through, and that nothing else does."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raftstore.errors import TransportError
from raftstore.transport.frames import FrameDecoder, encode_frame
from raftstore.transport.join import TokenBucket, pin_of, split_address
from raftstore.transport.schema import check_message
from raftstore.transport.tls import identity_of

SCHEMA = {
    "vote": {"term": (int,), "for": (str, type(None)), "entries": (tuple,), "ok": (bool,)},
}
GOOD: dict[str, Any] = {
    "type": "vote",
    "term": 3,
    "for": None,
    "entries": ((1, b"x"), (2, b"y")),
    "ok": True,
}
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), plain, max_size=4), max_size=4),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_any_cutting_of_the_stream_gives_the_same_messages(
    messages: list[dict[str, Any]], cuts: list[int]
) -> None:
    data = b"".join(map(encode_frame, messages))
    decoder = FrameDecoder(1 << 20)
    found = []
    turn = 0
    while data:
        size = cuts[turn % len(cuts)]
        turn += 1
        found += decoder.feed(data[:size])
        data = data[size:]
    assert found == messages


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgpack.packb([1, 2]),
        msgpack.packb({1: 2}),
        msgpack.packb({"a": msgpack.ExtType(4, b"")}),
        msgpack.packb({"a": 1}) + b"\x00",
        b"\xdb\xff\xff\xff\xff",
        b"\x91" * 5000,
        b"\x81\xa1a\xa1\xff",
    ],
)
def test_a_frame_that_is_not_one_plain_map_is_refused(body: bytes) -> None:
    with pytest.raises(TransportError):
        FrameDecoder(1 << 20).feed(frame(body))


@given(st.binary(max_size=200))
def test_no_bytes_from_a_peer_raise_anything_but_transport_error(data: bytes) -> None:
    for stream in (data, frame(data)):
        with contextlib.suppress(TransportError):
            FrameDecoder(1000).feed(stream)


def test_a_frame_over_the_limit_is_refused_before_it_is_buffered() -> None:
    decoder = FrameDecoder(100)
    with pytest.raises(TransportError, match="over the limit"):
        decoder.feed(struct.pack(">I", 101))


def test_a_good_message_passes() -> None:
    check_message(SCHEMA, GOOD)
    check_message(SCHEMA, {**GOOD, "for": "n1"})


@pytest.mark.parametrize(
    "change",
    [
        {"type": "other"},
        {"type": 4},
        {"type": ["vote"]},
        {"term": True},
        {"term": "3"},
        {"ok": 1},
        {"extra": 1},
        {"entries": (1.5,)},
        {"entries": (msgpack.Timestamp(1, 0),)},
        {"entries": ({},)},
        {"entries": (((((((1,),),),),),),)},
    ],
)
def test_a_message_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TransportError):
        check_message(SCHEMA, {**GOOD, **change})


def test_a_missing_field_is_named() -> None:
    message = {**GOOD, "other": 1}
    del message["term"]
    with pytest.raises(TransportError, match="term"):
        check_message(SCHEMA, message)


def subject(name: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    return ((("commonName", name),),)


def test_identity_needs_the_prefix_and_must_be_unambiguous() -> None:
    uri = {"subjectAltName": (("DNS", "raftstore:n1"), ("URI", "raftstore:n2"))}
    assert identity_of(uri) == "n2"
    assert identity_of({"subject": subject("raftstore:n3")}) == "n3"
    assert identity_of({"subject": subject("n3")}) is None
    assert identity_of({**uri, "subject": subject("raftstore:n2")}) == "n2"
    assert identity_of({**uri, "subject": subject("raftstore:n9")}) is None
    assert identity_of(None) is None


def test_token_bucket_allows_a_burst_then_the_rate() -> None:
    bucket = TokenBucket(2.0, 3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.5), bucket.take(0.5)] == [True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_addresses() -> None:
    assert split_address("10.0.0.1:7000") == ("10.0.0.1", 7000)
    assert split_address("[::1]:7000") == ("::1", 7000)
    for bad in ("host", "host:", ":7000", "host:0", "host:70000", "host:x"):
        with pytest.raises(ValueError, match="host:port"):
            split_address(bad)


def test_a_pin_needs_a_certificate() -> None:
    with pytest.raises(TransportError):
        pin_of("not a certificate")

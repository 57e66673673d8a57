"""SPDY frames survive any cutting, and what is too much or wrong is refused."""

from __future__ import annotations

import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.proxying import spdy
from kapiserver.proxying.spdy import Data, Event, Framer, GoAway, Opened, Ping, Reset, SpdyError


def test_the_dictionary_is_that_of_the_draft() -> None:
    assert (len(spdy.DICTIONARY), zlib.adler32(spdy.DICTIONARY)) == (1423, 0xE3C6A7C2)


def joined(events: list[Event]) -> list[Event]:
    """Parts of the same stream's data, following each other, as one."""
    found: list[Event] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, Data) and isinstance(last, Data) and last.stream == event.stream:
            found[-1] = Data(event.stream, last.data + event.data, event.fin)
        else:
            found.append(event)
    return found


@given(cuts=st.lists(st.integers(1, 40)), data=st.binary(max_size=200))
def test_frames_arrive_however_they_are_cut(cuts: list[int], data: bytes) -> None:
    sender, receiver = Framer(), Framer()
    wire = b"".join(
        [
            sender.open(1, {"streamtype": "error"}, fin=True),
            sender.open(3, {"Streamtype": "data", "port": "80"}),
            sender.reply(3, {}),
            sender.ping(7),
            sender.data(3, data + b"x"),
            sender.data(5, b"", fin=True),
            sender.reset(3),
            sender.go_away(),
        ]
    )
    events: list[Event] = []
    for cut in cuts:
        events += receiver.feed(wire[:cut])
        wire = wire[cut:]
    events += receiver.feed(wire)
    assert joined(events) == [
        Opened(1, {"streamtype": "error"}, True, False),
        Opened(3, {"streamtype": "data", "port": "80"}, False, False),
        Opened(3, {}, False, True),
        Ping(7),
        Data(3, data + b"x", False),
        Data(5, b"", True),
        Reset(3),
        GoAway(),
    ]


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else_happens(garbage: bytes) -> None:
    with suppress(SpdyError):
        list(Framer().feed(garbage))


def test_what_is_too_large_is_refused() -> None:
    large = Framer().open(1, {"a": "x" * 10_000_000})
    assert len(large) < spdy.CONTROL_BYTES
    with pytest.raises(SpdyError, match="too large"):
        list(Framer().feed(large))
    with pytest.raises(SpdyError, match="too large"):
        list(Framer().feed(b"\x80\x03\x00\x01\x00\xff\xff\xff"))
    with pytest.raises(SpdyError, match="version"):
        list(Framer().feed(b"\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"))

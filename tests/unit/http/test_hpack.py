"""Our decoder against the hpack library's encoder and decoder, on random conversations."""

from __future__ import annotations

import random

import pytest
from hpack import Decoder as LibraryDecoder
from hpack import Encoder as LibraryEncoder
from hpack.exceptions import HPACKDecodingError, HPACKError
from hypothesis import given, settings
from hypothesis import strategies as st

from kapiserver.http import hpack

LIMIT = 64 * 1024

names = st.sampled_from(
    [b":path", b":method", b"accept", b"authorization", b"user-agent", b"x-a", b"x-b", b"cookie"]
)
values = st.binary(max_size=60).map(
    lambda data: data.translate(None, b"\r\n\x00").strip(b" \t")
) | st.sampled_from([b"/", b"GET", b"", b"kubectl", b"v" * 700])
blocks = st.lists(st.tuples(names, values, st.booleans()), max_size=20)
table_sizes = st.none() | st.sampled_from([0, 50, 100, 500, 4096])


@given(st.lists(st.tuples(blocks, table_sizes, st.booleans()), max_size=12))
@settings(deadline=None, max_examples=150)
def test_what_any_encoder_says_is_understood(
    conversation: list[tuple[list[tuple[bytes, bytes, bool]], int | None, bool]],
) -> None:
    encoder, decoder = LibraryEncoder(), hpack.Decoder(LIMIT)
    for block, size, huffman in conversation:
        if size is not None:
            encoder.header_table_size = size
        data = encoder.encode(block, huffman=huffman)
        assert decoder.decode(data) == [(name, value) for name, value, _ in block]
        assert not decoder.malformed


@given(st.lists(st.tuples(names, values), max_size=20), st.integers(200, 599))
@settings(deadline=None)
def test_what_we_say_is_understood_by_the_library(
    headers: list[tuple[bytes, bytes]], status: int
) -> None:
    data = hpack.encode(status, headers)
    decoded = LibraryDecoder().decode(data, raw=True)
    assert decoded == [(b":status", b"%d" % status), *headers]


def test_both_decoders_agree_on_damaged_blocks() -> None:
    """Same verdict and same headers as the library, over a few thousand damaged blocks."""
    rng = random.Random(7)
    encoder = LibraryEncoder()
    block = encoder.encode([(b":path", b"/api/v1/pods"), (b"x-a", b"1"), (b"cookie", b"c" * 50)])
    for _ in range(4000):
        damaged = bytearray(block)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        data = bytes(damaged[: rng.randint(1, len(damaged))])
        try:
            expected = [tuple(pair) for pair in LibraryDecoder().decode(data, raw=True)]
        except (HPACKError, UnicodeDecodeError):
            expected = None
        try:
            found = hpack.Decoder(LIMIT).decode(data)
        except HPACKDecodingError:
            assert expected is None, data.hex()
        else:
            assert found == expected, data.hex()


def test_a_list_that_is_too_large_leaves_the_table_in_step() -> None:
    encoder, decoder = LibraryEncoder(), hpack.Decoder(100)
    with pytest.raises(hpack.HeaderListTooLarge):
        decoder.decode(encoder.encode([(b"x-a", b"1"), (b"x-b", b"2" * 200)]))
    assert decoder.decode(encoder.encode([(b"x-a", b"1")])) == [(b"x-a", b"1")]


def test_a_bomb_of_references_is_not_expanded() -> None:
    decoder = hpack.Decoder(LIMIT)
    decoder.decode(b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000)
    with pytest.raises(hpack.HeaderListTooLarge):
        decoder.decode(b"\xbe" * 16_000)
    assert len(decoder.decode(b"\xbe")) == 1


@pytest.mark.parametrize(
    "literal",
    [
        b"\x01A\x01v",
        b"\x00\x01v",
        b"\x01a\x02v\n",
        b"\x01a\x01 ",
        b"\x03a b\x01v",
        b"\x01a\x01\x00",
    ],
)
def test_what_is_not_http_is_marked_also_when_it_comes_from_the_table(literal: bytes) -> None:
    decoder = hpack.Decoder(LIMIT)
    decoder.decode(b"\x40" + literal)
    assert decoder.malformed
    decoder.decode(b"\x82")
    assert not decoder.malformed
    decoder.decode(b"\x82\xbe")
    assert decoder.malformed


@pytest.mark.parametrize("value", [b"a\nb", b"a\rb", b"a\0b"])
def test_line_breaks_are_never_encoded(value: bytes) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="line break"):
            hpack.encode(200, [(b"warning", value)])

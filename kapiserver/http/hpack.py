"""HPACK (RFC 7541) for a server: a decoder per connection, and a stateless encoder.

In: header blocks, from untrusted clients. Out: (name, value) pairs of bytes, in order. The decoder
keeps the dynamic table right for every block that is well-formed HPACK, also when what the block
says is not acceptable HTTP, so that one bad request does not spoil its connection; it marks such
blocks in `malformed`. The encoder never uses the dynamic table: what it makes depends on the pair
alone and is cached over all connections.

The library's own decoder is correct but costs more than all the rest of a small GET.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

Pair = tuple[bytes, bytes]

DEFAULT_TABLE_SIZE = 4096
ENTRY_OVERHEAD = 32  # RFC 7541 section 4.1
MAX_INTEGER_BYTES = 5
CACHED_LENGTH = 512  # longer strings are decoded each time rather than remembered

STATIC: tuple[Pair, ...] = (
    (b"", b""),
    *((bytes(name), bytes(value)) for name, value in HeaderTable.STATIC_TABLE),
)
FIRST_DYNAMIC = len(STATIC)

# RFC 9113 section 8.2.1: lower-case token names (or one pseudo-header colon); values without NUL,
# CR and LF, and without white space around them.
_good_name = re.compile(rb":?[a-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
_good_value = re.compile(rb"(?:[^\x00\r\n \t](?:[^\x00\r\n]*[^\x00\r\n \t])?)?").fullmatch


class HeaderListTooLarge(Exception):
    """The block is sound but decodes to more than the limit; the table is still in step."""


@lru_cache(4096)
def _huffman_cached(data: bytes) -> bytes:
    return bytes(decode_huffman(data))


def _huffman(data: bytes) -> bytes:
    return _huffman_cached(data) if len(data) <= CACHED_LENGTH else bytes(decode_huffman(data))


def _integer(data: bytes, at: int, mask: int) -> tuple[int, int]:
    """Section 5.1: an integer with a prefix; the value and the place behind it."""
    value = data[at] & mask
    at += 1
    if value < mask:
        return value, at
    shift = 0
    for _ in range(MAX_INTEGER_BYTES):
        byte = data[at]
        at += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise HPACKDecodingError("integer is too long")


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    coded = data[at] & 0x80
    length = data[at] & 0x7F
    if length == 0x7F:
        length, at = _integer(data, at, 0x7F)
    else:
        at += 1
    end = at + length
    if end > len(data):
        raise HPACKDecodingError("string is longer than its block")
    text = data[at:end]
    return (_huffman(text) if coded else text), end


class Decoder:
    """The decoding half of one connection."""

    __slots__ = ("_limit", "_max_list", "_size", "_suspect", "_table", "malformed")

    def __init__(self, max_list: int) -> None:
        self._table: deque[Pair] = deque()
        self._size = 0
        self._limit = DEFAULT_TABLE_SIZE
        self._max_list = max_list
        self._suspect = False  # the table holds a pair that is not acceptable HTTP
        self.malformed = False

    def decode(self, data: bytes) -> list[Pair]:
        """The pairs of one block; `malformed` tells whether they are acceptable HTTP.

        Raises HPACKDecodingError when the connection cannot go on, HeaderListTooLarge when only
        this block is refused.
        """
        self.malformed = False
        try:
            pairs, total = self._decode(data)
        except IndexError:
            raise HPACKDecodingError("block ends too early") from None
        if total > self._max_list:
            raise HeaderListTooLarge
        if self._suspect:
            self.malformed = self.malformed or not all(map(_acceptable, pairs))
        return pairs

    def _decode(self, data: bytes) -> tuple[list[Pair], int]:
        at, end, total = 0, len(data), 0
        pairs: list[Pair] = []
        while at < end:
            first = data[at]
            if first & 0x80:  # 6.1 indexed
                index = first & 0x7F
                if index == 0x7F:
                    index, at = _integer(data, at, 0x7F)
                else:
                    at += 1
                pair = STATIC[index] if 0 < index < FIRST_DYNAMIC else self._entry(index)
            elif first & 0x40:  # 6.2.1 literal, indexed from now on
                index, at = _integer(data, at, 0x3F)
                pair, at = self._literal(data, at, index)
                self._insert(pair)
            elif first & 0x20:  # 6.3 table size update
                if pairs:
                    raise HPACKDecodingError("table size update inside a block")
                size, at = _integer(data, at, 0x1F)
                if size > DEFAULT_TABLE_SIZE:
                    raise HPACKDecodingError("table size above what was agreed")
                self._limit = size
                self._evict()
                continue
            else:  # 6.2.2, 6.2.3 literal, not indexed
                index, at = _integer(data, at, 0x0F)
                pair, at = self._literal(data, at, index)
            total += len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
            # Indexed pairs cost one byte each: a block that is far too large is not kept (but is
            # decoded to its end, for the table's sake).
            if total <= self._max_list:
                pairs.append(pair)
        return pairs, total

    def _literal(self, data: bytes, at: int, index: int) -> tuple[Pair, int]:
        if index:
            name = STATIC[index][0] if index < FIRST_DYNAMIC else self._entry(index)[0]
        else:
            name, at = _string(data, at)
        value, at = _string(data, at)
        if not (_good_name(name) and _good_value(value)):
            self.malformed = True
        return (name, value), at

    def _entry(self, index: int) -> Pair:
        if index >= FIRST_DYNAMIC and index - FIRST_DYNAMIC < len(self._table):
            return self._table[index - FIRST_DYNAMIC]
        raise HPACKDecodingError(f"no table entry {index}")

    def _insert(self, pair: Pair) -> None:
        self._table.appendleft(pair)
        self._size += len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
        if self.malformed:
            self._suspect = True
        if self._size > self._limit:
            self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


def _acceptable(pair: Pair) -> bool:
    return bool(_good_name(pair[0]) and _good_value(pair[1]))


# First index of each static name: section 6.2.2 wants only the name.
_NAME_INDEX = {name: index for index, (name, _) in reversed(list(enumerate(STATIC))) if index}
_STATUS_INDEX = {
    int(value): index for index, (name, value) in enumerate(STATIC) if name == b":status"
}

FORGET_TABLE = b"\x20"
"""A table size update to 0: said once when the client shrinks a table that we never use."""


_breaks = re.compile(rb"[\r\n\x00]").search


def _encode_integer(value: int, mask: int, first: int) -> bytes:
    if value < mask:
        return bytes((first | value,))
    out = bytearray((first | mask,))
    value -= mask
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _encode_pair(name: bytes, value: bytes) -> bytes:
    """Literal without indexing, no Huffman coding: short to make and to read.

    Raises ValueError for a value that would be read as more than one header.
    """
    if _breaks(value):
        raise ValueError("line break in a header value")
    index = _NAME_INDEX.get(name)
    if index is not None:
        head = _encode_integer(index, 0x0F, 0x00)
    else:
        head = b"\x00" + _encode_integer(len(name), 0x7F, 0x00) + name
    return head + _encode_integer(len(value), 0x7F, 0x00) + value


_encode_cached = lru_cache(8192)(_encode_pair)


@lru_cache(1024)
def encode_status(status: int) -> bytes:
    index = _STATUS_INDEX.get(status)
    if index is not None:
        return _encode_integer(index, 0x7F, 0x80)
    return _encode_pair(b":status", b"%d" % status)


def encode(status: int, headers: list[Pair]) -> bytes:
    """The header block of an answer. Names must be lower case."""
    parts = [encode_status(status)]
    for name, value in headers:
        if len(value) <= CACHED_LENGTH:
            parts.append(_encode_cached(name, value))
        else:
            parts.append(_encode_pair(name, value))
    return b"".join(parts)

"""Compression of big answers.

In: the body's chunks and the client's Accept-Encoding. Out: gzip pieces, made lazily so that the
caller can send each one and give way between them: the loop is never held for longer than one
piece takes (about a millisecond). isal's level 1 is smaller and four times faster than zlib's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from isal import isal_zlib

from .limits import GZIP_MINIMUM, PIECE

LEVEL = 1
GZIP_WINDOW = 31  # 15 bits, plus 16 for the gzip container


@lru_cache(256)
def _accepted(value: bytes) -> bool:
    for item in value.lower().split(b","):
        coding, _, params = item.partition(b";")
        if coding.strip() in (b"gzip", b"*"):
            weight = params.strip().removeprefix(b"q=").strip()
            return weight.strip(b"0.") != b"" or weight == b""
    return False


def accepts_gzip(value: bytes | None) -> bool:
    return value is not None and len(value) < 256 and _accepted(value)


def worth_compressing(size: int) -> bool:
    return size >= GZIP_MINIMUM


def pieces(body: bytes | Sequence[bytes]) -> Iterator[bytes]:
    """The body in pieces of about PIECE bytes: small chunks are joined, big ones are cut."""
    chunks: Iterable[bytes] = (body,) if isinstance(body, bytes) else body
    batch: list[bytes] = []
    size = 0
    for chunk in chunks:
        if len(chunk) >= PIECE:
            if batch:
                yield b"".join(batch)
                batch, size = [], 0
            if len(chunk) <= 2 * PIECE:
                yield chunk
            else:
                cut = len(chunk) - len(chunk) % PIECE
                for start in range(0, cut, PIECE):
                    yield chunk[start : start + PIECE]
                if cut < len(chunk):  # with what follows: a document and its newline
                    batch, size = [chunk[cut:]], len(chunk) - cut
            continue
        batch.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch)


def compressed(body: bytes | Sequence[bytes]) -> Iterator[bytes]:
    """gzip of the body, one output piece per input piece (b"" while the compressor holds back)."""
    packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
    for piece in pieces(body):
        yield packer.compress(piece)
    yield packer.flush()

"""The head of an HTTP/2 request (RFC 9113 section 8), from its decoded header list.

In: pairs from the HPACK decoder. Out: a `Head`, a StreamFault when the RFC forbids the list, or the
error answer when the request is sound HTTP/2 but not one that we take. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from h2.errors import ErrorCodes

from kapiserver.errors import ApiError

from . import faults
from .h2frames import StreamFault
from .hpack import Pair
from .limits import FrontEndConfig
from .target import Target, parse_target


class Head(NamedTuple):
    """A request head that keeps the rules of section 8.3."""

    method: str
    target: Target | None
    """None when the path is not acceptable: answered 400, the stream itself is sound."""
    path_length: int
    headers: list[Pair]
    content_length: int | None
    expects_continue: bool


_CONNECTION_FIELDS = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_WATCHED = _CONNECTION_FIELDS | {b"te", b"content-length", b"expect", b"host"}
_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))


def malformed(why: str) -> StreamFault:
    return StreamFault(ErrorCodes.PROTOCOL_ERROR, why)


def read_head(pairs: list[Pair]) -> Head:
    """The request in a header list; StreamFault when section 8.2 or 8.3 forbids it."""
    pseudo: dict[bytes, bytes] = {}
    headers: list[Pair] = []
    host: bytes | None = None
    length: int | None = None
    expects = False
    for pair in pairs:
        name = pair[0]
        if name[0] == 0x3A:  # ":"
            if headers or name in pseudo or name not in _PSEUDO:
                raise malformed("pseudo-header out of place")
            pseudo[name] = pair[1]
            continue
        if name in _WATCHED:
            if name in _CONNECTION_FIELDS or (name == b"te" and pair[1] != b"trailers"):
                raise malformed("connection-specific header")
            if name == b"content-length":
                length = _content_length(pair[1], length)
            elif name == b"expect":
                expects = pair[1].lower() == b"100-continue"
            elif name == b"host":
                host = pair[1]
        headers.append(pair)
    method, path = pseudo.get(b":method"), pseudo.get(b":path")
    if method == b"CONNECT":
        return Head("CONNECT", None, 0, headers, None, False)
    if not method or not path or b":scheme" not in pseudo:
        raise malformed("pseudo-header missing")
    authority = pseudo.get(b":authority")
    if host is None and authority is not None:
        headers.append((b"host", authority))
    return Head(method.decode("latin-1"), parse_target(path), len(path), headers, length, expects)


def _content_length(value: bytes, before: int | None) -> int:
    if not value.isdigit() or len(value) > 18:
        raise malformed("content-length is not a number")
    length = int(value)
    if before is not None and before != length:
        raise malformed("two content-lengths")
    return length


def refusal(head: Head, config: FrontEndConfig) -> ApiError | None:
    """The error to answer with, if the request is not to be looked at any further."""
    if head.method == "CONNECT":
        return faults.MethodUnsupported("CONNECT is not supported")
    if head.path_length > config.max_url_bytes:
        return faults.UriTooLong("the request URI is too long")
    if head.target is None:
        return faults.NOT_ASCII
    if len(head.headers) > config.max_header_count:
        return faults.HeadersTooLarge("the request has too many headers")
    return None

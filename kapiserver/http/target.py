"""The request target: what the client wrote as path and query, and what it means.

In: raw bytes from an HTTP/1.1 request line or a `:path` header. Out: a decoded path and the raw
query, or None when the target is not acceptable (answered 400). Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

CACHED_LENGTH = 512
API_ROOTS = frozenset(("api", "apis"))

Target = tuple[str, bytes]

_bad_escape = re.compile(rb"%(?![0-9a-fA-F]{2})").search
_unprintable = re.compile(rb"[^\x21-\x7e]").search
_absolute = re.compile(rb"https?://[^/?#]*", re.IGNORECASE).match


def _parse(raw: bytes) -> Target | None:
    if _unprintable(raw):
        return None
    if raw[:1] != b"/":
        if raw == b"*":
            return "*", b""
        found = _absolute(raw)
        if found is None:
            return None
        raw = raw[found.end() :]
        if raw[:1] != b"/":
            raw = b"/" + raw
    path, _, query = raw.partition(b"#")[0].partition(b"?")
    if b"%" in path:
        if _bad_escape(path):
            return None
        path = unquote_to_bytes(path)
    try:
        return path.decode(), query
    except UnicodeDecodeError:
        return None


_parse_cached = lru_cache(4096)(_parse)


def parse_target(raw: bytes) -> Target | None:
    """(path, query) of an origin-form or absolute-form target; ("*", b"") of the asterisk form."""
    return _parse_cached(raw) if len(raw) <= CACHED_LENGTH else _parse(raw)


def is_api(path: str) -> bool:
    """Is it a path of the Kubernetes API, where nothing else may be served?"""
    return path[1:].partition("/")[0] in API_ROOTS

"""Query strings as clients of Kubernetes send them.

In: the raw bytes after `?`. Out: `Query`, name → values in order, decoded. What a value means is
decided by whoever reads it; nothing here fails: an undecodable escape stays as it came.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

Query = dict[str, list[str]]

EMPTY: Query = {}


def parse_query(raw: bytes) -> Query:
    if not raw:
        return EMPTY
    out: Query = {}
    text = raw.decode("latin-1")
    for name, value in parse_qsl(text, keep_blank_values=True):
        out.setdefault(name, []).append(value)
    return out


def first(query: Query, name: str) -> str:
    values = query.get(name)
    return values[0] if values else ""


def flag(query: Query, name: str) -> bool:
    """A boolean parameter: present and neither `false` nor `0` (so `?watch` alone is true)."""
    values = query.get(name)
    return values is not None and values[0].lower() not in ("false", "0")

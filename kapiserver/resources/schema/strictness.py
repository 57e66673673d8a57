"""What strict decoding finds in a JSON body: unknown and repeated fields, in the body's order.

In: a body that has some, and the node of its type. Out: upstream's sentences. Slow: the body is
read again, by a reader that keeps every key. Free-form data and types with a decoder of their own
are not looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapiserver.resources.schema.nodes import Form, Node
from kapiserver.resources.schema.repeats import Pairs, read_pairs

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet

MAX_FINDINGS = 100  # as upstream: a hostile body must not make a huge answer


def strict_findings(schemas: SchemaSet, node: Node, body: bytes) -> list[str]:
    found: dict[str, None] = {}
    try:
        _walk(schemas, node, read_pairs(body), "", found)
    except (ValueError, RecursionError):
        return []  # the fast reader took what this one does not: then nothing is known of repeats
    return list(found)


def _walk(schemas: SchemaSet, node: Node, value: Any, path: str, found: dict[str, None]) -> None:
    if len(found) >= MAX_FINDINGS:
        return
    node = schemas.resolve(node)
    if isinstance(value, Pairs) and node.form in (Form.STRUCT, Form.MAP):
        dot = f"{path}." if path else ""
        seen: set[str] = set()
        for key, below in value:
            if len(found) >= MAX_FINDINGS:
                return
            place = node.item if node.form is Form.MAP else node.fields.get(key)
            if place is None and not node.preserve:
                found[f'unknown field "{dot}{key}"'] = None
                continue
            if key in seen:
                found[f'duplicate field "{dot}{key}"'] = None
            seen.add(key)
            if place is not None:
                _walk(schemas, place, below, dot + key, found)
    elif node.form is Form.LIST and node.item is not None and type(value) is list:
        for index, below in enumerate(value):
            _walk(schemas, node.item, below, f"{path}[{index}]", found)

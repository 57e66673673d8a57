"""Required fields, as far as the schema knows them.

In: an object that passed the validator. Out: one cause per required field that is missing, with
its path. Upstream does not look at the schema for this: its rules per kind do; they report a
missing value in the same words, so a kind without rules of its own still gets the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapiserver.errors import Cause
from kapiserver.resources.schema.nodes import Form, Node

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet

MAX_CAUSES = 100
# Required in the schema because Go always writes them, not because a client must send them.
_WRITTEN_BY_SERVER = frozenset({"status"})
# Absent and zero are the same to Go for these, so nobody can have forgotten them. A list or map
# that must not be empty is a rule of its kind: Go clients send null for an empty one.
_NEVER_MISSING = frozenset(
    {
        Form.BOOL,
        Form.INT32,
        Form.INT64,
        Form.FLOAT,
        Form.TIME,
        Form.MICRO_TIME,
        Form.LIST,
        Form.MAP,
    }
)


def missing_fields(schemas: SchemaSet, node: Node, obj: Any) -> list[Cause]:
    out: list[Cause] = []
    _walk(schemas, node, obj, "", out)
    return out


def _walk(schemas: SchemaSet, node: Node, value: Any, path: str, out: list[Cause]) -> None:
    if len(out) >= MAX_CAUSES:
        return
    node = schemas.resolve(node)
    if node.form is Form.STRUCT and isinstance(value, dict):
        dot = f"{path}." if path else ""
        for name in node.required:
            field = node.fields.get(name)
            if field is None or value.get(name) not in (None, ""):
                continue
            target = schemas.resolve(field)
            if target.form is Form.STRUCT and target.required:
                # A struct that is not there is one of zero values to Go: its fields are missing.
                _walk(schemas, target, {}, dot + name, out)
            elif target.form not in _NEVER_MISSING:
                out.append(Cause("FieldValueRequired", "Required value", dot + name))
        for name, below in value.items():
            field = node.fields.get(name)
            if field is not None and not (not path and name in _WRITTEN_BY_SERVER):
                _walk(schemas, field, below, dot + name, out)
    elif node.item is not None and isinstance(value, list):
        for index, below in enumerate(value):
            _walk(schemas, node.item, below, f"{path}[{index}]", out)
    elif node.item is not None and isinstance(value, dict):
        for key, below in value.items():
            _walk(schemas, node.item, below, f"{path}[{key}]", out)

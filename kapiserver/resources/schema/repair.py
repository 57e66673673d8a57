"""The full walk, for objects that are not as they would be stored: change them, and say why.

In: a decoded object and its node. Out: the object as kube-apiserver's typed decoding leaves it
(unknown fields gone, nulls gone or zero, quantities and times in canonical form), plus the paths of
unknown fields and the first decode error, worded as its decoder words it (sigs.k8s.io/json).
The walk goes in the order of the document, because only the first error is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from kapiserver.resources.schema.embedded import way_to
from kapiserver.resources.schema.formats import (
    ZERO_TIMES,
    FormatProblem,
    canonical_base64,
    canonical_micro_time,
    canonical_time,
    is_written_whole,
    stored_quantity,
)
from kapiserver.resources.schema.nodes import JSON_SCHEMA_PROPS, Form, Node
from kapiserver.resources.schema.reading import Written

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet

MAX_UNKNOWN = 100  # reported paths, as upstream: a hostile body must not make a huge answer


def go_kind(value: Any) -> str:
    """What encoding/json calls a value of the wrong type."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object"


def number_text(value: float) -> str:
    """A number as its sender wrote it, or most likely did."""
    if isinstance(value, Written):
        return value.text
    text = repr(value)
    return text.replace("e+", "e")


class Refused(Exception):
    """What cannot be decoded, in upstream's words: the walk ends where it is found."""


class Repair:
    """One walk over one object. `unknown` are the findings. Raises Refused."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas
        self._quiet = 0  # inside of decoders that are never strict
        self._struct = ""  # the innermost struct, and the fields down to here: for messages
        self._fields: list[tuple[str, str]] = []
        self.unknown: list[str] = []

    def value(self, value: Any, node: Node, path: str) -> Any:
        """The value as it will be stored."""
        node = self._schemas.resolve(node)
        match node.form:
            case Form.STRUCT:
                return self._object(value, node, path)
            case Form.MAP:
                return self._map(value, node, path)
            case Form.LIST:
                return self._list(value, node, path)
            case Form.ANY:
                return value
            case Form.SCHEMA_OR_ARRAY | Form.SCHEMA_OR_BOOL | Form.SCHEMA_OR_STRINGS:
                return self._schema_or(value, node, path)
        try:
            return _SCALARS[node.form](self, value, node)
        except FormatProblem as problem:
            raise Refused(str(problem)) from problem

    # --- containers ----------------------------------------------------------------------

    def _object(self, value: Any, node: Node, path: str) -> Any:
        if not isinstance(value, dict):
            return self.mismatch(value, node.go_type)
        outer = self._struct
        dot = f"{path}." if path else ""
        for key in list(value):
            below = value[key]
            field = node.fields.get(key)
            if field is None:
                if not node.preserve:
                    del value[key]
                    if not self._quiet and len(self.unknown) < MAX_UNKNOWN:
                        self.unknown.append(dot + key)
                continue
            if below is None:
                del value[key]  # Go leaves the zero value, which is not written out
                continue
            struct = self._struct = node.go_type.rsplit(".", 1)[-1]
            self._fields.append((struct, key))
            made = self.value(below, field, dot + key)
            if made is None:  # a time that says that it is none
                del value[key]
            else:
                value[key] = made
            self._fields.pop()
        self._struct = outer
        return value

    def _map(self, value: Any, node: Node, path: str) -> Any:
        if not isinstance(value, dict):
            return self.mismatch(value, node.go_type)
        assert node.item is not None, "a map has a schema for its values"
        dot = f"{path}." if path else ""
        for key in list(value):
            below = value[key]
            value[key] = (
                self._zero(node.item)
                if below is None
                else self.value(below, node.item, f"{dot}{key}")
            )
        return value

    def _list(self, value: Any, node: Node, path: str) -> Any:
        if not isinstance(value, list):
            return self.mismatch(value, node.go_type)
        assert node.item is not None, "a list has a schema for its items"
        for index, below in enumerate(value):
            value[index] = (
                self._zero(node.item)
                if below is None
                else self.value(below, node.item, f"{path}[{index}]")
            )
        return value

    def _schema_or(self, value: Any, node: Node, path: str) -> Any:
        """The three unions of JSONSchemaProps: their own decoders never report unknown fields."""
        props = self._schemas.node(JSON_SCHEMA_PROPS)
        if isinstance(value, bool) and node.form is Form.SCHEMA_OR_BOOL:
            return value
        if isinstance(value, dict):
            items, one = [value], True
        elif isinstance(value, list) and node.form is not Form.SCHEMA_OR_BOOL:
            items, one = value, False
        elif node.form is Form.SCHEMA_OR_BOOL:
            raise Refused("boolean or JSON schema expected")
        else:
            return self.mismatch(value, "v1.JSONSchemaProps")
        outer_struct, outer_fields = self._struct, self._fields
        self._struct, self._fields = "", []
        self._quiet += 1
        for item in items:
            if one or node.form is Form.SCHEMA_OR_ARRAY:
                self.value(item, props, path)
            elif not isinstance(item, str):
                self.mismatch(item, "string")
        self._quiet -= 1
        self._struct, self._fields = outer_struct, outer_fields
        return value

    def _zero(self, node: Node) -> Any:
        """What a null in a list or map becomes: the zero value of Go's type."""
        node = self._schemas.resolve(node)
        return _ZEROS[node.form]() if node.form in _ZEROS else None

    # --- findings ------------------------------------------------------------------------

    def mismatch(self, value: Any, go_type: str, what: str = "") -> NoReturn:
        """The value has the wrong type. `what`: how to call it when its kind says too little."""
        where = "value"
        if self._fields:
            path = [name for struct, field in self._fields for name in way_to(struct, field)]
            where = f"struct field {self._struct}.{'.'.join(path)}"
        raise Refused(
            f"json: cannot unmarshal {what or go_kind(value)} into Go {where} of type {go_type}"
        )


# --- scalars: (walk, value, node) -> the value to store ----------------------------------------


def _string(walk: Repair, value: Any, node: Node) -> Any:
    return value if isinstance(value, str) else walk.mismatch(value, "string")


def _bool(walk: Repair, value: Any, node: Node) -> Any:
    return value if isinstance(value, bool) else walk.mismatch(value, "bool")


def _integer(walk: Repair, value: Any, node: Node) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return walk.mismatch(value, node.go_type)
    half = 2**31 if node.form is Form.INT32 else 2**63
    if isinstance(value, int) and -half <= value < half:
        return value
    return walk.mismatch(value, node.go_type, f"number {number_text(value)}")


def _float(walk: Repair, value: Any, node: Node) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return walk.mismatch(value, "float64")
    return int(value) if isinstance(value, float) and is_written_whole(value) else value


def _bytes(walk: Repair, value: Any, node: Node) -> Any:
    return canonical_base64(value) if isinstance(value, str) else walk.mismatch(value, "[]uint8")


def _time(walk: Repair, value: Any, node: Node) -> Any:
    if not isinstance(value, str):
        return walk.mismatch(value, "string")
    time = canonical_time(value)
    return None if time in ZERO_TIMES else time


def _micro_time(walk: Repair, value: Any, node: Node) -> Any:
    if not isinstance(value, str):
        return walk.mismatch(value, "string")
    time = canonical_micro_time(value)
    return None if time in ZERO_TIMES else time


def _quantity(walk: Repair, value: Any, node: Node) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return stored_quantity(number_text(value))
    # Anything else is taken as text and refused as such: `{}` is not a quantity either.
    return stored_quantity(value if isinstance(value, str) else "")


def _int_or_string(walk: Repair, value: Any, node: Node) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return walk.mismatch(value, "int32")
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return value
    return walk.mismatch(value, "int32", f"number {number_text(value)}")


def _free_object(walk: Repair, value: Any, node: Node) -> Any:
    if isinstance(value, dict):
        return value
    # RawExtension and FieldsV1 keep any JSON; Object without a schema is a Go map.
    keeps = node.go_type.startswith("runtime.") or node.go_type == "v1.FieldsV1"
    return value if keeps else walk.mismatch(value, node.go_type)


_SCALARS: Mapping[Form, Callable[[Repair, Any, Node], Any]] = {
    Form.STRING: _string,
    Form.BOOL: _bool,
    Form.INT32: _integer,
    Form.INT64: _integer,
    Form.FLOAT: _float,
    Form.BYTES: _bytes,
    Form.TIME: _time,
    Form.MICRO_TIME: _micro_time,
    Form.QUANTITY: _quantity,
    Form.INT_OR_STRING: _int_or_string,
    Form.OBJECT: _free_object,
}

_ZEROS: Mapping[Form, Callable[[], Any]] = {
    Form.STRUCT: dict,
    Form.OBJECT: dict,
    Form.STRING: str,
    Form.BYTES: str,
    Form.BOOL: bool,
    Form.INT32: int,
    Form.INT64: int,
    Form.FLOAT: int,
    Form.QUANTITY: lambda: "0",
    Form.INT_OR_STRING: int,
}

"""The parsed form of a schema: one `Node` per place where a value can stand.

In: OpenAPI definitions. Out: nodes, built when first asked for and then shared. A node that is a
reference knows only the name it refers to (`Node.ref`): definitions refer to each other in circles
(JSONSchemaProps), so references are followed by whoever walks, through `SchemaSet.node`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from kapiserver.resources.schema.defaults import DECLARED
from kapiserver.resources.schema.shapes import Shape, shapes_of


class Form(Enum):
    """What a value must be. The names are JSON's and Go's."""

    REF = "ref"
    STRUCT = "struct"
    MAP = "map"
    LIST = "list"
    STRING = "string"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT = "float64"
    BYTES = "bytes"
    TIME = "time"
    MICRO_TIME = "micro-time"
    QUANTITY = "quantity"
    INT_OR_STRING = "int-or-string"
    OBJECT = "object"  # free-form, but an object: RawExtension, FieldsV1
    ANY = "any"
    # unions of a schema with something simpler, in CustomResourceDefinitions only
    SCHEMA_OR_ARRAY = "schema-or-array"
    SCHEMA_OR_BOOL = "schema-or-bool"
    SCHEMA_OR_STRINGS = "schema-or-strings"


_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
JSON_SCHEMA_PROPS = _EXTENSIONS + "JSONSchemaProps"

# Definitions whose schema says less than their decoder does.
SPECIAL: Mapping[str, Form] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Form.QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Form.INT_OR_STRING,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": Form.OBJECT,
    _META + "FieldsV1": Form.OBJECT,
    _META + "Patch": Form.OBJECT,
    _META + "Time": Form.TIME,
    _META + "MicroTime": Form.MICRO_TIME,
    _EXTENSIONS + "JSON": Form.ANY,
    _EXTENSIONS + "JSONSchemaPropsOrArray": Form.SCHEMA_OR_ARRAY,
    _EXTENSIONS + "JSONSchemaPropsOrBool": Form.SCHEMA_OR_BOOL,
    _EXTENSIONS + "JSONSchemaPropsOrStringArray": Form.SCHEMA_OR_STRINGS,
}

_PREFIX = "#/definitions/"
_STRING_FORMATS = {
    "byte": Form.BYTES,
    "date-time": Form.TIME,
    "int-or-string": Form.INT_OR_STRING,
}


class Node:
    """One place for a value: its form, what lies below, and the hints for merging."""

    __slots__ = (
        "default",
        "fields",
        "form",
        "go_type",
        "item",
        "list_map_keys",
        "list_type",
        "map_type",
        "merge_key",
        "preserve",
        "ref",
        "required",
        "shape",
        "strategies",
    )

    def __init__(self, form: Form, go_type: str) -> None:
        self.form = form
        self.go_type = go_type  # as Go's error messages name it
        self.ref = ""
        self.fields: dict[str, Node] = {}
        self.item: Node | None = None  # of a list, or of a map's values
        self.required: tuple[str, ...] = ()
        self.preserve = False  # x-kubernetes-preserve-unknown-fields
        self.strategies: frozenset[str] = frozenset()
        self.merge_key = ""
        self.list_type = ""
        self.list_map_keys: tuple[str, ...] = ()
        self.map_type = ""
        self.default: Any = None
        self.shape = Shape.KEPT  # of a field: what becomes of it when it is absent or zero


def go_name(definition: str) -> str:
    """`io.k8s.api.core.v1.PodSpec` -> `v1.PodSpec`: package and type, as Go prints a type."""
    return ".".join(definition.rsplit(".", 2)[-2:])


def struct_name(definition: str) -> str:
    return definition.rsplit(".", 1)[-1]


def build(name: str, schema: Mapping[str, Any]) -> Node:
    """The node of a whole definition."""
    form = SPECIAL.get(name)
    if form is not None:
        return Node(form, go_name(name))
    node = parse(schema)
    node.go_type = go_name(name)
    shapes = shapes_of(name)
    for field, below in node.fields.items():
        below.default = DECLARED.get((name, field), below.default)
        if shapes is not None:
            below.shape = shapes.get(field, Shape.OMITTED)
    if node.form is Form.OBJECT:
        node.form = Form.STRUCT  # a definition without properties is an empty struct
    return node


def parse(schema: Mapping[str, Any]) -> Node:
    """The node of a schema, references not followed."""
    node = _typed(schema)
    strategy = schema.get("x-kubernetes-patch-strategy", "")
    node.strategies = frozenset(strategy.split(",")) if strategy else frozenset()
    node.merge_key = schema.get("x-kubernetes-patch-merge-key", "")
    node.list_type = schema.get("x-kubernetes-list-type", "")
    node.list_map_keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
    node.map_type = schema.get("x-kubernetes-map-type", "")
    node.default = schema.get("default")
    node.preserve = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return node


def _typed(schema: Mapping[str, Any]) -> Node:
    ref = schema.get("$ref")
    if ref is not None:
        target = ref.removeprefix(_PREFIX)
        special = SPECIAL.get(target)
        if special is not None:
            return Node(special, go_name(target))
        node = Node(Form.REF, go_name(target))
        node.ref = target
        return node
    if schema.get("x-kubernetes-int-or-string"):
        return Node(Form.INT_OR_STRING, "intstr.IntOrString")
    match schema.get("type"):
        case "object":
            return _object(schema)
        case "array":
            item = parse(schema.get("items") or {})
            node = Node(Form.LIST, f"[]{item.go_type}")
            node.item = item
            return node
        case "string":
            form = _STRING_FORMATS.get(schema.get("format", ""), Form.STRING)
            return Node(form, "[]uint8" if form is Form.BYTES else "string")
        case "boolean":
            return Node(Form.BOOL, "bool")
        case "integer":
            if schema.get("format") == "int32":
                return Node(Form.INT32, "int32")
            return Node(Form.INT64, "int64")
        case "number":
            return Node(Form.FLOAT, "float64")
    return Node(Form.ANY, "interface {}")


def _object(schema: Mapping[str, Any]) -> Node:
    properties = schema.get("properties")
    if properties is not None or schema.get("x-kubernetes-preserve-unknown-fields"):
        node = Node(Form.STRUCT, "map[string]interface {}")
        node.fields = {name: parse(field) for name, field in (properties or {}).items()}
        node.required = tuple(schema.get("required", ()))
        return node
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        item = parse(values)
        named = "v1.ResourceList" if item.form is Form.QUANTITY else f"map[string]{item.go_type}"
        node = Node(Form.MAP, named)
        node.item = item
        return node
    return Node(Form.OBJECT, "map[string]interface {}")

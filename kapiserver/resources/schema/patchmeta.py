"""What a patch must know about a field: how lists and maps merge, and by which key.

In: nodes. Out: `FieldMeta` per field, made once per place and shared. References are followed
here, so a patch never sees one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kapiserver.resources.schema.nodes import Form, Node

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet


@dataclass(frozen=True, slots=True)
class FieldMeta:
    """Hints for one field.

    `strategies`: words of x-kubernetes-patch-strategy (merge, replace, retainKeys).
    `child`: where to look for the fields below: of a list, its items; otherwise the value itself.
    `known` is False for a field that the schema does not have, and in free-form data.
    """

    strategies: frozenset[str]
    merge_key: str
    list_type: str  # atomic, set, map, or empty (atomic)
    list_map_keys: tuple[str, ...]
    map_type: str  # granular, atomic, or empty (granular)
    child: PatchNode
    is_list: bool = False
    known: bool = True
    default: Any = None  # as declared in the schema: what an absent key field counts as


class PatchNode:
    """A value that may have fields: an object of fixed fields, a map, or a leaf without any."""

    __slots__ = ("_metas", "_node", "_schemas")

    def __init__(self, schemas: SchemaSet, node: Node | None) -> None:
        self._schemas = schemas
        self._node = node
        self._metas: dict[str, FieldMeta] = {}

    @property
    def free_form(self) -> bool:
        """No schema below here: data of custom resources, RawExtension, unknown fields."""
        return self._node is None or self._node.form in (Form.ANY, Form.OBJECT)

    @property
    def item(self) -> FieldMeta:
        """For a value that is itself a list (a list of lists): the hints of its items."""
        return self._meta(self._node.item if self._node is not None else None)

    def field(self, name: str) -> FieldMeta:
        """The hints of a field; for a map, of its values, whatever the name."""
        node = self._node
        if node is None:
            return self._unknown()
        if node.form is Form.MAP:
            name = ""  # one FieldMeta for all keys: keys are client data and must not pile up
            found: Node | None = node.item
        else:
            found = node.fields.get(name)
            if found is None:
                return self._unknown()
        meta = self._metas.get(name)
        if meta is None:
            meta = self._metas[name] = self._meta(found)
        return meta

    def problem_with(self, name: str) -> str:
        """Why upstream cannot tell how a field merges; empty, if it can."""
        node = self._node
        if node is None or (node.form is Form.STRUCT and name in node.fields):
            return ""
        if node.form is Form.MAP:
            return "merging an object in json but data type is not struct, instead is: map"
        struct = node.go_type.rpartition(".")[2]
        return f'unable to find api field in struct {struct} for the json field "{name}"'

    def _meta(self, node: Node | None) -> FieldMeta:
        if node is None:
            return self._unknown()
        schemas = self._schemas
        target = schemas.resolve(node)
        below = target
        if target.form is Form.LIST and target.item is not None:
            below = schemas.resolve(target.item)
        return FieldMeta(
            strategies=node.strategies,
            merge_key=node.merge_key,
            list_type=node.list_type,
            list_map_keys=node.list_map_keys,
            map_type=node.map_type or target.map_type,
            child=PatchNode(schemas, below),
            is_list=target.form is Form.LIST,
            default=node.default,
        )

    def _unknown(self) -> FieldMeta:
        return self._schemas.unknown_field

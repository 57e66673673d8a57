"""Objects as rows: what `kubectl get` prints.

In: decoded objects in the stored version, a definition's columns. Out: the JSON of a meta.k8s.io
Table. Cells are computed when a client asks, never kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from kapiserver.api.render import partial_metadata
from kapiserver.api.scope import Scope
from kapiserver.resources.definition import Column, Object, ResourceDefinition
from kapiserver.resources.printing import AGE, NAME
from kapiserver.storage import StoredObject

NONE, METADATA, OBJECT = "None", "Metadata", "Object"


def columns_of(definition: ResourceDefinition) -> tuple[Column, ...]:
    return definition.columns or (NAME, AGE)


# Made once for each scope: a scope lasts as long as its definition does.
_made: WeakKeyDictionary[Scope, bytes] = WeakKeyDictionary()


def _column_json(scope: Scope) -> bytes:
    found = _made.get(scope)
    if found is None:
        found = _made[scope] = orjson.dumps(
            [described(column, scope) for column in columns_of(scope.definition)]
        )
    return found


def described(column: Column, scope: Scope) -> dict[str, Any]:
    doc = column.description
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": doc if isinstance(doc, str) else scope.describe(doc),
        "priority": column.priority,
    }


def _each(columns: Sequence[Column]) -> Callable[[Object, float], list[Any]]:
    """A row of cells that know nothing of each other."""
    made = tuple(column.cell for column in columns)
    return lambda obj, now: [cell(obj, now) for cell in made]


class TableWriter:
    """Writes Tables of one scope. `include` says how much of the object comes with its row."""

    def __init__(self, scope: Scope, include: str, meta_version: str) -> None:
        self._scope = scope
        self._cells = scope.definition.row_cells or _each(columns_of(scope.definition))
        self._conditions = scope.definition.row_conditions
        self.include = include
        self.meta_version = meta_version

    def rows_of(self, listed: Sequence[StoredObject]) -> Iterator[bytes]:
        """The rows of a list: in the order of its table, and the default one marked."""
        now, definition = time.time(), self._scope.definition
        if (key := definition.row_order) is not None:
            listed = sorted(listed, key=lambda stored: key(stored.parsed()))
        default = None
        if definition.default_of is not None:
            default = definition.default_of([stored.parsed() for stored in listed])
        for place, stored in enumerate(listed):
            yield self.row(stored, now, default=place == default)

    def row(
        self, stored: StoredObject, now: float | None = None, *, default: bool = False
    ) -> bytes:
        obj = stored.parsed()
        values = self._cells(obj, time.time() if now is None else now)
        if default:
            values[0] += " (default)"
        cells = orjson.dumps(values)
        if self._conditions is not None and (conditions := self._conditions(obj)):
            cells += b',"conditions":' + orjson.dumps(conditions)
        if self.include == NONE:
            return b'{"cells":%b,"object":null}' % cells
        if self.include == OBJECT:
            return b'{"cells":%b,"object":%b}' % (cells, self._scope.value(stored))
        metadata = partial_metadata(obj["metadata"], self.meta_version)
        return b'{"cells":%b,"object":%b}' % (cells, metadata)

    def bookmark_row(self, metadata: dict[str, Any]) -> bytes:
        """The row of an object that is nothing but a resourceVersion."""
        cells = orjson.dumps(self._cells({"metadata": {}}, 0.0))
        return b'{"cells":%b,"object":%b}' % (cells, partial_metadata(metadata, self.meta_version))

    def table(
        self, metadata: dict[str, Any], rows: list[bytes], *, with_columns: bool = True
    ) -> bytes:
        columns = _column_json(self._scope) if with_columns else b"null"
        return table_of(self.meta_version, metadata, columns, rows)


def table_of(
    meta_version: str, metadata: dict[str, Any], columns: bytes, rows: list[bytes]
) -> bytes:
    """The JSON of a Table around its columns and rows."""
    return (
        b'{"kind":"Table","apiVersion":"meta.k8s.io/%b","metadata":%b,'
        b'"columnDefinitions":%b,"rows":[%b]}'
        % (meta_version.encode(), orjson.dumps(metadata), columns, b",".join(rows))
    )

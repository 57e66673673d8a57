"""All definitions of the API, parsed when first used.

In: the definition file, and definitions added at run time (custom resources). Out: validators,
patch metadata, and the raw JSON for the OpenAPI documents. Changed only on the main task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from kapiserver.resources.schema.compiled import Compiled
from kapiserver.resources.schema.complete import Completions
from kapiserver.resources.schema.fastcheck import FastChecks
from kapiserver.resources.schema.nodes import Form, Node, build
from kapiserver.resources.schema.openapi_forms import references, to_v3
from kapiserver.resources.schema.patchmeta import FieldMeta, PatchNode
from kapiserver.resources.schema.source import DefinitionFile, load_definitions


class SchemaSet:
    """Definitions by name (`io.k8s.api.apps.v1.Deployment`). Unknown names raise KeyError."""

    def __init__(self, definitions: DefinitionFile) -> None:
        self._file = definitions
        self._added: dict[str, dict[str, Any]] = {}
        self._nodes: dict[str, Node] = {}
        self._forget_compiled()
        self._validators: dict[str, Compiled] = {}
        self._patch: dict[str, PatchNode] = {}
        self.unknown_field = FieldMeta(
            frozenset(), "", "", (), "", PatchNode(self, None), known=False
        )

    @classmethod
    def load(cls, cache_dir: Path | None = None) -> SchemaSet:
        """The built-in definitions. `cache_dir`: where to keep their compact form."""
        return cls(load_definitions(cache_dir))

    # --- definitions ---------------------------------------------------------------------

    def names(self) -> Iterable[str]:
        yield from self._file
        yield from self._added

    def __contains__(self, name: object) -> bool:
        return name in self._file or name in self._added

    def is_added(self, name: str) -> bool:
        """Whether the definition came at run time: of a custom resource."""
        return name in self._added

    def definition(self, name: str) -> dict[str, Any]:
        """A fresh copy of a definition in OpenAPI v2 form, descriptions included."""
        added = self._added.get(name)
        loaded: dict[str, Any] = orjson.loads(
            self._file[name] if added is None else orjson.dumps(added)
        )
        return loaded

    def describe(self, name: str, field: str) -> str:
        """What a definition says of one of its fields; nothing, if it does not know the field."""
        described: str = self.definition(name)["properties"].get(field, {}).get("description", "")
        return described

    def openapi(self, name: str, version: Literal[2, 3]) -> bytes:
        """A definition's JSON for an OpenAPI document of that version."""
        added = self._added.get(name)
        if added is not None:
            return orjson.dumps(added if version == 2 else to_v3(name, added))
        return self._file[name] if version == 2 else self._file.v3(name)

    def closure(self, names: Iterable[str]) -> list[str]:
        """The definitions named, and all that they refer to, sorted. Unknown names are left out."""
        seen: set[str] = set()
        waiting = [name for name in names if name in self]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            added = self._added.get(name)
            refs = self._file.references(name) if added is None else references(added)
            waiting.extend(ref for ref in refs if ref not in seen and ref in self)
        return sorted(seen)

    def define(self, name: str, schema: Mapping[str, Any]) -> None:
        """Add or replace a definition at run time. It may refer to any other."""
        self.forget(name)
        self._added[name] = dict(schema)

    def forget(self, name: str) -> None:
        self._added.pop(name, None)
        # Compiled validators hold on to what they refer to: all are made again, when needed.
        self._nodes.pop(name, None)
        self._forget_compiled()
        self._validators.clear()
        self._patch.clear()

    def _forget_compiled(self) -> None:
        self._tidying = FastChecks(self, tidy=True)
        self._plain = FastChecks(self, tidy=False)
        self._completions = Completions(self)

    # --- parsed --------------------------------------------------------------------------

    def node(self, name: str) -> Node:
        found = self._nodes.get(name)
        if found is None:
            found = self._nodes[name] = build(name, self.definition(name))
        return found

    def resolve(self, node: Node) -> Node:
        """The node itself, or what it refers to."""
        while node.form is Form.REF:
            node = self.node(node.ref)
        return node

    def validator(self, name: str) -> Compiled:
        found = self._validators.get(name)
        if found is None:
            found = self._validators[name] = Compiled(
                self, self._tidying, self._plain, self._completions, name
            )
        return found

    def patch_meta(self, name: str) -> PatchNode:
        found = self._patch.get(name)
        if found is None:
            found = self._patch[name] = PatchNode(self, self.node(name))
        return found

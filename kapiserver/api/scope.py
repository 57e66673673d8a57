"""One version of one resource as it is served: what the verbs need, looked up and prepared once.

In: registry, schemas, storage. Out: `Scope`s by (group, version, plural), made on first use and
again when the definition changes. Conversion between the served and the stored version is here,
and so is the short cut that makes reads cheap: where the versions differ in name only, stored bytes
become served bytes by swapping their first few characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson

from kapiserver.api.apply.manager import FieldManager
from kapiserver.api.apply.types import FieldTypes
from kapiserver.api.body_type import BodyType, subresource_schema
from kapiserver.errors import Cause
from kapiserver.resources.definition import FieldDoc, Object, ResourceDefinition, Version
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.protobuf import Encoder, Messages
from kapiserver.resources.registry import Registry
from kapiserver.resources.schema import Compiled, PatchNode, SchemaSet
from kapiserver.resources.schema.complete import FILL, FINISH, OPEN, Mode
from kapiserver.storage import ObjectStore, Storage, StorageSpec, StoredObject
from kapiserver.storage.codec import end_of_type


def group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def storage_resource(definition: ResourceDefinition) -> str:
    """The name under which objects are stored; resources that share a place share this."""
    group = definition.group if definition.storage_group is None else definition.storage_group
    plural = definition.storage_plural or definition.plural
    return f"{plural}.{group}" if group else plural


Complete = Callable[[Object, Mode], None]


def _unchanged(obj: Object, mode: Mode) -> None:
    """For objects whose type is not known."""


_COPIED = 4096


class Scope:
    """A served version of a resource."""

    def __init__(
        self,
        definition: ResourceDefinition,
        version: Version,
        objects: ObjectStore | None,
        schemas: SchemaSet,
        messages: Messages,
        field_types: FieldTypes,
        registry: Registry,
        complete: Complete,
    ) -> None:
        self.definition = definition
        self.version = version
        self.group = definition.group
        self.resource = definition.plural
        self.kind = definition.kind
        self.list_kind = definition.list_kind or f"{definition.kind}List"
        self.api_version = group_version(definition.group, version.name)
        self.name_rule = definition.name_rule or dns1123_subdomain
        self.strategy = definition.strategy
        self._objects = objects
        self._schemas = schemas
        self._messages = messages
        self.field_types = field_types
        self._registry = registry
        self._field_managers: dict[str, FieldManager] = {}
        self._body_types: dict[str, BodyType] = {}
        stored_group = (
            definition.group if definition.storage_group is None else definition.storage_group
        )
        self.storage_api_version = group_version(stored_group, definition.storage_version)
        stored = definition.storage_version
        self._stored_schema = next(v.schema for v in definition.versions if v.name == stored)
        self._complete = complete
        self._stored_head = _head(self.kind, self.storage_api_version)
        self._served_head = _head(self.kind, self.api_version)
        # stored in the shape of another group's resource: its schema is not ours
        self._foreign = stored_group != definition.group
        self._converts = version.from_storage is not None or version.to_storage is not None

    @property
    def objects(self) -> ObjectStore:
        """Where the objects are. Only for resources that are stored."""
        assert self._objects is not None, f"{self.definition.resource} is not stored"
        return self._objects

    @property
    def validator(self) -> Compiled:
        return self._schemas.validator(self.version.schema)

    def describe(self, doc: FieldDoc) -> str:
        return self._schemas.describe(doc.schema, doc.field)

    @property
    def is_custom(self) -> bool:
        """Whether its type came at run time: such objects have no protobuf form."""
        return self._schemas.is_added(self.version.schema)

    def body_type(self, subresource: str = "") -> BodyType:
        """What is sent to write an object, or to a subresource that takes a kind of its own."""
        found = self._body_types.get(subresource)
        if found is None:
            found = self._body_types[subresource] = self._body_type(subresource)
        return found

    def _body_type(self, subresource: str) -> BodyType:
        declared = self.definition.subresource(subresource)
        names = (self.group, self.version.name, self.kind)
        accepted: tuple[str, ...] = ()
        schema = self.version.schema
        if declared is not None and declared.kind:
            if declared.version:
                names = (declared.group, declared.version, declared.kind)
            else:
                names = (self.group, self.version.name, declared.kind)
            accepted = declared.accepted
            schema = subresource_schema(declared, self.version)
        return BodyType(self._schemas, self._messages, *names, schema, accepted)

    def missing_fields(self, obj: Object) -> list[Cause]:
        """Required fields that an object in the stored version lacks."""
        if self._foreign:
            return []
        return self._schemas.validator(self._stored_schema).required(obj)

    def fill(self, obj: Object) -> None:
        """Add what an object in the stored version always has: structs and scalars (`complete`)."""
        self._complete(obj, FILL)

    @property
    def patch_meta(self) -> PatchNode:
        return self._schemas.patch_meta(self.version.schema)

    def field_manager(self, subresource: str) -> FieldManager:
        """Who keeps the record of field ownership for writes through a subresource, or none."""
        found = self._field_managers.get(subresource)
        if found is None:
            found = self._field_managers[subresource] = FieldManager(
                self.definition, self.version, subresource, self.field_types, self._registry
            )
        return found

    # -- versions -------------------------------------------------------------------------------

    @property
    def converts(self) -> bool:
        """Whether served and stored version differ in more than their names."""
        return self._converts

    def to_storage(self, obj: Object) -> Object:
        """A decoded object in the served version becomes one in the stored version, in place."""
        if self.version.to_storage is not None:
            self.version.to_storage(obj)
        obj["apiVersion"] = self.storage_api_version
        obj["kind"] = self.kind
        return obj

    def from_storage(self, obj: Object) -> Object:
        if self.version.from_storage is not None:
            self.version.from_storage(obj)
        obj["apiVersion"] = self.api_version
        obj["kind"] = self.kind
        return obj

    def empty(self, metadata: Object) -> Object:
        """An object that has nothing but metadata and what Go always writes."""
        obj: Object = {"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata}
        if not self.is_custom:
            self.validator.complete(obj, FILL)
            self.validator.complete(obj, FINISH)
        return obj

    def decoded(self, stored: StoredObject) -> Object:
        """A fresh decoded copy in the served version."""
        return self.from_storage(stored.decoded())

    def value(self, stored: StoredObject) -> bytes:
        """The JSON of an object in the served version; mostly the stored bytes themselves."""
        value = stored.value
        if self._served_head == self._stored_head:
            return value
        if not self._converts and value.startswith(self._stored_head):
            return self._served_head + value[len(self._stored_head) :]
        obj = self.decoded(stored)
        self.validator.complete(obj, FINISH)
        return orjson.dumps(obj)

    @property
    def item_opening(self) -> bytes:
        """How items of a list begin: what `items` leaves out."""
        return b"" if self.is_custom else b"{"

    def items(self, stored: Sequence[StoredObject]) -> Sequence[bytes | memoryview]:
        """Objects as upstream's typed lists have them: kind and apiVersion are the list's.

        Lists of custom resources repeat them in every item.
        """
        if self.is_custom:
            return [self.value(each) for each in stored]
        if self._converts:
            values = [self.value(each) for each in stored]
            return [value[end_of_type(value) :] for value in values]
        # These comprehensions are what a list costs. Objects of a resource are much of a size:
        # small ones are copied to cut off their head; a view of a big one is cheaper.
        if stored and len(stored[0].value) > _COPIED:
            return [memoryview(each.value)[each.untyped_at :] for each in stored]
        return [each.value[each.untyped_at :] for each in stored]


def _head(kind: str, api_version: str) -> bytes:
    """How every encoded object starts (storage.codec puts kind and apiVersion first)."""
    return orjson.dumps({"kind": kind, "apiVersion": api_version})[:-1] + b","


class Scopes:
    """All scopes of a server. Looked up by every request: one dictionary access when warm."""

    def __init__(self, registry: Registry, storage: Storage, schemas: SchemaSet) -> None:
        self.registry = registry
        self.storage = storage
        self.schemas = schemas
        self.messages = Messages(schemas)
        self.encoder = Encoder(schemas)
        self.field_types = FieldTypes(schemas)
        self._scopes: dict[tuple[str, str, str], Scope] = {}
        self._generation = registry.generation

    def lookup(self, group: str, version: str, plural: str) -> Scope | None:
        if self._generation != self.registry.generation:
            self._scopes.clear()
            self._generation = self.registry.generation
        key = (group, version, plural)
        scope = self._scopes.get(key)
        if scope is None:
            found = self.registry.lookup(group, version, plural)
            if found is None:
                return None
            scope = self._scopes[key] = self._make(*found)
        return scope

    def stored(self, group: str, plural: str) -> Scope:
        """The scope of a resource in its stored version, for controllers. KeyError: not served."""
        definition = self.registry.resource(group, plural)
        if definition is None:
            raise KeyError(f"{plural}.{group}")
        scope = self.lookup(group, definition.storage_version, plural)
        if scope is None:  # the stored version is not served
            version = next(v for v in definition.versions if v.name == definition.storage_version)
            return self._make(definition, version)
        return scope

    def open_all(self) -> None:
        """Fill the caches of everything that is stored, so that the first requests find them."""
        for definition in self.registry.definitions():
            if not definition.virtual:
                self.open(definition)

    def open(self, definition: ResourceDefinition) -> ObjectStore:
        resource = storage_resource(definition)
        complete = self._completion_of(resource)
        spec = StorageSpec(
            resource,
            definition.namespaced,
            self._fields_of(resource),
            finish=lambda obj: complete(obj, FINISH),
            opened=lambda obj: complete(obj, OPEN),
        )
        return self.storage.open(spec)

    def _make(self, definition: ResourceDefinition, version: Version) -> Scope:
        objects = None if definition.virtual else self.open(definition)
        return Scope(
            definition,
            version,
            objects,
            self.schemas,
            self.messages,
            self.field_types,
            self.registry,
            self._completion_of(storage_resource(definition)),
        )

    def _completion_of(self, resource: str) -> Complete:
        """What Go always writes, in the version that is stored: maybe one of another group."""
        plural, _, group = resource.partition(".")
        definition = self.registry.resource(group, plural)
        if definition is None:
            return _unchanged
        stored = definition.storage_version
        schema = next(v.schema for v in definition.versions if v.name == stored)
        schemas = self.schemas

        def complete(obj: Object, mode: Mode) -> None:
            schemas.validator(schema).complete(obj, mode)

        return complete if schema in schemas else _unchanged

    def _fields_of(self, resource: str) -> Callable[[Object], Mapping[str, str]]:
        """The selectable fields of all definitions that are stored in one place."""
        getters: dict[str, Callable[[Object], str]] = {}
        for definition in self.registry.definitions():
            if storage_resource(definition) == resource:
                getters.update(definition.selectable_fields)
        items = tuple(getters.items())
        return lambda obj: {label: value_of(obj) for label, value_of in items}

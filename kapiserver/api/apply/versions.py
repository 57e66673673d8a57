"""The versions of one kind, as ownership needs them: their types, conversion, what cannot be set.

Managers are recorded with the API version that they wrote. Versions of one kind share a storage
shape or convert through it; kinds of two groups that are stored in one place (events) count as
versions of each other.
"""

from __future__ import annotations

import orjson

from kapiserver.api.apply.reset import Reach, reach_of
from kapiserver.api.apply.types import FieldTypes, Type
from kapiserver.api.apply.updater import UnknownVersion
from kapiserver.resources.definition import Object, ResourceDefinition, Version
from kapiserver.resources.registry import Registry


class KindVersions:
    """For one resource and one way of writing it."""

    def __init__(
        self,
        definition: ResourceDefinition,
        types: FieldTypes,
        registry: Registry,
        subresource: str,
    ) -> None:
        self._definition = definition
        self._types = types
        self._registry = registry
        self._subresource = subresource
        self._reaches: dict[str, Reach] = {}

    def type_of(self, api_version: str) -> Type:
        version = self._find(api_version)[1]
        if version.schema not in self._types.schemas:
            raise UnknownVersion(api_version)
        return self._types.of(version.schema)

    def reach(self, api_version: str) -> Reach:
        found = self._reaches.get(api_version)
        if found is None:
            definition, version = self._find(api_version)
            kind = self._types.of(version.schema)
            custom = self._types.schemas.is_added(version.schema)
            found = reach_of(definition, kind, self._subresource, custom=custom)
            self._reaches[api_version] = found
        return found

    def convert(self, obj: Object, source: str, target: str) -> Object:
        if source == target:
            return obj
        old, new = self._find(source)[1], self._find(target)[1]
        if old.to_storage is None and new.from_storage is None:
            return {**obj, "apiVersion": target}
        copy: Object = orjson.loads(orjson.dumps(obj))
        if old.to_storage is not None:
            old.to_storage(copy)
        if new.from_storage is not None:
            new.from_storage(copy)
        copy["apiVersion"] = target
        return copy

    def _find(self, api_version: str) -> tuple[ResourceDefinition, Version]:
        group, _, name = api_version.rpartition("/")
        own = self._definition
        if group == own.group:
            for version in own.versions:
                if version.name == name:
                    return own, version
            raise UnknownVersion(api_version)
        found = self._registry.lookup_kind(group, name, own.kind)
        if found is None or _place(found[0]) != _place(own):
            raise UnknownVersion(api_version)
        return found


def _place(definition: ResourceDefinition) -> tuple[str, str]:
    group = definition.group if definition.storage_group is None else definition.storage_group
    return group, definition.storage_plural or definition.plural

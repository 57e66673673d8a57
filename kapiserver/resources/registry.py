"""All resource definitions of one server, found by group, version and plural or kind.

In: definitions (the built-in ones at start, custom resources at run time). Out: constant-time
lookups for the request path, ordered listings for discovery. Definitions are immutable, so that
readers may hold one across awaits; a change replaces entries and raises `generation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kapiserver.resources.builtin import BUILTIN
from kapiserver.resources.definition import ResourceDefinition, Version

Found = tuple[ResourceDefinition, Version]

_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STAGES = {"": 2, "beta": 1, "alpha": 0}


def version_priority(name: str) -> tuple[int, int, int, int, str]:
    """A sort key, most preferred first: GA before beta before alpha, newer before older.

    Names of another form come last, alphabetically (the order that CRDs document).
    """
    match = _VERSION.fullmatch(name)
    if match is None:
        return (1, 0, 0, 0, name)
    major, stage, minor = match.group(1), match.group(2) or "", match.group(3) or "0"
    return (0, -_STAGES[stage], -int(major), -int(minor), name)


class Registry:
    """Definitions by group, version and name. Not thread-safe: one event loop owns it."""

    def __init__(self, definitions: Iterable[ResourceDefinition] = ()) -> None:
        self._by_resource: dict[tuple[str, str], ResourceDefinition] = {}
        self._found: dict[tuple[str, str, str], Found] = {}
        self._found_kinds: dict[tuple[str, str, str], Found] = {}
        self._group_versions: dict[str, tuple[str, ...]] = {}
        self.generation = 0
        for definition in definitions:
            self.add(definition)
        self.builtin_groups = frozenset(self._group_versions)
        """Those that it began with: they are there whatever is added and removed."""

    def add(self, definition: ResourceDefinition) -> None:
        """Serve a definition; one with the same group and plural is replaced."""
        key = (definition.group, definition.plural)
        existing = self._by_resource.get(key)
        if existing is not None:
            self._drop(existing)
        self._by_resource[key] = definition
        for version in definition.versions:
            if version.served:
                found = (definition, version)
                self._found[definition.group, version.name, definition.plural] = found
                self._found_kinds[definition.group, version.name, definition.kind] = found
        self._order(definition.group)
        self.generation += 1

    def remove(self, definition: ResourceDefinition) -> None:
        """Stop serving a definition. KeyError when it is not served."""
        del self._by_resource[definition.group, definition.plural]
        self._drop(definition)
        self._order(definition.group)
        self.generation += 1

    def lookup(self, group: str, version: str, plural: str) -> Found | None:
        return self._found.get((group, version, plural))

    def lookup_kind(self, group: str, version: str, kind: str) -> Found | None:
        return self._found_kinds.get((group, version, kind))

    def resource(self, group: str, plural: str) -> ResourceDefinition | None:
        """The definition of a resource, whatever its versions (for RBAC, quota, owners)."""
        return self._by_resource.get((group, plural))

    def definitions(self) -> tuple[ResourceDefinition, ...]:
        return tuple(self._by_resource.values())

    def groups(self) -> tuple[str, ...]:
        """Groups that serve something, in the order in which they first appeared."""
        return tuple(group for group, versions in self._group_versions.items() if versions)

    def group_versions(self, group: str) -> tuple[str, ...]:
        """The served versions of a group, preferred first."""
        return self._group_versions.get(group, ())

    def in_group_version(self, group: str, version: str) -> tuple[ResourceDefinition, ...]:
        """What one group version serves, by plural name: the order of discovery documents."""
        served = [
            definition
            for (g, v, _), (definition, _) in self._found.items()
            if g == group and v == version
        ]
        return tuple(sorted(served, key=lambda definition: definition.plural))

    def _drop(self, definition: ResourceDefinition) -> None:
        for version in definition.versions:
            self._found.pop((definition.group, version.name, definition.plural), None)
            kind_key = (definition.group, version.name, definition.kind)
            held = self._found_kinds.get(kind_key)
            if held is not None and held[0] is definition:
                del self._found_kinds[kind_key]

    def _order(self, group: str) -> None:
        names = {version for g, version, _ in self._found if g == group}
        self._group_versions[group] = tuple(sorted(names, key=version_priority))


def builtin_registry() -> Registry:
    """A new registry with all built-in resources; custom ones may be added to it."""
    return Registry(BUILTIN)

"""Types and kinds of the apply tests: the built-in ones, and `things`, which have every shape."""

from __future__ import annotations

import pytest
from things import DEFINITION, SCHEMA, THINGS

from kapiserver.api.apply.manager import FieldManager
from kapiserver.api.apply.types import FieldTypes, Type
from kapiserver.resources.registry import Registry, builtin_registry
from kapiserver.resources.schema import SchemaSet


@pytest.fixture(scope="session")
def schemas() -> SchemaSet:
    schemas = SchemaSet.load()
    schemas.define(DEFINITION, SCHEMA)
    return schemas


@pytest.fixture(scope="session")
def types(schemas: SchemaSet) -> FieldTypes:
    return FieldTypes(schemas)


@pytest.fixture(scope="session")
def registry() -> Registry:
    registry = builtin_registry()
    registry.add(THINGS)
    return registry


@pytest.fixture(scope="session")
def thing(types: FieldTypes) -> Type:
    return types.of(DEFINITION)


@pytest.fixture(scope="session")
def manager(types: FieldTypes, registry: Registry) -> FieldManager:
    found = registry.lookup("test", "v1", "things")
    assert found is not None
    return FieldManager(*found, "", types, registry)

"""Decoders over the built-in schemas."""

from __future__ import annotations

import pytest

from kapiserver.resources.protobuf import Messages
from kapiserver.resources.schema import SchemaSet


@pytest.fixture(scope="session")
def protobuf_schemas(tmp_path_factory: pytest.TempPathFactory) -> SchemaSet:
    return SchemaSet.load(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def messages(protobuf_schemas: SchemaSet) -> Messages:
    return Messages(protobuf_schemas)

from pathlib import Path

import pytest

from kapiserver.resources.schema import SchemaSet


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> SchemaSet:
    place: Path = tmp_path_factory.mktemp("cache")
    return SchemaSet.load(place)

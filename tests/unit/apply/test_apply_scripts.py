"""What comes of writes, by the book: every script in testdata says what it shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from apply_script import Script, scripts

from kapiserver.api.apply.types import FieldTypes
from kapiserver.resources.registry import Registry


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.stem)
def test_script(path: Path, types: FieldTypes, registry: Registry) -> None:
    expected = path.read_text()
    found = Script(types, registry).run(expected)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == expected

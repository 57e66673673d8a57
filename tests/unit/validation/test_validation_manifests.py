"""Manifests that people apply every day pass all rules and cause no warning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ryaml
from validation_cases import REGISTRY, context

MANIFESTS = Path("/work/shared/manifests")
FILES = sorted(MANIFESTS.glob("*.yaml")) if MANIFESTS.is_dir() else []


@pytest.mark.skipif(not FILES, reason="no manifests on this machine")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_document_passes(path: Path) -> None:
    checked = 0
    for document in documents(path):
        if not isinstance(document, dict) or "apiVersion" not in document:
            continue
        for obj in document["items"] if document["kind"] == "List" else [document]:
            checked += check(obj)
    assert checked or "crds" in path.name


def documents(path: Path) -> Iterator[Any]:
    for text in re.split("^---.*$", path.read_text(), flags=re.MULTILINE):
        try:
            yield ryaml.loads(text)
        except ryaml.InvalidYamlError:
            # an example that repeats a key: no rule gets to see it
            assert text.count("\napiVersion:") > 1, text


def check(obj: dict[str, Any]) -> int:
    group, _, version = obj["apiVersion"].rpartition("/")
    known = REGISTRY.lookup_kind(group, version, obj["kind"])
    if known is None:
        return 0
    hooks, told = known[0].strategy, context()
    obj.setdefault("metadata", {})["uid"] = "u-1"
    for hook in (hooks.defaults, hooks.prepare_for_create):
        if hook is not None:
            hook(obj, told)
    name = f"{obj['kind']} {obj['metadata'].get('name')}"
    found = hooks.validate_create(obj, told) if hooks.validate_create else ()
    assert not found, (name, found)
    warnings = hooks.warnings(obj, told) if hooks.warnings else ()
    assert not warnings, (name, warnings)
    return 1

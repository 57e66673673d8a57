"""No object that the schema lets through makes a hook, a column or a field selector fail."""

from __future__ import annotations

import copy
import json
import random
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from resource_writes import REGISTRY, context

from kapiserver.resources.definition import ResourceDefinition
from kapiserver.resources.printing import unix_time

OBJECTS_PER_KIND = 40
MAX_DEPTH = 9

STORED = [definition for definition in REGISTRY.definitions() if not definition.virtual]
WORDS = ("", "a", "Always", "None", "cpu", "Indexed", "v1", "10.0.0.1", "25%", "True", "Ready")


@cache
def published() -> dict[str, Any]:
    path = files("kubernetes_validate") / "kubernetes-json-schema/v1.37.0-local/_definitions.json"
    found: dict[str, Any] = json.loads(path.read_text())["$defs"]
    return found


class Maker:
    """Makes objects that conform to a schema, few fields at a time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        reference = schema.get("$ref")
        if reference is not None:
            name = reference.rpartition("/")[2]
            if name.endswith((".Time", ".MicroTime")):
                return "2026-11-22T12:00:00Z"
            if name.endswith(".IntOrString"):
                return self.random.choice([0, 1, "25%", "http"])
            if name.endswith(".Quantity"):
                return self.random.choice(["0", "100m", "1Gi"])
            return self.value(published()[name], depth)
        types = schema.get("type", "object")
        kinds = [types] if isinstance(types, str) else [t for t in types if t != "null"]
        return self._of(kinds[0], schema, depth)

    def _of(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        chance = self.random
        if kind == "string":
            return chance.choice(schema.get("enum") or WORDS)
        if kind in ("integer", "number"):
            return chance.choice([-1, 0, 1, 30, 70000])
        if kind == "boolean":
            return chance.random() < 0.5
        if kind == "array":
            size = 0 if depth > MAX_DEPTH else chance.randint(0, 2)
            return [self.value(schema["items"], depth + 1) for _ in range(size)]
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            return {key: self.value(extra, depth + 1) for key in chance.sample(WORDS[1:], 2)}
        made = {}
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            share = 0.7 if depth < 3 else 0.25
            if name in required or (depth <= MAX_DEPTH and chance.random() < share):
                made[name] = self.value(field, depth + 1)
        return made


def run_all(definition: ResourceDefinition, obj: Any, other: Any) -> None:
    hooks = definition.strategy
    made, told = copy.deepcopy(obj), context(None, "")
    for hook in (hooks.defaults, hooks.prepare_for_create):
        if hook is not None:
            hook(made, told)
    for check in (hooks.validate_create, hooks.warnings):
        if check is not None:
            assert isinstance(check(made, told), list | tuple)
    for column in definition.columns:
        json.dumps(column.cell(made, 0.0))
    for field in definition.selectable_fields.values():
        assert isinstance(field(made), str)
    if hooks.graceful_deletion_seconds is not None:
        hooks.graceful_deletion_seconds(made)
    for subresource in ("", *(s.name for s in definition.subresources)):
        new, told = copy.deepcopy(other), context(copy.deepcopy(made), subresource)
        for hook in (hooks.defaults, hooks.prepare_for_update):
            if hook is not None:
                hook(new, told)
        if hooks.validate_update is not None:
            hooks.validate_update(new, told)
        assert told.old == made, "a hook changed the old object"


@pytest.mark.parametrize("definition", STORED, ids=lambda d: d.resource)
def test_nothing_fails(definition: ResourceDefinition) -> None:
    for version in definition.versions:
        maker = Maker(seed=7)
        schema = published()[version.schema]
        for _ in range(OBJECTS_PER_KIND):
            pair = [maker.value(schema), maker.value(schema)]
            for obj in pair:
                obj.setdefault("metadata", {})["name"] = "x"
                if version.to_storage is not None:
                    version.to_storage(obj)
            run_all(definition, *pair)
            if version.from_storage is not None:
                version.from_storage(pair[0])


def test_broken_timestamps_have_no_time() -> None:
    assert unix_time("yesterday") is None
    assert unix_time(None) is None
    assert unix_time("1970-01-01T00:01:00Z") == 60
    assert unix_time("1970-01-01T00:01:00.500000Z") == 60.5

"""No object that the schema lets through makes a hook, a column or a field selector fail.

Each kind's objects go the way of a write: decoded, brought to the stored version, defaulted,
filled, prepared, checked. Those that pass are kept, shown in every version, and are what the next
ones are made from, so that objects become richer as a run goes on. KAPISERVER_STRANGE_OBJECTS says
how many are tried for each kind.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import ryaml
from resource_writes import MINIMAL, REGISTRY, context
from strange_objects import Maker

from kapiserver.errors import BadRequest, Cause
from kapiserver.resources.definition import Object, Prepare, ResourceDefinition, Version
from kapiserver.resources.printing import unix_time
from kapiserver.resources.protobuf import Encoder, Unwritable
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.complete import FILL, FINISH
from kapiserver.resources.strategies import next_generation

OBJECTS_PER_KIND = int(os.environ.get("KAPISERVER_STRANGE_OBJECTS", "60"))
SEED = int(os.environ.get("KAPISERVER_STRANGE_SEED", "7"))
REFUSED = (Cause("", "not an object of this kind"),)
KEPT = 40  # accepted objects of a kind that others are made from

SCHEMAS = SchemaSet.load()
ENCODER = Encoder(SCHEMAS)
STORED = [definition for definition in REGISTRY.definitions() if not definition.virtual]
RICH = ryaml.loads_all((Path(__file__).parent / "rich_objects.yaml").read_text())


def examples(definition: ResourceDefinition) -> list[Object]:
    """What is good, in the preferred version; at the least, next to nothing."""
    version = definition.versions[0].name
    api_version = f"{definition.group}/{version}" if definition.group else version
    named = (definition.kind, api_version)
    found = [each for each in RICH if (each["kind"], each["apiVersion"]) == named]
    return [*found, copy.deepcopy(MINIMAL.get(definition.resource, {})), {}]


class Kind:
    """The write path of one resource, as far as it is the resource's own."""

    def __init__(self, definition: ResourceDefinition) -> None:
        self.definition = definition
        self.hooks = definition.strategy
        self.stored_schema = _stored_schema(definition)

    def decoded(self, version: Version, obj: Object) -> Object | None:
        """A new object in the stored version; None if it is refused as it is read."""
        made = copy.deepcopy(obj)
        if SCHEMAS.validator(version.schema).check(made).error:
            return None
        for field in ("name", "uid", "resourceVersion"):
            made.setdefault("metadata", {}).setdefault(field, "x")
        if version.to_storage is not None:
            version.to_storage(made)
        return made

    def created(self, made: Object) -> Sequence[Cause]:
        told = context(None, "")
        if not self._prepare(made, self.hooks.prepare_for_create, told):
            return REFUSED
        return self._findings(made, self.hooks.validate_create, told)

    def updated(self, made: Object, old: Object, subresource: str) -> Sequence[Cause]:
        before = copy.deepcopy(old)
        told = context(old, subresource)
        if not self._prepare(made, self.hooks.prepare_for_update, told):
            return REFUSED
        next_generation(old, made, self.hooks.generation_metadata)
        causes = self._findings(made, self.hooks.validate_update, told)
        assert old == before, "a hook changed the old object"
        return causes

    def _prepare(self, made: Object, prepare: Prepare | None, told: Any) -> bool:
        """Whether it gets that far: some objects contradict themselves."""
        try:
            if self.hooks.defaults is not None:
                self.hooks.defaults(made, told)
            SCHEMAS.validator(self.stored_schema).complete(made, FILL)
            if prepare is not None:
                prepare(made, told)
        except BadRequest:
            return False
        return True

    def _findings(self, made: Object, validate: Any, told: Any) -> Sequence[Cause]:
        causes = [] if validate is None else list(validate(made, told))
        if not self.hooks.complete_rules:
            causes += SCHEMAS.validator(self.stored_schema).required(made)
        assert all(isinstance(cause, Cause) for cause in causes)
        orjson.dumps([[cause.reason, cause.message, cause.field] for cause in causes])
        if not causes and self.hooks.warnings is not None:
            assert all(isinstance(text, str) for text in self.hooks.warnings(made, told))
        return causes

    def show(self, stored: Object) -> None:
        """Everything that is read from an object in storage."""
        self._show_row(stored)
        if self.definition.row_conditions is not None:
            orjson.dumps(self.definition.row_conditions(stored))
        for field in self.definition.selectable_fields.values():
            assert isinstance(field(stored), str)
        if self.hooks.graceful_deletion_seconds is not None:
            self.hooks.graceful_deletion_seconds(stored, None)
        for version in self.definition.versions:
            served = copy.deepcopy(stored)
            if version.from_storage is not None:
                version.from_storage(served)
            SCHEMAS.validator(version.schema).complete(served, FINISH)
            served["kind"] = self.definition.kind
            served["apiVersion"] = "/".join(filter(None, (self.definition.group, version.name)))
            orjson.dumps(served)
            try:
                ENCODER.document(served)
            except Unwritable:
                continue

    def _show_row(self, stored: Object) -> None:
        """Cells are the same one by one and together, with the nulls of storage and without."""
        cells = [column.cell(stored, 0.0) for column in self.definition.columns]
        orjson.dumps(cells)
        finished = copy.deepcopy(stored)
        SCHEMAS.validator(self.stored_schema).complete(finished, FINISH)
        assert cells == [column.cell(finished, 0.0) for column in self.definition.columns]
        if self.definition.row_cells is not None:
            assert self.definition.row_cells(finished, 0.0) == cells
        fields = self.definition.selectable_fields.values()
        assert [field(stored) for field in fields] == [field(finished) for field in fields]


def _stored_schema(definition: ResourceDefinition) -> str:
    """The definition of what is stored, which may be another group's."""
    owner = definition
    if definition.storage_group is not None:
        plural = definition.storage_plural or definition.plural
        owner = REGISTRY.resource(definition.storage_group, plural) or definition
    return next(v.schema for v in owner.versions if v.name == definition.storage_version)


@pytest.mark.parametrize("definition", STORED, ids=lambda d: d.resource)
def test_nothing_fails(definition: ResourceDefinition) -> None:
    kind = Kind(definition)
    endpoints = ("", *(each.name for each in definition.subresources))
    for version in definition.versions:
        maker, corpus = Maker(SCHEMAS, SEED), examples(definition)
        good = len(corpus)
        before: Object = {"metadata": {"name": "x"}}
        for _ in range(OBJECTS_PER_KIND):
            base = maker.random.choice(corpus)
            wild = maker.random.random() < 0.2
            sent = maker.object(version.schema) if wild else maker.changed(version.schema, base)
            made, old = kind.decoded(version, sent), kind.decoded(version, base)
            if made is None or old is None:
                continue
            again, other = copy.deepcopy(made), copy.deepcopy(made)
            if not kind.created(made):
                corpus.append(sent)
                del corpus[good : len(corpus) - KEPT]
            kind.show(made)
            kind.created(old)
            for subresource in endpoints:
                kind.updated(again, old, subresource)
                kind.show(again)
                again = copy.deepcopy(other)
            kind.updated(other, before, maker.random.choice(endpoints))
            before = made


def test_broken_timestamps_have_no_time() -> None:
    assert unix_time("yesterday") is None
    assert unix_time(None) is None
    assert unix_time("1970-01-01T00:01:00Z") == 60
    assert unix_time("1970-01-01T00:01:00.500000Z") == 60.5

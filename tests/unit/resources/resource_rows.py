"""Rows of tables as `kubectl get` shows them, for the tests around here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.registry import builtin_registry

REGISTRY = builtin_registry()
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def ago(**delta: int) -> str:
    return (NOW - timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(resource: str, obj: Object, *, wide: bool = False) -> dict[str, Any]:
    """Column name -> cell, as `kubectl get` (or `-o wide`) shows it."""
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    return {
        column.name: column.cell(obj, NOW.timestamp())
        for column in definition.columns
        if wide or column.priority == 0
    }


def named(name: str, **metadata: Any) -> Object:
    return {"name": name, "creationTimestamp": ago(minutes=5), **metadata}

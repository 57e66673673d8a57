"""Events, in both of their API groups: core/v1 and events.k8s.io/v1 are two views of one store.

They are stored in the shape of core/v1. Conversion renames fields and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import Group, text_at
from kapiserver.resources.definition import Column, Object, ResourceDefinition, WriteContext
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import (
    NAME,
    column,
    dig,
    doc,
    name,
    number,
    since,
    text,
    value_at,
)
from kapiserver.resources.strategies import without_status
from kapiserver.resources.validation.event_rules import (
    check_event,
    check_event_update,
    check_new_event,
)
from kapiserver.resources.validation.formats import Found

EVENTS = Group("events.k8s.io", "io.k8s.api.events")

# events.k8s.io/v1 name -> core/v1 name
_RENAMED = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}


def to_core(event: Object) -> None:
    for outer, stored in _RENAMED.items():
        if outer in event:
            event[stored] = event.pop(outer)
    # Both shapes print these even when they are empty.
    event.setdefault("involvedObject", {})


def from_core(event: Object) -> None:
    for outer, stored in _RENAMED.items():
        if stored in event:
            event[outer] = event.pop(stored)


def _validate_core(event: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_event(found, event, controller="reportingComponent")
    return found


def _validate(event: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_event(found, event, controller="reportingController")
    if context.old is None:
        check_new_event(found, event)
    else:
        check_event_update(found, event, context.old)
    return found


def _first_seen(event: Object, now: float) -> str:
    return since(dig(event, "firstTimestamp") or dig(event, "eventTime"), now)


def _last_seen(event: Object, now: float) -> str:
    observed = dig(event, "series", "lastObservedTime")
    if dig(event, "series") is not None:
        return since(observed, now)
    last = dig(event, "lastTimestamp")
    return since(last, now) if last else _first_seen(event, now)


def _count(event: Object, now: float) -> int:
    if dig(event, "series") is not None:
        return number(event, "series", "count")
    return number(event, "count") or 1


def _object(event: Object, now: float) -> str:
    kind = text(event, "involvedObject", "kind").lower()
    involved = text(event, "involvedObject", "name")
    return f"{kind}/{involved}" if involved else kind


def _source(event: Object, now: float) -> str:
    component = text(event, "source", "component") or text(event, "reportingComponent")
    instance = text(event, "source", "host") or text(event, "reportingInstance")
    return f"{component}, {instance}" if instance else component


def _message(event: Object, now: float) -> str:
    return text(event, "message").strip()


def _source_field(event: Object) -> str:
    return text(event, "source", "component") or text(event, "reportingComponent")


COLUMNS: tuple[Column, ...] = (
    column("Last Seen", _last_seen, doc("core.v1.Event.lastTimestamp")),
    column("Type", value_at("type"), doc("core.v1.Event.type")),
    column("Reason", value_at("reason"), doc("core.v1.Event.reason")),
    column("Object", _object, doc("core.v1.Event.involvedObject")),
    column(
        "Subobject",
        value_at("involvedObject", "fieldPath"),
        doc("core.v1.ObjectReference.fieldPath"),
        wide=True,
    ),
    column("Source", _source, doc("core.v1.Event.source"), wide=True),
    column("Message", _message, doc("core.v1.Event.message")),
    column("First Seen", _first_seen, doc("core.v1.Event.firstTimestamp"), wide=True),
    column("Count", _count, doc("core.v1.Event.count"), wide=True),
    column("Name", name, NAME.description, format="name", wide=True),
)

_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

# Selectors are evaluated on the stored shape, whichever group the request names.
_CORE_FIELDS = {
    **{f"involvedObject.{field}": text_at("involvedObject", field) for field in _REFERENCE},
    "reason": text_at("reason"),
    "reportingComponent": text_at("reportingComponent"),
    "source": _source_field,
    "type": text_at("type"),
}
_EVENTS_FIELDS = {
    **{f"regarding.{field}": text_at("involvedObject", field) for field in _REFERENCE},
    "reason": text_at("reason"),
    "reportingController": text_at("reportingComponent"),
    "type": text_at("type"),
}

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "Event",
        "events",
        short=("ev",),
        default_propagation="",
        name_rule=path_segment,
        strategy=without_status(validate=_validate_core, complete=True, create_on_update=True),
        columns=COLUMNS,
        fields=_CORE_FIELDS,
    ),
    EVENTS.resource(
        "Event",
        "events",
        versions=(EVENTS.version("v1", "Event", to_storage=to_core, from_storage=from_core),),
        short=("ev",),
        default_propagation="",
        name_rule=path_segment,
        strategy=without_status(validate=_validate, complete=True, create_on_update=True),
        columns=COLUMNS,
        fields=_EVENTS_FIELDS,
        storage_group="",
        storage_plural="events",
    ),
)

"""Events, as each of their two API groups wants them. In: events in their stored shape, which is
core/v1's. Out: findings worded as upstream's, under the names that its own types have. Pure.

core/v1 asks little, so that old clients go on working; events.k8s.io/v1 asks for a complete event
of the new kind, and lets an update change its series only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import immutable, invalid, required
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.printing import dig, text
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.label_syntax import qualified_name
from kapiserver.resources.validation.same import same

_MAX_TEXT = 128
_MAX_NOTE = 1024
_OTHER_NAMESPACE = "does not match event.namespace"
_UNSET = "needs to be unset"
_TYPES = ("Normal", "Warning")
_REFERENCE = ("Kind", "Namespace", "Name", "UID", "APIVersion", "ResourceVersion", "FieldPath")


def check_event(found: Found, event: Object, *, controller: str) -> None:
    """What holds for every event. `controller` is what the group calls the reporting controller."""
    namespace = text(event, "metadata", "namespace")
    involved = text(event, "involvedObject", "namespace")
    if event.get("eventTime"):
        if not involved and namespace not in ("default", "kube-system"):
            found.append(invalid("involvedObject.namespace", involved, _OTHER_NAMESPACE))
        _check_new(found, event, controller)
    elif involved != namespace and (involved or namespace not in ("", "default")):
        found.append(invalid("involvedObject.namespace", involved, _OTHER_NAMESPACE))
    found += [invalid("namespace", namespace, why) for why in dns1123_subdomain(namespace)]


def _check_new(found: Found, event: Object, controller: str) -> None:
    reporter = text(event, "reportingComponent")
    if not reporter:
        found.append(required(controller))
    found += [invalid(controller, reporter, problem) for problem in qualified_name(reporter)]
    for field in ("reportingInstance", "action", "reason"):
        value = text(event, field)
        if not value:
            found.append(required(field))
        _check_length(found, value, field, _MAX_TEXT)
    _check_length(found, text(event, "message"), "message", _MAX_NOTE)


def _check_length(found: Found, value: str, field: str, limit: int) -> None:
    if len(value.encode()) > limit:
        found.append(invalid(field, "", f"can have at most {limit} characters"))


def check_new_event(found: Found, event: Object) -> None:
    """What events.k8s.io/v1 asks of an event that is created through it."""
    name = text(event, "metadata", "name")
    found += [invalid("metadata.name", name, why) for why in dns1123_subdomain(name)]
    _check_series(found, event)
    if not event.get("eventTime"):
        found.append(required("eventTime"))
    if text(event, "type") not in _TYPES:
        found.append(invalid("type", "", f"has invalid value: {text(event, 'type')}"))
    found += [
        invalid(field, "", _UNSET)
        for field in ("firstTimestamp", "lastTimestamp", "count")
        if event.get(field)
    ]
    if text(event, "source", "component") or text(event, "source", "host"):
        found.append(invalid("source", "", _UNSET))


def _check_series(found: Found, event: Object) -> None:
    series = event.get("series")
    if series is None:
        return
    if (series.get("count") or 0) < 2:
        found.append(invalid("series.count", "", "should be at least 2"))
    if not series.get("lastObservedTime"):
        found.append(required("series.lastObservedTime"))


def check_event_update(found: Found, event: Object, old: Object) -> None:
    """Through events.k8s.io/v1 an event only goes on happening."""
    if not same(event.get("series"), old.get("series")):
        _check_series(found, event)
    found += [
        immutable(name, value)
        for (name, value), (_, was) in zip(_fixed(event), _fixed(old), strict=True)
        if value != was
    ]


def _fixed(event: Object) -> Iterator[tuple[str, Any]]:
    """What does not change, as it is shown."""
    yield "involvedObject", _reference(event.get("involvedObject") or {})
    yield "reason", text(event, "reason")
    yield "message", text(event, "message")
    source = {"Component": ("component",), "Host": ("host",)}
    yield "source", {shown: text(event, "source", *path) for shown, path in source.items()}
    yield "firstTimestamp", event.get("firstTimestamp")
    yield "lastTimestamp", event.get("lastTimestamp")
    yield "count", event.get("count") or 0
    yield "type", text(event, "type")
    yield "eventTime", event.get("eventTime")
    yield "action", text(event, "action")
    related = dig(event, "related")
    yield "related", None if related is None else _reference(related)
    yield "reportingController", text(event, "reportingComponent")
    yield "reportingInstance", text(event, "reportingInstance")


def _reference(reference: Object) -> Object:
    fields = {shown: shown[:1].lower() + shown[1:] for shown in _REFERENCE}
    fields |= {"UID": "uid", "APIVersion": "apiVersion"}
    return {shown: text(reference, field) for shown, field in fields.items()}

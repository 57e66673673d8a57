"""Events, as each of their two API groups wants them."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, refused, update_refused

from kapiserver.resources.definition import Object

CORE, EVENTS = "events", "events.events.k8s.io"
TIME = "2026-11-22T00:00:00.000000Z"
OTHER = "does not match event.namespace"
OLD: Object = {
    "metadata": {"name": "e", "namespace": "prod"},
    "involvedObject": {"kind": "Pod", "name": "web", "namespace": "prod"},
}
NEW: Object = {
    **OLD,
    "eventTime": TIME,
    "reportingComponent": "acme.io/watcher",
    "reportingInstance": "w-1",
    "action": "Look",
    "reason": "Seen",
    "message": "There it is.",
    "type": "Normal",
}


def test_an_event_of_the_old_kind_only_stays_in_its_namespace() -> None:
    assert refused(CORE, OLD) == []
    assert refused(CORE, changed(OLD, "involvedObject.namespace", "test")) == [
        ("involvedObject.namespace", f'Invalid value: "test": {OTHER}')
    ]
    nowhere = changed(OLD, "involvedObject", None)
    assert refused(CORE, nowhere) == [("involvedObject.namespace", f'Invalid value: "": {OTHER}')]
    assert refused(CORE, changed(nowhere, "metadata.namespace", "default")) == []


def test_the_old_group_takes_events_of_the_new_kind_by_their_own_rules() -> None:
    bare = {**OLD, "eventTime": TIME, "message": "x" * 1025, "action": "x" * 129}
    assert refused(CORE, bare) == [
        ("reportingComponent", "Required value"),
        ("reportingComponent", 'Invalid value: "": name part must be non-empty'),
        (
            "reportingComponent",
            'Invalid value: "": name part must consist of alphanumeric characters, '
            "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
            "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ),
        ("reportingInstance", "Required value"),
        ("action", 'Invalid value: "": can have at most 128 characters'),
        ("reason", "Required value"),
        ("message", 'Invalid value: "": can have at most 1024 characters'),
    ]


STRICT: Cases = [
    ("eventTime", None, [("eventTime", "Required value")]),
    ("type", "Bad", [("type", 'Invalid value: "": has invalid value: Bad')]),
    ("count", 2, [("count", 'Invalid value: "": needs to be unset')]),
    ("source", {"host": "n1"}, [("source", 'Invalid value: "": needs to be unset')]),
    (
        "series",
        {"count": 1},
        [
            ("series.count", 'Invalid value: "": should be at least 2'),
            ("series.lastObservedTime", "Required value"),
        ],
    ),
    ("reportingComponent", "a/b/c", [("reportingController", "Invalid value")]),
]


@pytest.mark.parametrize(("path", "value", "causes"), STRICT)
def test_the_new_group_wants_complete_events(
    path: str, value: Any, causes: list[tuple[str, str]]
) -> None:
    found = refused(EVENTS, changed(NEW, path, value))
    assert [
        (field, message[: len(text)])
        for (field, message), (_, text) in zip(found, causes, strict=True)
    ] == causes


def test_through_the_new_group_an_event_only_goes_on_happening() -> None:
    series = {"count": 2, "lastObservedTime": TIME}
    assert update_refused(EVENTS, NEW, changed(NEW, "series", series)) == []
    new = changed(changed(NEW, "reason", "Gone"), "involvedObject.name", "db")
    assert update_refused(EVENTS, NEW, new) == [
        (
            "involvedObject",
            'Invalid value: {"Kind":"Pod","Namespace":"prod","Name":"db","UID":"",'
            '"APIVersion":"","ResourceVersion":"","FieldPath":""}: field is immutable',
        ),
        ("reason", 'Invalid value: "Gone": field is immutable'),
    ]
    assert update_refused(CORE, NEW, new) == []
    # what the old group stored may go on through the new one
    assert update_refused(EVENTS, OLD, changed(OLD, "series", series)) == []

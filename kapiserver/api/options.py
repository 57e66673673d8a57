"""The parameters of the verbs: Create-, Update-, Patch-, Delete-, Get- and ListOptions.

In: a query, and for deletes a decoded body. Out: checked options. Raises BadRequest for what cannot
be decoded and Invalid (422, kind `<X>Options`) for what is decoded but not allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kapiserver.api import negotiation
from kapiserver.api.apply.managers import check_name
from kapiserver.api.field_selector import FieldSelector, FieldSelectorError, parse_fields
from kapiserver.api.go_text import kind_name, quoted
from kapiserver.api.label_selector import LabelSelector, SelectorError, parse_labels
from kapiserver.errors import BadRequest, Cause, Invalid, UnclassifiedError
from kapiserver.pipeline.query import Query, first, flag
from kapiserver.resources.definition import ResourceDefinition
from kapiserver.resources.field_errors import forbidden, invalid, not_supported, unsupported

IGNORE, WARN, STRICT = "Ignore", "Warn", "Strict"
_FIELD_VALIDATIONS = (IGNORE, WARN, STRICT)
_PROPAGATIONS = ("Foreground", "Background", "Orphan")
EXACT, NOT_OLDER_THAN = "Exact", "NotOlderThan"
_MATCHES = (EXACT, NOT_OLDER_THAN)


def _refuse(kind: str, causes: list[Cause]) -> None:
    if causes:
        raise Invalid.of("meta.k8s.io", kind, "", causes)


_INT64 = (-(1 << 63), (1 << 63) - 1)
_LONGEST = 4096  # digits, zeros in front among them: Python refuses longer ones


def _integer(query: Query, name: str) -> int | None:
    text = first(query, name)
    if not text:
        return None
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()):
        raise BadRequest(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    if len(digits) > _LONGEST or not _INT64[0] <= int(text) <= _INT64[1]:
        raise BadRequest(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return int(text)


def resource_version(text: str) -> str:
    """A resourceVersion of a get or a watch: empty, or digits. What is none is a 500 upstream."""
    if problem := _revision_problem(text):
        raise UnclassifiedError(problem)
    return str(int(text)) if text else ""


def _listed_version(text: str) -> str:
    if problem := _revision_problem(text):
        raise BadRequest(f"invalid resource version: {problem}")
    return str(int(text)) if text else ""


def _revision_problem(text: str) -> str:
    if not text:
        return ""
    if not (text.isascii() and text.isdigit()):
        why = "invalid syntax"
    elif len(text) > _LONGEST or int(text) >= 1 << 64:
        why = "value out of range"
    else:
        return ""
    return (
        f"resourceVersion: Invalid value: {quoted(text)}: strconv.ParseUint: "
        f"parsing {quoted(text)}: {why}"
    )


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Create-, Update- and PatchOptions. `force` is for applying only."""

    dry_run: bool = False
    field_validation: str = WARN
    field_manager: str = ""
    force: bool = False


_DEFAULT_WRITE = WriteOptions()


def write_options(query: Query, kind: str) -> WriteOptions:
    if not query:
        return _DEFAULT_WRITE
    causes: list[Cause] = []
    dry_run = _dry_run(query.get("dryRun", []), causes)
    validation = first(query, "fieldValidation") or WARN
    if validation not in _FIELD_VALIDATIONS:
        causes.append(not_supported("fieldValidation", validation, ("", *_FIELD_VALIDATIONS)))
    manager = first(query, "fieldManager")
    causes += check_name(manager, "fieldManager")
    force = flag(query, "force")
    if force and kind == "PatchOptions":
        causes.append(forbidden("force", "may not be specified for non-apply patch"))
    _refuse(kind, causes)
    return WriteOptions(dry_run, validation, manager, force)


def _dry_run(values: list[str], causes: list[Cause]) -> bool:
    if any(value != "All" for value in values):
        causes.append(not_supported("dryRun", values, ("All",)))
    return bool(values)


@dataclass(slots=True)
class DeleteOptions:
    """None means that the client did not say."""

    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    orphan_dependents: bool | None = None
    propagation_policy: str | None = None
    dry_run: bool = False


def delete_options(query: Query, body: dict[str, Any] | None) -> DeleteOptions:
    """The body's options if there is a body, else the query's: as upstream, never a mix."""
    causes: list[Cause] = []
    if body is not None:
        options = _from_body(body, causes)
    else:
        options = DeleteOptions(
            grace_period_seconds=_integer(query, "gracePeriodSeconds"),
            orphan_dependents=flag(query, "orphanDependents")
            if "orphanDependents" in query
            else None,
            propagation_policy=first(query, "propagationPolicy") or None,
            dry_run=_dry_run(query.get("dryRun", []), causes),
        )
    dry, causes = causes, []
    policy = options.propagation_policy
    if options.orphan_dependents is not None and policy is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid("propagationPolicy", policy, detail))
    if policy is not None and policy not in _PROPAGATIONS:
        causes.append(not_supported("propagationPolicy", policy, (*_PROPAGATIONS, "nil")))
    _refuse("DeleteOptions", causes + dry)
    return options


def _from_body(body: dict[str, Any], causes: list[Cause]) -> DeleteOptions:
    preconditions = _member(body, "preconditions", dict) or {}
    dry_run = _member(body, "dryRun", list) or []
    return DeleteOptions(
        grace_period_seconds=_member(body, "gracePeriodSeconds", int),
        uid=_member(preconditions, "uid", str),
        resource_version=_member(preconditions, "resourceVersion", str),
        orphan_dependents=_member(body, "orphanDependents", bool),
        propagation_policy=_member(body, "propagationPolicy", str),
        dry_run=_dry_run([str(value) for value in dry_run], causes),
    )


def _member(body: dict[str, Any], name: str, expected: type) -> Any:
    value = body.get(name)
    if value is None or type(value) is expected:
        return value
    raise BadRequest(
        f"json: cannot unmarshal {kind_name(value)} into Go struct field DeleteOptions.{name}"
    )


@dataclass(slots=True)
class ListOptions:
    """Of list, watch and deletecollection. `fields` excludes nothing: names are in it too."""

    labels: LabelSelector | None = None
    fields: FieldSelector | None = None
    resource_version: str = ""
    resource_version_match: str = ""
    limit: int = 0
    continue_token: str = ""
    timeout: float | None = None
    bookmarks: bool = False
    send_initial_events: bool | None = None


def list_options(query: Query, definition: ResourceDefinition, *, watch: bool) -> ListOptions:
    if not query:
        return ListOptions(send_initial_events=True if watch else None)
    # All numbers are read, also those that are not for this verb, before the selectors are.
    seconds, limit = _integer(query, "timeoutSeconds"), _integer(query, "limit")
    labels, fields = _selectors(query, definition)
    options = ListOptions(
        labels=labels,
        fields=fields,
        resource_version=first(query, "resourceVersion"),
        resource_version_match=first(query, "resourceVersionMatch"),
        limit=max(limit or 0, 0),
        continue_token=first(query, "continue"),
        bookmarks=flag(query, "allowWatchBookmarks"),
        send_initial_events=flag(query, "sendInitialEvents")
        if "sendInitialEvents" in query
        else None,
    )
    if watch and _starts_at_a_state(options):
        options.send_initial_events = True
        options.resource_version_match = NOT_OLDER_THAN
    _refuse("ListOptions", _watch_causes(options) if watch else _list_causes(options))
    if watch:
        options.resource_version = resource_version(options.resource_version)
        options.timeout = float(max(seconds, 0)) if seconds else None
    elif not options.continue_token:  # with one, there may be no revision, valid or not
        options.resource_version = _listed_version(options.resource_version)
    return options


def _selectors(
    query: Query, definition: ResourceDefinition
) -> tuple[LabelSelector | None, FieldSelector | None]:
    labels = fields = None
    if text := first(query, "labelSelector"):
        try:
            labels = parse_labels(text) or None
        except SelectorError as error:
            raise BadRequest(str(error)) from error
    if text := first(query, "fieldSelector"):
        try:
            labels_known, refusal = definition.field_labels, definition.field_refusal
            fields = parse_fields(text, labels_known, refusal) or None
        except FieldSelectorError as error:
            raise BadRequest(str(error)) from error
    return labels, fields


def _list_causes(options: ListOptions) -> list[Cause]:
    causes: list[Cause] = []
    match, name = options.resource_version_match, "resourceVersionMatch"
    if match:
        if not options.resource_version:
            detail = f"{name} is forbidden unless resourceVersion is provided"
            causes.append(forbidden(name, detail))
        if options.continue_token:
            causes.append(forbidden(name, f"{name} is forbidden when continue is provided"))
        if match not in _MATCHES:
            causes.append(unsupported(name, match, (*_MATCHES, "")))
        if match == EXACT and options.resource_version == "0":
            detail = f'{name} "exact" is forbidden for resourceVersion "0"'
            causes.append(forbidden(name, detail))
    if options.send_initial_events is not None:
        causes.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _starts_at_a_state(options: ListOptions) -> bool:
    """The old way to ask for all objects first: no revision, and not a word on how to begin."""
    return (
        options.send_initial_events is None
        and not options.resource_version_match
        and options.resource_version in ("", "0")
    )


def _watch_causes(options: ListOptions) -> list[Cause]:
    causes: list[Cause] = []
    match, name = options.resource_version_match, "resourceVersionMatch"
    initial = options.send_initial_events is not None
    if initial and match != NOT_OLDER_THAN:
        detail = f"sendInitialEvents requires setting {name} to {NOT_OLDER_THAN}"
        causes.append(forbidden(name, detail))
    if match and not initial:
        detail = f"{name} is forbidden for watch unless sendInitialEvents is provided"
        causes.append(forbidden(name, detail))
    if match and match != NOT_OLDER_THAN:
        causes.append(not_supported(name, match, (NOT_OLDER_THAN,)))
    if match and options.continue_token:
        causes.append(forbidden(name, f"{name} is forbidden when continue is provided"))
    return causes


INCLUDES = ("", "None", "Metadata", "Object")


def include_object(query: Query) -> str:
    """TableOptions: how much of the object comes with a row."""
    include = first(query, "includeObject")
    if include not in INCLUDES:
        detail = "must be 'Metadata', 'Object', 'None', or empty"
        problem = invalid("includeObject", include, detail)
        raise BadRequest(
            f"Unable to convert to {negotiation.TABLE} as requested: "
            f"{problem.field}: {problem.message}"
        )
    return include or "Metadata"

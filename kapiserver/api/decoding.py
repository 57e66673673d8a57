"""From the body of a write to an object that fits its schema.

In: a call and how strict the client wants us to be. Out: a decoded object in the served version,
unknown fields dropped. Raises BadRequest with upstream's sentences; under Warn the strict findings
become warnings instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.api.body import BODY_LIMIT, BodyError, parse_body, summarized, warnings_of
from kapiserver.api.call import Call
from kapiserver.api.go_text import kind_name
from kapiserver.api.negotiation import JSON, body_media_type
from kapiserver.api.options import IGNORE, STRICT
from kapiserver.api.scope import Scope
from kapiserver.errors import BadRequest
from kapiserver.resources.definition import Object

_TYPE_META = (
    'json: cannot unmarshal {} into Go value of type struct {{ APIVersion string "json:'
    '\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }}'
)


# Where upstream's types of a group live, if not under the first part of its name.
_PACKAGES = {"": "core", "events.k8s.io": "core"}
_SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"


async def read_object(call: Call, validation: str) -> Object:
    """The object in a request's body."""
    scope = call.scope
    request = call.context.request
    media_type = body_media_type(request.header(b"content-type"), custom=scope.is_custom)
    body = await request.body(BODY_LIMIT)
    try:
        document = parse_body(body, media_type, strict=validation != IGNORE, message=scope.message)
    except BodyError as error:
        raise _unrecognized(scope.kind, error.problem, body) from error
    obj = {} if document.value is None else document.value  # as Go reads null
    if not isinstance(obj, dict):
        problem = _TYPE_META.format(kind_name(obj))
        raise _unrecognized(
            scope.kind, f"couldn't get version/kind; json parse error: {problem}", body
        )
    _check_type(call, obj, body)
    findings = scope.validator.check(obj, on_unknown="collect")
    if findings.error:
        raise _unusable(scope, findings.error)
    strict = [*document.duplicates, *unknown_fields(findings.unknown)]
    if strict and validation != IGNORE:
        if document.duplicates and media_type == JSON:
            strict = scope.validator.strict_findings(body)
        if strict and validation == STRICT:
            raise _unusable(scope, f"strict decoding error: {', '.join(strict)}")
        for finding in strict:
            for warning in warnings_of(finding):
                call.context.warn(warning)
    return obj


def unknown_fields(paths: Sequence[str]) -> list[str]:
    return [f'unknown field "{path}"' for path in paths]


def _check_type(call: Call, obj: Object, body: bytes) -> None:
    """apiVersion and kind may be left out; what is there must be what the URL says."""
    scope = call.scope
    if obj.get("kind") == scope.kind and obj.get("apiVersion") == scope.api_version:
        return
    for field, expected in (("apiVersion", scope.api_version), ("kind", scope.kind)):
        given = obj.get(field)
        if not isinstance(given, str | None):
            problem = (
                "couldn't get version/kind; json parse error: json: cannot unmarshal "
                f"{kind_name(given)} into Go struct field .{field} of type string"
            )
            raise _unrecognized(scope.kind, problem, body)
        obj[field] = given or expected
    kind, api_version = obj["kind"], obj["apiVersion"]
    if kind == scope.kind and api_version == scope.api_version:
        return
    version = api_version.rpartition("/")[2]
    problem = other_kind(call, kind, api_version)
    raise BadRequest(
        f'{kind} in version "{version}" cannot be handled as a {scope.kind}: {problem}'
    )


def other_kind(call: Call, kind: str, api_version: str) -> str:
    """Why an object that says that it is another kind cannot be taken."""
    scope = call.scope
    group, _, version = api_version.rpartition("/")
    if call.services.scopes.registry.lookup_kind(group, version, kind) is None:
        return f'no kind "{kind}" is registered for version "{api_version}" in scheme "{_SCHEME}"'
    if kind == scope.kind:
        raise BadRequest(
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({scope.api_version})"
        )
    package = _PACKAGES.get(scope.group) or scope.group.partition(".")[0]
    return f"converting ({version}.{kind}) to ({package}.{scope.kind}): unknown conversion"


def _unusable(scope: Scope, problem: str) -> BadRequest:
    return BadRequest(
        f'{scope.kind} in version "{scope.version.name}" cannot be handled as a {scope.kind}: '
        f"{problem}"
    )


def _unrecognized(kind: str, problem: str, body: bytes) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind}): {problem} "
        f"({summarized(body)})"
    )

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
    obj = document.value
    if not isinstance(obj, dict):
        problem = _TYPE_META.format(kind_name(obj))
        raise _unrecognized(
            scope.kind, f"couldn't get version/kind; json parse error: {problem}", body
        )
    _check_type(scope, obj)
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


def _check_type(scope: Scope, obj: Object) -> None:
    """apiVersion and kind may be left out; what is there must be what the URL says."""
    kind = obj.setdefault("kind", scope.kind)
    api_version = obj.setdefault("apiVersion", scope.api_version)
    if kind == scope.kind and api_version == scope.api_version:
        return
    if not isinstance(kind, str) or not isinstance(api_version, str):
        wrong = kind if not isinstance(kind, str) else api_version
        raise BadRequest(_TYPE_META.format(kind_name(wrong)))
    if kind == scope.kind:
        raise BadRequest(
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({scope.api_version})"
        )
    version = api_version.rpartition("/")[2]
    raise BadRequest(
        f'{kind} in version "{version}" cannot be handled as a {scope.kind}: '
        f"converting ({version}.{kind}) to ({scope.version.name}.{scope.kind}): unknown conversion"
    )


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

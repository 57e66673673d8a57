"""PATCH: the Content-Type says how the body is to be read; conflicts are retried on fresh objects.

Server-side apply is PATCH too, with a content type of its own: see `apply`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, NoReturn

import orjson

from kapiserver.api.answers import object_answer
from kapiserver.api.apply.verb import apply, is_apply
from kapiserver.api.body import BODY_LIMIT, BodyError, parse_body
from kapiserver.api.call import Call
from kapiserver.api.decoding import (
    group_version_of,
    no_type,
    other_kind,
    same_resource,
    unknown_fields,
)
from kapiserver.api.go_text import kind_name, plain
from kapiserver.api.large_bodies import apart
from kapiserver.api.negotiation import (
    APPLY_PATCH,
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    media_type,
    unsupported,
)
from kapiserver.api.options import IGNORE, STRICT, WriteOptions, write_options
from kapiserver.api.patches import json_patch, merge_patch, strategic
from kapiserver.api.patches.json_patch import JsonPatchError
from kapiserver.api.patches.patch_values import BadDirective, ListOfLists, StrategicPatchError
from kapiserver.api.patches.restoring import fault, whole_numbers
from kapiserver.api.render import output_of
from kapiserver.api.scope import Scope
from kapiserver.api.write import AbsentError, Build, Update
from kapiserver.errors import (
    ApiError,
    BadRequest,
    Invalid,
    RequestEntityTooLarge,
    UnclassifiedError,
    UnsupportedMediaType,
)
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.schema.compiled import CLEAN
from kapiserver.resources.schema.complete import FINISH
from kapiserver.resources.schema.reading import Unreadable, encoded_again, in_key_order
from kapiserver.resources.schema.strictness import MAX_FINDINGS

MAX_OPERATIONS = 10_000

PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)
CUSTOM_PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
# What Go decodes into: a list, and its items. The library's types, or strict ones in front of it.
_OPERATION_TYPES = (
    ("jsonpatch.Patch", "jsonpatch.Operation"),
    ("[]handlers.jsonPatchOp", "handlers.jsonPatchOp"),
)
_NO_MERGE_PATCH = "Invalid JSON Patch"
_OPERATION_FIELDS = ("op", "path", "from", "value")


class UnprocessablePatch(ApiError):
    """422: a well-formed patch that does not fit the object. Upstream does not tell what is wrong,
    and clients compare with its sentence."""

    code, reason = 422, "Invalid"
    empty_details = True

    def __init__(self) -> None:
        super().__init__("the server rejected our request due to an error in our request")


async def patch(call: Call) -> Response:
    if is_apply(call):
        return await apply(call)
    patch_type(call)
    output = output_of(call.context)
    build, options = await read_patch(call)
    try:
        stored = await Update(call, call.name, options, build).run()
    except AbsentError:
        raise call.not_found() from None
    return object_answer(call, stored, output)


async def read_patch(call: Call) -> tuple[Build, WriteOptions]:
    """The patch in the body as a function on the served version of the object."""
    options = write_options(call.context.query, "PatchOptions")
    try:
        body = await _read_body(call, options)
    except _UnreadablePatch as error:
        return partial(_refuse, error.refusal), options
    change = _application(call, body.content_type)

    def build(current: Object) -> Object:
        patched = change(current, orjson.loads(body.text))
        return _checked(call, patched, options.field_validation, body)

    return build, options


class _UnreadablePatch(Exception):
    """What is not a patch is looked at, and refused, when there is an object to apply it to."""

    def __init__(self, refusal: ApiError) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def _refuse(refusal: ApiError, current: Any) -> NoReturn:
    raise refusal


async def parse_plain_patch(call: Call, options: WriteOptions) -> Callable[[Any], Any]:
    """The patch in the body as a function on a document that has no schema here (Scale)."""
    try:
        body = await _read_body(call, options)
    except _UnreadablePatch as error:
        return partial(_refuse, error.refusal)
    if body.content_type == JSON_PATCH:
        return lambda document: _apply_json_patch(document, orjson.loads(body.text))
    return lambda document: merge_patch.apply(document, orjson.loads(body.text))


class _Body(NamedTuple):
    content_type: str
    text: bytes
    duplicates: list[str]


def patch_type(call: Call) -> str:
    """A patch of no known type is refused before anything else of the request is looked at."""
    content_type = media_type(call.context.request.header(b"content-type"))
    if call.scope.is_custom:
        if content_type not in CUSTOM_PATCH_TYPES:
            raise unsupported(CUSTOM_PATCH_TYPES)
    elif content_type not in PATCH_TYPES:
        raise UnsupportedMediaType.routed()
    return content_type


async def _read_body(call: Call, options: WriteOptions) -> _Body:
    """Raises _UnreadablePatch."""
    content_type = patch_type(call)
    text = await call.context.request.body(BODY_LIMIT)
    try:
        return await _parsed(content_type, text, strict=options.field_validation != IGNORE)
    except ApiError as refusal:
        raise _UnreadablePatch(refusal) from refusal


async def _parsed(content_type: str, text: bytes, *, strict: bool) -> _Body:
    # a strategic merge patch is decoded without further words
    prefix = "" if content_type == STRATEGIC_PATCH or not strict else "error decoding patch: "
    try:
        parsed = await apart(len(text), partial(parse_body, text, JSON, strict=strict))
    except BodyError as error:
        if content_type == MERGE_PATCH and not strict:
            raise BadRequest(_NO_MERGE_PATCH) from error
        raise BadRequest(f"{prefix}{error}") from error
    value, duplicates = parsed.value, parsed.duplicates
    if content_type == JSON_PATCH:
        unknown = _check_operations([] if value is None else value, strict)
        found = sorted([*unknown, *duplicates], key=_operation_of)
        duplicates = [f"json patch {finding}" for finding in found]
    elif content_type == MERGE_PATCH and not strict:
        if not isinstance(value, dict | list):
            raise BadRequest(_NO_MERGE_PATCH)
    elif value is not None and not isinstance(value, dict):
        raise BadRequest(
            f"{prefix}json: cannot unmarshal {kind_name(value)} into Go value "
            "of type map[string]interface {}"
        )
    elif value is None and content_type == MERGE_PATCH:
        raise BadRequest(_NO_MERGE_PATCH)
    text = parsed.written
    if value is None:  # which changes nothing
        text = b"[]" if content_type == JSON_PATCH else b"{}"
    return _Body(content_type, text, duplicates)


def _operation_of(finding: str) -> int:
    """`unknown field "[3].x"`: 3."""
    return int(finding.partition("[")[2].partition("]")[0])


def _application(call: Call, content_type: str) -> Callable[[Object, Any], Any]:
    if content_type == MERGE_PATCH:
        return merge_patch.apply
    if content_type == JSON_PATCH:
        return partial(_patch_as_written, call.scope)
    schema = call.scope.patch_meta

    def apply_strategic(current: Object, body: Any) -> Any:
        try:
            return strategic.apply(current, body, schema)
        except StrategicPatchError as error:
            raise _refusal(error) from error

    return apply_strategic


def _refusal(error: StrategicPatchError) -> ApiError:
    """Upstream knows two classes of these; with the others it fails."""
    if isinstance(error, BadDirective):
        return BadRequest(str(error))
    return UnprocessablePatch() if isinstance(error, ListOfLists) else UnclassifiedError(str(error))


def _patch_as_written(scope: Scope, current: Object, operations: Any) -> Any:
    """A JSON patch may name what readers see as null."""
    scope.validator.complete(current, FINISH)
    return _apply_json_patch(current, operations)


def _apply_json_patch(current: Object, operations: Any) -> Any:
    try:
        return json_patch.apply(current, operations)
    except (JsonPatchError, orjson.JSONEncodeError) as error:
        raise UnprocessablePatch from error


def _check_operations(operations: Any, strict: bool) -> list[str]:
    """What strict decoding finds in the operations."""
    many, one = _OPERATION_TYPES[strict]
    prefix = "error decoding patch: " if strict else ""
    if not isinstance(operations, list):
        raise BadRequest(
            f"{prefix}json: cannot unmarshal {kind_name(operations)} into Go value of type {many}"
        )
    unknown: list[str] = []
    for index, operation in enumerate(operations):
        if operation is None:
            continue
        if not isinstance(operation, dict):
            raise BadRequest(
                f"{prefix}json: cannot unmarshal {kind_name(operation)} into Go value of type {one}"
            )
        for field, value in operation.items() if strict else ():
            if field not in _OPERATION_FIELDS:
                unknown.append(f'unknown field "[{index}].{field}"')
            elif field != "value" and value is not None and not isinstance(value, str):
                raise BadRequest(
                    f"{prefix}json: cannot unmarshal {kind_name(value)} into Go struct field "
                    f"{one.rpartition('.')[2]}.{field} of type string"
                )
    if len(operations) > MAX_OPERATIONS:
        raise RequestEntityTooLarge(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, "
            f"got {len(operations)}"
        )
    return unknown[:MAX_FINDINGS]


def _checked(call: Call, patched: Any, validation: str, body: _Body) -> Object:
    """The patched document as an object of the schema."""
    strategic_patch = body.content_type == STRATEGIC_PATCH
    if not isinstance(patched, dict):
        raise _unusable(patched, no_type(patched))
    try:
        written = encoded_again(patched)
    except Unreadable as error:  # each part was fine, but they nest too deep together
        raise BadRequest(f"error decoding patch: {error}") from error
    scope = call.scope
    source = scope if strategic_patch else _typed(call, patched)
    patched["kind"], patched["apiVersion"] = source.kind, source.api_version
    findings = source.validator.check(patched, on_unknown="collect")
    if findings != CLEAN and not strategic_patch:
        # what they find, they find in the order in which Go writes maps
        patched = orjson.loads(in_key_order(written))
        patched["kind"], patched["apiVersion"] = source.kind, source.api_version
        findings = source.validator.check(patched, on_unknown="collect")
    if findings.error and strategic_patch:
        schemas, patched = scope.field_types.schemas, orjson.loads(written)
        place = schemas.node(scope.version.schema)
        problem = fault(schemas, place, patched)
        if not problem:
            whole_numbers(schemas, place, patched)
            patched["kind"], patched["apiVersion"] = scope.kind, scope.api_version
            findings = scope.validator.check(patched, on_unknown="collect")
            problem = findings.error
        if problem:
            raise _unusable(orjson.loads(body.text), problem, go=True)
    if findings.error:
        raise _unusable(orjson.loads(in_key_order(written)), findings.error)
    strict = [*body.duplicates, *unknown_fields(findings.unknown)]
    if strict and validation == STRICT:
        shown = orjson.loads(body.text if strategic_patch else in_key_order(written))
        problem = f"strict decoding error: {', '.join(strict)}"
        raise _unusable(shown, problem, go=strategic_patch)
    if validation != IGNORE:
        for finding in strict:
            call.context.warn(finding)
    if source is not scope:
        scope.from_storage(source.to_storage(patched))
    obj: Object = patched
    return obj


def _typed(call: Call, patched: Object) -> Scope:
    """What a document says that it is: mostly what it was, maybe the same in another version.

    A document that is now of another kind is refused. Without a kind it is what it was.
    """
    scope = call.scope
    kind = patched.get("kind") or scope.kind
    api_version = patched.get("apiVersion") or scope.api_version
    for field, given in (("apiVersion", api_version), ("kind", kind)):
        if not isinstance(given, str):
            raise _unusable(patched, no_type(given, field))
    if (kind, api_version) == (scope.kind, scope.api_version):
        return scope
    try:
        names = group_version_of(api_version, scope.group, scope.version.name)
    except ValueError as error:
        raise _unusable(patched, str(error)) from error
    other = same_resource(call, kind, *names)
    if other is None:
        raise _unusable(patched, other_kind(call, kind, *names))
    return other


def _unusable(document: Any, problem: str, *, go: bool = False) -> Invalid:
    """`go`: the document is shown as Go prints a map, not as JSON."""
    shown = plain(document) if go else orjson.dumps(document).decode()
    return Invalid.of("", "", "", [invalid("patch", shown, problem)])

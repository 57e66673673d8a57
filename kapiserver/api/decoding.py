"""From the body of a write to an object that fits its schema.

In: a call and how strict the client wants us to be. Out: a decoded object in the served version,
unknown fields dropped. Raises BadRequest with upstream's sentences; under Warn the strict findings
become warnings instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from kapiserver.api.body import (
    BODY_LIMIT,
    BodyError,
    Document,
    parse_body,
    summarized,
    warnings_of,
)
from kapiserver.api.body_type import BodyType
from kapiserver.api.call import Call
from kapiserver.api.go_text import kind_name, package_of
from kapiserver.api.large_bodies import apart
from kapiserver.api.metadata import match_namespace, metadata_of
from kapiserver.api.negotiation import YAML, body_media_type
from kapiserver.api.options import IGNORE, STRICT, WriteOptions
from kapiserver.api.scope import Scope, storage_resource
from kapiserver.errors import BadRequest
from kapiserver.resources.definition import Object
from kapiserver.resources.schema.compiled import CLEAN
from kapiserver.resources.schema.reading import in_key_order, read_exactly

_TYPE_META = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string '
    '"json:\\"kind,omitempty\\"" }'
)

# Kinds of the API's machinery: known in every version, or in every version of a group.
_UNVERSIONED = frozenset(("Status", "APIVersions", "APIGroup", "APIGroupList", "APIResourceList"))
_OPTIONS = frozenset(
    f"{verb}Options" for verb in ("List", "Get", "Delete", "Create", "Update", "Patch")
) | {"WatchEvent"}
_SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"


async def read_object(call: Call, validation: str) -> Object:
    """The object in a request's body: the resource's, or what the subresource takes instead."""
    wanted = call.scope.body_type(call.subresource)
    request = call.context.request
    media_type = body_media_type(request.header(b"content-type"), custom=wanted.is_custom)
    body = await request.body(BODY_LIMIT)
    read = partial(
        parse_body, body, media_type, strict=validation != IGNORE, message=wanted.message
    )
    check = partial(_checked, call, wanted, body, of_yaml=media_type == YAML)
    try:
        if wanted.is_custom:  # what is known of such a type may change meanwhile
            obj, strict = check(await apart(len(body), read))
        else:
            obj, strict = await apart(len(body), lambda: check(read()))
    except BodyError as error:
        raise _unrecognized(wanted.kind, error.problem, body) from error
    if strict and validation == STRICT:
        raise unusable(wanted, f"strict decoding error: {', '.join(strict)}")
    if validation != IGNORE:
        for finding in strict:
            for warning in warnings_of(finding):
                call.context.warn(warning)
    return obj


def _checked(
    call: Call, wanted: BodyType, body: bytes, document: Document, *, of_yaml: bool
) -> tuple[Object, list[str]]:
    """A document as an object of the wanted type, and what a strict reader objects to."""
    obj = {} if document.value is None else document.value  # as Go reads null
    if not isinstance(obj, dict):
        raise _unrecognized(wanted.kind, no_type(obj), body)
    _check_type(call, obj, body)
    struct = not wanted.is_custom
    if document.repeats and struct:
        obj, problem = wanted.validator.with_repeats(body)
        if problem:
            raise unusable(wanted, problem)
        _check_type(call, obj, body)
    findings = wanted.validator.check(obj, on_unknown="collect")
    if of_yaml and findings != CLEAN:
        # upstream makes JSON of it first, and finds what it finds in the order of that
        obj = orjson.loads(in_key_order(document.written)) or {}
        _check_type(call, obj, body)
        findings = wanted.validator.check(obj, on_unknown="collect")
    if findings.error:
        if "unmarshal number" in findings.error and not of_yaml:
            exact = wanted.validator.check(read_exactly(body))
            raise unusable(wanted, exact.error or findings.error)
        raise unusable(wanted, findings.error)
    if document.repeats and struct:
        return obj, wanted.validator.strict_findings(body)
    unknown = findings.unknown if struct else sorted(findings.unknown)
    return obj, [*document.duplicates, *unknown_fields(unknown)]


async def read_placed(call: Call, options: WriteOptions) -> Object:
    """The same, in the namespace of the request, for what is answered and not stored as it is."""
    obj = await read_object(call, options.field_validation)
    match_namespace(metadata_of(obj), call.namespace)
    return obj


def unknown_fields(paths: Sequence[str]) -> list[str]:
    return [f'unknown field "{path}"' for path in paths]


def _check_type(call: Call, obj: Object, body: bytes) -> None:
    """apiVersion and kind may be left out; what is there must be what the URL says."""
    wanted = call.scope.body_type(call.subresource)
    if obj.get("kind") == wanted.kind and obj.get("apiVersion") == wanted.api_version:
        return
    for field, expected in (("apiVersion", wanted.api_version), ("kind", wanted.kind)):
        given = obj.get(field)
        if not isinstance(given, str | None):
            raise _unrecognized(wanted.kind, no_type(given, field), body)
        obj[field] = given or expected
    kind, api_version = obj["kind"], obj["apiVersion"]
    try:
        group, version = group_version_of(api_version, wanted.group, wanted.version)
    except ValueError as error:
        raise _unrecognized(wanted.kind, str(error), body) from error
    api_version = f"{group}/{version}" if group else version
    if kind == wanted.kind and api_version in (wanted.api_version, *wanted.accepted):
        obj["apiVersion"] = wanted.api_version
        return
    if version:
        problem = other_kind(call, kind, group, version)
    else:
        problem = f"Object 'apiVersion' is missing in '{body.decode(errors='replace')}'"
    raise BadRequest(
        f'{kind} in version "{version}" cannot be handled as a {wanted.kind}: {problem}'
    )


def group_version_of(api_version: str, group: str, version: str) -> tuple[str, str]:
    """What an apiVersion means where another is expected: it may leave out what that says.

    Raises ValueError.
    """
    if api_version in ("", "/"):
        return group, version
    first, slash, rest = api_version.partition("/")
    if "/" in rest:
        raise ValueError(f"unexpected GroupVersion string: {api_version}")
    if not slash:
        return "", first
    return first, rest or (version if first == group else "")


def no_type(value: Any, field: str = "") -> str:
    """Why a document does not say what it is: it is no object, or a field of it is no string."""
    where = f"struct field .{field} of type string" if field else f"value of type {_TYPE_META}"
    return (
        "couldn't get version/kind; json parse error: json: cannot unmarshal "
        f"{kind_name(value)} into Go {where}"
    )


def same_resource(call: Call, kind: str, group: str, version: str) -> Scope | None:
    """What has the same objects as the call's resource, and calls them so."""
    scopes = call.services.scopes
    found = scopes.registry.lookup_kind(group, version, kind)
    wanted = call.scope.definition
    if found is None or storage_resource(found[0]) != storage_resource(wanted):
        return None
    return scopes.lookup(group, version, found[0].plural)


def other_kind(call: Call, kind: str, group: str, version: str) -> str:
    """Why an object that says that it is another kind cannot be taken."""
    wanted = call.scope.body_type(call.subresource)
    api_version = f"{group}/{version}" if group else version
    go_type = _go_type(call, kind, group, version)
    if not go_type:
        return f'no kind "{kind}" is registered for version "{api_version}" in scheme "{_SCHEME}"'
    if kind == wanted.kind:
        raise BadRequest(
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({wanted.api_version})"
        )
    target = f"{package_of(wanted.group)}.{wanted.kind}"
    return f"converting ({go_type}) to ({target}): unknown conversion"


def _go_type(call: Call, kind: str, group: str, version: str) -> str:
    """The type that Go reads a kind into; empty, if there is none."""
    registry = call.services.scopes.registry
    item = kind.removesuffix("List")
    if registry.lookup_kind(group, version, kind) or registry.lookup_kind(group, version, item):
        return f"{version}.{kind}"
    everywhere = kind in _UNVERSIONED
    of_group = kind in _OPTIONS and version in registry.group_versions(group)
    of_core = (kind, group, version) == ("List", "", "v1")
    return f"v1.{kind}" if everywhere or of_group or of_core else ""


def unusable(wanted: BodyType, problem: str) -> BadRequest:
    """The body, or what a patch makes of an object, is of the right type by its words only."""
    return BadRequest(
        f'{wanted.kind} in version "{wanted.version}" cannot be handled as a {wanted.kind}: '
        f"{problem}"
    )


def _unrecognized(kind: str, problem: str, body: bytes) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind}): {problem} "
        f"({summarized(body)})"
    )

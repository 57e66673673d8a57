"""A request's body to an object of the type that the endpoint takes.

In: bytes, how they are written, what type is expected, how strict to be. Out: the object, pruned
and in canonical form, with warnings; or BadRequest, worded as kube-apiserver words it. The steps
and their order are those of its serializer and create handler: read, find out apiVersion and kind,
decode into the type, then complain about what strict decoding found.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from kapiserver.errors import BadRequest
from kapiserver.resources.schema.compiled import Compiled
from kapiserver.resources.schema.reading import (
    Unreadable,
    duplicate_fields,
    has_duplicates,
    read_json,
    read_yaml,
)
from kapiserver.resources.schema.repair import go_kind

FieldValidation = Literal["Ignore", "Warn", "Strict"]

_TYPE_META = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; '
    r'Kind string "json:\"kind,omitempty\"" }'
)
_SHOWN = 30  # bytes of an unreadable body that the message repeats


class Decoded(NamedTuple):
    """`warnings`: what strict decoding found, under "Warn": one Warning header each."""

    obj: dict[str, Any]
    warnings: tuple[str, ...]


def decode_object(
    body: bytes,
    *,
    kind: str,
    group_version: str,
    validator: Compiled | None,
    field_validation: FieldValidation = "Warn",
    yaml: bool = False,
) -> Decoded:
    """Read one object of `kind` and `group_version`; both are filled in where the body has none.

    `validator` None: no schema (nothing is pruned). Raises BadRequest.
    """
    obj, sent_kind, sent_group_version = _read(body, kind, yaml)
    kind_in_body = sent_kind or kind
    group_version_in_body = sent_group_version or group_version
    version = group_version_in_body.rpartition("/")[2]
    cannot = f'{kind_in_body} in version "{version}" cannot be handled as a {kind}: '
    if kind_in_body != kind:
        raise BadRequest(
            f"{cannot}the kind in the data ({kind_in_body}) does not match the expected kind "
            f"({kind})"
        )
    if group_version_in_body != group_version:
        raise BadRequest(
            f"the API version in the data ({group_version_in_body}) does not match the expected "
            f"API version ({group_version})"
        )
    strict = field_validation != "Ignore"
    # Before pruning: the count of keys must be that of the body.
    twice = strict and not yaml and has_duplicates(body, obj)
    problems: list[str] = []
    unknown: tuple[str, ...] = ()
    if validator is not None:
        error, unknown = validator.check(obj, on_unknown="collect" if strict else "prune")
        if error:
            raise BadRequest(cannot + error)
        problems = [f'unknown field "{path}"' for path in unknown]
    if twice:
        problems.extend(_duplicates(body, unknown))
    obj["kind"] = kind
    obj["apiVersion"] = group_version
    if problems and field_validation == "Strict":
        raise BadRequest(f"{cannot}strict decoding error: {', '.join(problems)}")
    return Decoded(obj, tuple(problems))


def check_object(
    obj: dict[str, Any],
    *,
    kind: str,
    group_version: str,
    validator: Compiled,
    field_validation: FieldValidation = "Warn",
) -> tuple[str, ...]:
    """The same for an object that a patch made: prune, and return warnings; raises BadRequest."""
    error, unknown = validator.check(
        obj, on_unknown="prune" if field_validation == "Ignore" else "collect"
    )
    version = group_version.rpartition("/")[2]
    cannot = f'{kind} in version "{version}" cannot be handled as a {kind}: '
    if error:
        raise BadRequest(cannot + error)
    problems = tuple(f'unknown field "{path}"' for path in unknown)
    if problems and field_validation == "Strict":
        raise BadRequest(f"{cannot}strict decoding error: {', '.join(problems)}")
    return problems


def _read(body: bytes, expected: str, yaml: bool) -> tuple[dict[str, Any], str, str]:
    """The object, its kind and its apiVersion (either may be empty)."""
    try:
        obj = read_yaml(body) if yaml else read_json(body)
    except Unreadable as problem:
        prefix = "" if yaml else "couldn't get version/kind; json parse error: "
        raise _unrecognized(f"{prefix}{problem}", expected, body) from None
    if not isinstance(obj, dict):
        if obj is None:
            return {}, "", ""  # `null` decodes to an empty object in Go
        raise _unrecognized(_parse_error(obj, f"value of type {_TYPE_META}"), expected, body)
    for field in ("apiVersion", "kind"):
        value = obj.get(field)
        if value is not None and not isinstance(value, str):
            where = f"struct field .{field} of type string"
            raise _unrecognized(_parse_error(value, where), expected, body)
    return obj, obj.get("kind") or "", obj.get("apiVersion") or ""


def _parse_error(value: Any, where: str) -> str:
    return (
        "couldn't get version/kind; json parse error: "
        f"json: cannot unmarshal {go_kind(value)} into Go {where}"
    )


def _unrecognized(problem: str, expected: str, body: bytes) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {expected}): "
        f"{problem} ({_summary(body)})"
    )


def _summary(body: bytes) -> str:
    """The start of a body: as text when it may be JSON, else in hex."""
    if not body:
        return "<empty>"
    start = body[:_SHOWN]
    shown = start.decode("utf-8", "replace") if body[:1] == b"{" else start.hex()
    return shown + " ..." if len(body) > _SHOWN else shown


def _duplicates(body: bytes, unknown: tuple[str, ...]) -> list[str]:
    """What is below an unknown field is not looked at by strict decoding."""
    return [
        f'duplicate field "{path}"'
        for path in duplicate_fields(body)
        if not any(path == u or path.startswith((f"{u}.", f"{u}[")) for u in unknown)
    ]

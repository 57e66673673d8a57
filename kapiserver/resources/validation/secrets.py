"""ConfigMaps and Secrets: keys, sizes, what a typed secret must hold, and what is frozen. Worded
as upstream's. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, immutable, invalid, required, too_long
from kapiserver.resources.printing import text
from kapiserver.resources.schema.reading import Unreadable, read_json
from kapiserver.resources.validation.formats import Found, config_key
from kapiserver.resources.validation.tls_pairs import pair_problem

MAX_BYTES = 1024 * 1024
_NO_LINE_ENDS = {ord("\r"): None, ord("\n"): None}
_FROZEN = "field is immutable when `immutable` is set"
_ACCOUNT = "kubernetes.io/service-account.name"
_TLS = "kubernetes.io/tls"
_BASIC_AUTH = ("username", "password")
# Types that hold the JSON settings of a client for image registries, under this key.
_DOCKER = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


def check_config_map(found: Found, obj: Object, old: Object | None) -> None:
    if old is not None:
        _check_frozen(found, obj, old, "data", "binaryData")
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    size = 0
    for key, value in data.items():
        _check_key(found, key, "data")
        if key in binary:
            found.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += len((value or "").encode())
    for key, value in binary.items():
        _check_key(found, key, "binaryData")
        size += decoded_size(value)
    if size > MAX_BYTES:
        found.append(too_long("[]", MAX_BYTES))  # so Go writes the path of the whole object


def check_secret(found: Found, obj: Object, old: Object | None) -> None:
    kind = text(obj, "type")
    if old is not None:
        if kind != text(old, "type"):
            found.append(immutable("type", kind))
        _check_frozen(found, obj, old, "data")
    data = obj.get("data") or {}
    for key, value in data.items():
        _check_key(found, key, "data")
        if decode(value) is None:
            found.append(invalid(f"data[{key}]", value, "must be base64"))
    if sum(map(decoded_size, data.values())) > MAX_BYTES:
        found.append(too_long("data", MAX_BYTES))
    _check_typed(found, obj, kind, data)


def _check_typed(found: Found, obj: Object, kind: str, data: Object) -> None:
    if kind == "kubernetes.io/service-account-token":
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        if not annotations.get(_ACCOUNT):
            found.append(required(f"metadata.annotations[{_ACCOUNT}]"))
    elif kind in _DOCKER:
        _check_json(found, data, _DOCKER[kind])
    elif kind == "kubernetes.io/basic-auth":
        if not any(key in data for key in _BASIC_AUTH):
            found += [required(f"data[{key}]") for key in _BASIC_AUTH]
    elif kind == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            found.append(required("data[ssh-privatekey]"))
    elif kind == _TLS:
        found += [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]


def _check_json(found: Found, data: Object, key: str) -> None:
    if key not in data:
        found.append(required(f"data[{key}]"))
        return
    problem = _json_problem(decode(data[key]) or b"")
    if problem:
        found.append(invalid(f"data[{key}]", "<secret contents redacted>", problem))


def _json_problem(content: bytes) -> str:
    """What Go says of content that is no JSON object."""
    try:
        value = read_json(content)
    except Unreadable as error:
        return str(error)
    if value is None or isinstance(value, dict):
        return ""
    kind = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
    return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"


def _check_key(found: Found, key: str, field: str) -> None:
    found += [invalid(f"{field}[{key}]", key, problem) for problem in config_key(key)]


def _check_frozen(found: Found, obj: Object, old: Object, *fields: str) -> None:
    """An object marked immutable keeps its data and its mark."""
    if old.get("immutable") is not True:
        return
    if obj.get("immutable") is not True:
        found.append(forbidden("immutable", _FROZEN))
    found += [
        forbidden(field, _FROZEN)
        for field in fields
        if (obj.get(field) or {}) != (old.get(field) or {})
    ]


def decode(value: Any) -> bytes | None:
    """The bytes of a base64 text, which may have line ends; None of anything else."""
    try:
        return base64.b64decode((value or "").translate(_NO_LINE_ENDS), validate=True)
    except binascii.Error:
        return None


def decoded_size(value: str | None) -> int:
    return len(value) * 3 // 4 - value[-2:].count("=") if value else 0


def warn_of_secret(obj: Object) -> list[str]:
    if text(obj, "type") != _TLS:
        return []
    data = obj.get("data") or {}
    pair = [decode(data.get(key)) or b"" for key in ("tls.crt", "tls.key")]
    problem = pair_problem(*pair)
    return [problem] if problem else []

"""core/v1: configmaps, secrets, serviceaccounts: what pods read rather than run."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.field_errors import (
    forbidden,
    immutable,
    invalid,
    required,
    too_long,
)
from kapiserver.resources.printing import column, count_at, table, value_at
from kapiserver.resources.strategies import set_default, without_status

MAX_SECRET_BYTES = 1024 * 1024
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_NO_LINE_ENDS = {ord("\r"): None, ord("\n"): None}
_KEY_PROBLEM = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def _check_keys(field: str, data: Any) -> list[Cause]:
    found = []
    for key in data or {}:
        if len(key) > 253:
            found.append(invalid(f"{field}[{key}]", key, "must be no more than 253 characters"))
        elif not _KEY.fullmatch(key):
            found.append(invalid(f"{field}[{key}]", key, _KEY_PROBLEM))
    return found


def _check_frozen(obj: Object, old: Object, *fields: str) -> list[Cause]:
    """An object marked immutable keeps its data and its mark."""
    if old.get("immutable") is not True:
        return []
    found = []
    if obj.get("immutable") is not True:
        found.append(forbidden("immutable", "field is immutable when `immutable` is set"))
    found.extend(
        forbidden(field, "field is immutable when `immutable` is set")
        for field in fields
        if obj.get(field) != old.get(field)
    )
    return found


def _validate_config_map(obj: Object, context: WriteContext) -> Sequence[Cause]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    found = _check_keys("data", data) + _check_keys("binaryData", binary)
    found.extend(
        invalid(f"data[{key}]", key, f"duplicate of key present in binaryData[{key}]")
        for key in data
        if key in binary
    )
    size = sum(len((value or "").encode()) for value in data.values())
    size += sum(_decoded_size(value) for value in binary.values())
    if size > MAX_SECRET_BYTES:
        found.append(too_long("", MAX_SECRET_BYTES))
    if context.old is not None:
        found.extend(_check_frozen(obj, context.old, "data", "binaryData"))
    return found


def _decoded_size(value: str | None) -> int:
    return len(value) * 3 // 4 - value[-2:].count("=") if value else 0


def _secret_defaults(obj: Object, context: WriteContext) -> None:
    """stringData is write-only: it is merged into data and never stored."""
    set_default(obj, "type", "Opaque")
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode((value or "").encode()).decode()


# Keys that a typed secret must have; a type that is not listed may hold anything.
_SECRET_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_SERVICE_ACCOUNT_NAME = "kubernetes.io/service-account.name"


def _validate_secret(obj: Object, context: WriteContext) -> Sequence[Cause]:
    data = obj.get("data") or {}
    found = _check_keys("data", data)
    for key, value in data.items():
        try:
            # Line ends are allowed, as in every base64 that a person pasted.
            base64.b64decode((value or "").translate(_NO_LINE_ENDS), validate=True)
        except binascii.Error:
            found.append(invalid(f"data[{key}]", value, "must be base64"))
    if sum(_decoded_size(value) for value in data.values()) > MAX_SECRET_BYTES:
        found.append(too_long("data", MAX_SECRET_BYTES))
    kind_of_secret = obj.get("type", "")
    found.extend(
        required(f"data[{key}]") for key in _SECRET_KEYS.get(kind_of_secret, ()) if key not in data
    )
    if kind_of_secret == "kubernetes.io/basic-auth" and not (
        "username" in data or "password" in data
    ):
        found.extend((required("data[username]"), required("data[password]")))
    if kind_of_secret == "kubernetes.io/service-account-token":
        annotations = obj.get("metadata", {}).get("annotations") or {}
        if not annotations.get(_SERVICE_ACCOUNT_NAME):
            found.append(required(f"metadata.annotations[{_SERVICE_ACCOUNT_NAME}]"))
    if context.old is not None:
        if kind_of_secret != context.old.get("type", ""):
            found.append(immutable("type", kind_of_secret))
        found.extend(_check_frozen(obj, context.old, "data"))
    return found


_DATA = column("Data", count_at("data"), "Number of entries.")


def _entries(obj: Object, now: float) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "ConfigMap",
        "configmaps",
        short=("cm",),
        strategy=without_status(validate=_validate_config_map),
        columns=table(column("Data", _entries, "Number of entries, text and binary.")),
    ),
    CORE.resource(
        "Secret",
        "secrets",
        strategy=without_status(defaults=_secret_defaults, validate=_validate_secret),
        columns=table(
            column("Type", value_at("type"), "What the secret holds, for programs to rely on."),
            _DATA,
        ),
        fields={"type": text_at("type")},
    ),
    CORE.resource(
        "ServiceAccount",
        "serviceaccounts",
        returns_deleted=True,
        short=("sa",),
        subresources=(
            Subresource("token", ("create",), "TokenRequest", "authentication.k8s.io", "v1"),
        ),
        columns=table(
            column("Secrets", count_at("secrets"), "Number of secrets that pods may mount.")
        ),
    ),
)

"""core/v1: configmaps, secrets, serviceaccounts: what pods read rather than run."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.printing import column, count_at, dig, doc, table, value_at
from kapiserver.resources.strategies import without_status
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.secrets import (
    check_config_map,
    check_secret,
    warn_of_secret,
)

_MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"


def _validate_config_map(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_config_map(found, obj, context.old)
    return found


def _secret_defaults(obj: Object, context: WriteContext) -> None:
    """stringData is write-only: it is merged into data and never stored."""
    if not obj.get("type"):
        obj["type"] = "Opaque"
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode((value or "").encode()).decode()


def _validate_secret(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_secret(found, obj, context.old)
    return found


def _warn_of_secret(obj: Object, context: WriteContext) -> Sequence[str]:
    return warn_of_secret(obj)


def _clean_references(obj: Object, context: WriteContext) -> None:
    """The secrets of an account are its namespace's: nothing but their name counts."""
    if obj.get("secrets"):
        obj["secrets"] = [
            {"name": secret["name"]} if secret.get("name") else {} for secret in obj["secrets"]
        ]


def _warn_of_account(obj: Object, context: WriteContext) -> Sequence[str]:
    if _is_limited(context.old) or not _is_limited(obj):
        return ()
    return [
        f"metadata.annotations[{_MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to "
        "isolate access to mounted secrets"
    ]


def _is_limited(obj: Object | None) -> bool:
    return _MOUNTABLE in (dig(obj, "metadata", "annotations") or {})


_DATA = column("Data", count_at("data"), doc("core.v1.Secret.data"))


def _entries(obj: Object, now: float) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "ConfigMap",
        "configmaps",
        short=("cm",),
        strategy=without_status(complete=True, validate=_validate_config_map),
        columns=table(column("Data", _entries, doc("core.v1.ConfigMap.data"))),
    ),
    CORE.resource(
        "Secret",
        "secrets",
        strategy=without_status(
            complete=True,
            defaults=_secret_defaults,
            validate=_validate_secret,
            warnings=_warn_of_secret,
        ),
        columns=table(
            column("Type", value_at("type"), doc("core.v1.Secret.type")),
            _DATA,
        ),
        fields={"type": text_at("type")},
    ),
    CORE.resource(
        "ServiceAccount",
        "serviceaccounts",
        returns_deleted=True,
        short=("sa",),
        strategy=without_status(
            complete=True,
            create=_clean_references,
            update=_clean_references,
            warnings=_warn_of_account,
        ),
        subresources=(
            Subresource("token", ("create",), "TokenRequest", "authentication.k8s.io", "v1"),
        ),
        columns=table(),
    ),
)

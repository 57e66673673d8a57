"""core/v1: limitranges and resourcequotas: what a namespace may use."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import STATUS
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.printing import PLAIN, Cell, column, dig, table, text
from kapiserver.resources.resource_lists import round_up
from kapiserver.resources.strategies import with_status, without_status
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.limit_ranges import check_limits
from kapiserver.resources.validation.quotas import (
    check_counts,
    check_quota,
    check_scopes_stay,
    warn_of_quota,
)


def _usage(*, limits: bool) -> Cell:
    """'name: used/hard' of the quota's resources, either the limits or all others."""

    def cell(obj: Object, now: float) -> str:
        hard = dig(obj, "status", "hard") or {}
        return ", ".join(
            f"{name}: {text(obj, 'status', 'used', name, absent='0')}/{hard[name]}"
            for name in sorted(hard)
            if name.startswith("limits.") is limits
        )

    return cell


def _validate_quota(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    spec, status, old = obj.get("spec") or {}, obj.get("status") or {}, context.old
    if context.subresource == "status":
        for field in ("hard", "used"):
            check_counts(found, status.get(field) or {}, f"status.{field}")
        return found
    check_quota(found, spec)
    if old is not None:
        check_scopes_stay(found, spec, old.get("spec") or {})
    return found


def _warn_of_quota(obj: Object, context: WriteContext) -> Sequence[str]:
    return warn_of_quota(obj.get("spec") or {}) if context.old is None else ()


def _validate_limits(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_limits(found, obj.get("spec") or {})
    return found


def _limit_range_defaults(obj: Object, context: WriteContext) -> None:
    """For containers, an absent default follows the maximum, an absent request the default."""
    for item in dig(obj, "spec", "limits") or []:
        if not isinstance(item, dict):
            continue
        round_up(item, "max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
        if item.get("type") != "Container":
            continue
        for target, source in (
            ("default", "max"),
            ("defaultRequest", "default"),
            ("defaultRequest", "min"),
        ):
            for name, quantity in (item.get(source) or {}).items():
                item.setdefault(target, {}).setdefault(name, quantity)


def _quota_defaults(obj: Object, context: WriteContext) -> None:
    round_up(obj.get("spec") or {}, "hard")
    round_up(obj.get("status") or {}, "hard", "used")


def _name_limits(obj: Object, context: WriteContext) -> None:
    """The one kind that needs no name."""
    metadata = obj.setdefault("metadata", {})
    if not metadata.get("name"):
        metadata["name"] = str(uuid.uuid4())


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "LimitRange",
        "limitranges",
        short=("limits",),
        strategy=without_status(
            complete=True,
            defaults=_limit_range_defaults,
            create=_name_limits,
            validate=_validate_limits,
            create_on_update=True,
        ),
        columns=PLAIN,
    ),
    CORE.resource(
        "ResourceQuota",
        "resourcequotas",
        returns_deleted=True,
        short=("quota",),
        subresources=(STATUS,),
        strategy=with_status(
            complete=True,
            defaults=_quota_defaults,
            validate=_validate_quota,
            warnings=_warn_of_quota,
            generation=False,
        ),
        columns=table(
            column(
                "Request",
                _usage(limits=False),
                "Request represents a minimum amount of cpu/memory that a container may consume.",
            ),
            column(
                "Limit",
                _usage(limits=True),
                (
                    "Limits control the maximum amount of cpu/memory that a container may use "
                    "independent of contention on the node."
                ),
            ),
        ),
    ),
)

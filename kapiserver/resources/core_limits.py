"""core/v1: limitranges and resourcequotas: what a namespace may use."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import STATUS
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import immutable
from kapiserver.resources.printing import PLAIN, Cell, column, dig, table, text
from kapiserver.resources.strategies import with_status, without_status


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


def _quota_scopes_stay(obj: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old
    if old is None or context.subresource:
        return ()
    found = []
    before, after = dig(old, "spec", "scopes") or [], dig(obj, "spec", "scopes") or []
    if set(before) != set(after):
        found.append(immutable("spec.scopes", after))
    selector = dig(obj, "spec", "scopeSelector")
    if selector != dig(old, "spec", "scopeSelector"):
        found.append(immutable("spec.scopeSelector", selector))
    return found


def _limit_range_defaults(obj: Object, context: WriteContext) -> None:
    """For containers, an absent default follows the maximum, an absent request the default."""
    for item in dig(obj, "spec", "limits") or []:
        if not isinstance(item, dict) or item.get("type") != "Container":
            continue
        for target, source in (
            ("default", "max"),
            ("defaultRequest", "default"),
            ("defaultRequest", "min"),
        ):
            for name, quantity in (item.get(source) or {}).items():
                item.setdefault(target, {}).setdefault(name, quantity)


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "LimitRange",
        "limitranges",
        short=("limits",),
        strategy=without_status(defaults=_limit_range_defaults, create_on_update=True),
        columns=PLAIN,
    ),
    CORE.resource(
        "ResourceQuota",
        "resourcequotas",
        returns_deleted=True,
        short=("quota",),
        subresources=(STATUS,),
        strategy=with_status(validate_update=_quota_scopes_stay, generation=False),
        columns=table(
            column("Request", _usage(limits=False), "Used and hard amounts of what is requested."),
            column("Limit", _usage(limits=True), "Used and hard amounts of what is limited."),
        ),
    ),
)

"""flowcontrol.apiserver.k8s.io/v1: flowschemas and prioritylevelconfigurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import ALL_METADATA, Object, ResourceDefinition, WriteContext
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    Cell,
    column,
    dig,
    doc,
    items,
    number,
    number_at,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    with_status,
)
from kapiserver.resources.validation.flows import (
    check_flow_conditions,
    check_flow_schema,
    check_priority_level,
)

FLOWCONTROL = Group("flowcontrol.apiserver.k8s.io", "io.k8s.api.flowcontrol")

_SHARES = 30
_PRECEDENCE = 1000


def _flow_defaults(obj: Object, context: WriteContext) -> None:
    _fill(obj.setdefault("spec", {}), "matchingPrecedence", _PRECEDENCE)


def _level_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    exempt = spec.get("exempt")
    if spec.get("type") == "Exempt":
        exempt = spec.setdefault("exempt", {})
    if isinstance(exempt, dict):
        set_default(exempt, "nominalConcurrencyShares", 0)
        set_default(exempt, "lendablePercent", 0)
    limited = spec.get("limited")
    if not isinstance(limited, dict):
        return
    set_default(limited, "nominalConcurrencyShares", _SHARES)
    set_default(limited, "lendablePercent", 0)
    queuing = dig(limited, "limitResponse", "queuing")
    if isinstance(queuing, dict):
        _fill(queuing, "handSize", 8)
        _fill(queuing, "queues", 64)
        _fill(queuing, "queueLengthLimit", 50)


def _fill(obj: Object, field: str, value: int) -> None:
    """Of these fields zero is the same as absent."""
    if not obj.get(field):
        obj[field] = value


def _validate_flow(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_flow_conditions(found, obj)
    else:
        check_flow_schema(found, obj)
    return found


def _validate_level(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_flow_conditions(found, obj)
    else:
        check_priority_level(found, obj)
    return found


def _missing_level(obj: Object, now: float) -> str:
    for condition in items(obj, "status", "conditions"):
        if condition.get("type") == "Dangling":
            return text(condition, "status")
    return "?"


def _matching_order(obj: Object) -> tuple[int, str]:
    """As requests try them."""
    return number(obj, "spec", "matchingPrecedence"), text(obj, "metadata", "name")


def _number_or_none(*path: str) -> Cell:
    def cell(obj: Object, now: float) -> Any:
        found = dig(obj, *path)
        return NONE if found is None else found

    return cell


_LIMITED = ("spec", "limited")
_QUEUING = (*_LIMITED, "limitResponse", "queuing")

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    FLOWCONTROL.resource(
        "FlowSchema",
        "flowschemas",
        namespaced=False,
        row_order=_matching_order,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_flow_defaults,
            validate=_validate_flow,
            complete=True,
            update=split_status_and_metadata,
            status_keeps=ALL_METADATA,
        ),
        columns=(
            NAME,
            column(
                "PriorityLevel",
                value_at("spec", "priorityLevelConfiguration", "name"),
                doc("flowcontrol.v1.PriorityLevelConfigurationReference.name"),
            ),
            column(
                "MatchingPrecedence",
                number_at("spec", "matchingPrecedence"),
                doc("flowcontrol.v1.FlowSchemaSpec.matchingPrecedence"),
            ),
            column(
                "DistinguisherMethod",
                value_at("spec", "distinguisherMethod", "type", absent=NONE),
                doc("flowcontrol.v1.FlowSchemaSpec.distinguisherMethod"),
            ),
            AGE,
            column(
                "MissingPL",
                _missing_level,
                "references a broken or non-existent PriorityLevelConfiguration",
            ),
        ),
    ),
    FLOWCONTROL.resource(
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_level_defaults,
            validate=_validate_level,
            complete=True,
            update=split_status_and_metadata,
            status_keeps=ALL_METADATA,
        ),
        columns=table(
            column(
                "Type",
                value_at("spec", "type"),
                doc("flowcontrol.v1.PriorityLevelConfigurationSpec.type"),
            ),
            column(
                "NominalConcurrencyShares",
                _number_or_none(*_LIMITED, "nominalConcurrencyShares"),
                doc("flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares"),
            ),
            column(
                "Queues",
                _number_or_none(*_QUEUING, "queues"),
                doc("flowcontrol.v1.QueuingConfiguration.queues"),
            ),
            column(
                "HandSize",
                _number_or_none(*_QUEUING, "handSize"),
                doc("flowcontrol.v1.QueuingConfiguration.handSize"),
            ),
            column(
                "QueueLengthLimit",
                _number_or_none(*_QUEUING, "queueLengthLimit"),
                doc("flowcontrol.v1.QueuingConfiguration.queueLengthLimit"),
            ),
        ),
    ),
)

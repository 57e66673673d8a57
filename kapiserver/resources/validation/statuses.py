"""Counts in the status of workloads: none is negative, none exceeds what it is a part of."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.validation.formats import Found, check_non_negative

DAEMON_COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "observedGeneration",
    "collisionCount",
)
DEPLOYMENT_COUNTS = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
    "collisionCount",
)
_ABOVE_ALL = "cannot be greater than status.replicas"


def check_counts(
    found: Found, status: Object, counts: tuple[str, ...], parts: tuple[str, ...] = ()
) -> None:
    """`parts` are those of the counts that may not exceed status.replicas."""
    check_non_negative(found, status, "status", *counts)
    total = status.get("replicas", 0)
    for field in parts:
        count = status.get(field, 0)
        if count > total:
            found.append(invalid(f"status.{field}", count, _ABOVE_ALL))


def check_available(found: Found, status: Object, shown: str = "readyReplicas") -> None:
    available = status.get("availableReplicas", 0)
    if available > status.get("readyReplicas", 0):
        detail = f"cannot be greater than {shown}"
        found.append(invalid("status.availableReplicas", available, detail))


def check_not_decremented(found: Found, status: Object, old: Object) -> None:
    """A collision count that went back would make a controller choose a name again."""
    before, after = old.get("collisionCount"), status.get("collisionCount")
    if before is not None and (after is None or after < before):
        found.append(invalid("status.collisionCount", after or 0, "cannot be decremented"))

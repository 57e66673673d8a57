"""What a delete does to an object: decided here, carried out by the verbs. Pure.

In: the stored object, the options, what the resource says about grace and finalizers. Out: a
`Plan`: remove it now, store a changed object (deletionTimestamp, finalizers) and let others finish,
or leave it as it is because it is on its way already.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from kapiserver.api.metadata import FOREGROUND, ORPHAN, timestamp
from kapiserver.api.options import DeleteOptions
from kapiserver.errors import Conflict
from kapiserver.resources.definition import Grace, Object, ResourceDefinition

# 9999-12-31T23:59:59Z: what is after it cannot be written, and read again, as RFC 3339 has it.
_LAST_SECOND = 253_402_300_799

_POLICY_FINALIZERS = (ORPHAN, FOREGROUND)


class Step(Enum):
    REMOVE = "remove"  # delete it from the store
    STORE = "store"  # store the changed object; it goes when its finalizers and grace are done
    PENDING = "pending"  # nothing to do: it is being deleted already


@dataclass(frozen=True, slots=True)
class Plan:
    """`marked`: resources with grace store that an object goes now, before it is removed."""

    step: Step
    obj: Object
    marked: bool = False


def check_preconditions(
    options: DeleteOptions,
    metadata: dict[str, Any],
    definition: ResourceDefinition,
) -> None:
    """Raises Conflict. Upstream names the kind where other conflicts name the resource."""
    if definition.strategy.terminating_phase:
        _check_terminating(options, metadata, definition)
        return
    name, group, kind = metadata["name"], definition.group, definition.kind
    if options.uid is not None and options.uid != metadata.get("uid"):
        raise Conflict.of(
            group,
            kind,
            name,
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({metadata.get('uid')}). The object might have been deleted and then recreated",
        )
    version = metadata["resourceVersion"]
    if options.resource_version is not None and options.resource_version != version:
        raise Conflict.of(
            group,
            kind,
            name,
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
            f"the ResourceVersion in record ({version}). The object might have been modified",
        )


def _check_terminating(
    options: DeleteOptions, metadata: dict[str, Any], definition: ResourceDefinition
) -> None:
    """What is taken apart by a controller has words of its own for the same."""
    for label, given, field in (
        ("UID", options.uid, "uid"),
        ("ResourceVersion", options.resource_version, "resourceVersion"),
    ):
        known = metadata.get(field, "")
        if given is not None and given != known:
            why = (
                f"Precondition failed: {label} in precondition: {given}, "
                f"{label} in object meta: {known}"
            )
            raise Conflict.of(definition.group, definition.plural, metadata["name"], why)


def plan(
    obj: Object,
    options: DeleteOptions,
    grace: Grace | None,
    default_propagation: str = "Background",
    terminating: str = "",
) -> Plan:
    """`obj` is a decoded copy, changed in place. `terminating`: see `Strategy`."""
    metadata = obj["metadata"]
    if terminating and "deletionTimestamp" not in metadata:
        metadata["deletionTimestamp"] = timestamp()
        obj.setdefault("status", {})["phase"] = terminating
        _choose_finalizers(metadata, options)
        return Plan(Step.STORE, obj)
    if terminating and _spec_finalizers(obj):
        return Plan(Step.PENDING, obj)
    if options.grace_period_seconds is not None and options.grace_period_seconds < 0:
        options = replace(options, grace_period_seconds=1)
    graceful = grace is not None and _with_grace(obj, options, grace)
    if graceful is None:
        return Plan(Step.PENDING, obj)
    finalizers = finalizers_for(metadata.get("finalizers") or [], options, default_propagation)
    if finalizers:
        metadata["finalizers"] = finalizers
        if not graceful:
            _mark(metadata)
        return Plan(Step.STORE, obj)
    metadata.pop("finalizers", None)
    if graceful and metadata["deletionGracePeriodSeconds"] > 0:
        return Plan(Step.STORE, obj)
    return Plan(Step.REMOVE, obj, marked=graceful)


def _with_grace(obj: Object, options: DeleteOptions, grace: Grace) -> bool | None:
    """True: the object is marked to go after its grace period. None: it is marked already."""
    metadata = obj["metadata"]
    wanted = options.grace_period_seconds
    if "deletionTimestamp" in metadata:
        current = metadata.get("deletionGracePeriodSeconds") or 0
        if current == 0:
            return False
        if wanted is None or wanted >= current:
            return None  # a grace period can only be made shorter
        due = datetime.fromisoformat(metadata["deletionTimestamp"]).timestamp()
        metadata["deletionTimestamp"] = timestamp(due - current + wanted)
        metadata["deletionGracePeriodSeconds"] = wanted
        return True
    now = datetime.now(UTC).timestamp()
    seconds = min(grace(obj, wanted), int(_LAST_SECOND - now))
    metadata["deletionTimestamp"] = timestamp(now + seconds)
    metadata["deletionGracePeriodSeconds"] = seconds
    _next_generation(metadata)
    return True


def _mark(metadata: dict[str, Any]) -> None:
    """Without grace: the object goes as soon as its finalizers are gone."""
    now = time.time()
    due = metadata.get("deletionTimestamp")
    if due is None:
        _next_generation(metadata)
    if due is None or datetime.fromisoformat(due).timestamp() > now:
        metadata["deletionTimestamp"] = timestamp(now)
    metadata["deletionGracePeriodSeconds"] = 0


def _next_generation(metadata: dict[str, Any]) -> None:
    if metadata.get("generation"):
        metadata["generation"] += 1


def finalizers_for(
    current: list[str], options: DeleteOptions, default_propagation: str = "Background"
) -> list[str]:
    """The finalizers with which a propagation policy is carried out by the garbage collector.

    `default_propagation`: of the resource, when neither the options nor finalizers that are there
    name a policy; "" for resources that are never owners.
    """
    if not default_propagation:
        return current
    policy = options.propagation_policy
    if options.orphan_dependents is not None:
        wanted = ORPHAN if options.orphan_dependents else ""
    elif policy is not None:
        wanted = {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(policy, "")
    else:
        usual = ORPHAN if default_propagation == "Orphan" else ""
        wanted = next((f for f in current if f in _POLICY_FINALIZERS), usual)
    if wanted in current:
        return [f for f in current if f == wanted or f not in _POLICY_FINALIZERS]
    kept = [f for f in current if f not in _POLICY_FINALIZERS]
    return [*kept, wanted] if wanted else kept


def _choose_finalizers(metadata: dict[str, Any], options: DeleteOptions) -> None:
    """The policy of what a controller takes apart; here, not to orphan is to wait."""
    if options.orphan_dependents is not None:
        wanted = {ORPHAN: options.orphan_dependents, FOREGROUND: not options.orphan_dependents}
    elif (policy := options.propagation_policy) is not None:
        wanted = {ORPHAN: policy == "Orphan", FOREGROUND: policy == "Foreground"}
    else:
        return
    kept = [f for f in metadata.get("finalizers") or () if wanted.get(f, True)]
    kept += [finalizer for finalizer, is_wanted in wanted.items() if is_wanted]
    metadata["finalizers"] = list(dict.fromkeys(kept))
    if not kept:
        del metadata["finalizers"]


def _spec_finalizers(obj: Object) -> bool:
    return bool(obj.get("spec", {}).get("finalizers"))


def finished(new: Object, old: Object, terminating: str) -> bool:
    """Whether an update took away the last thing that kept a deleted object in the store."""
    before = old["metadata"]
    if "deletionTimestamp" not in before or new["metadata"].get("finalizers"):
        return False
    if terminating and _spec_finalizers(new):
        return False
    return not before.get("deletionGracePeriodSeconds")

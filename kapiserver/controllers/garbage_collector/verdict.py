"""What becomes of an object with owners. Pure.

In: how each of its owners is. Out: one `Verdict`. An owner that lives keeps it; without one it is
deleted, in the way that its own finalizers or its waiting owner ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kapiserver.api.metadata import FOREGROUND, ORPHAN
from kapiserver.controllers.garbage_collector.graph import OwnerReference


class OwnerState(Enum):
    SOLID = "solid"  # it is there
    WAITING = "waiting"  # it is there until its dependents are gone
    ABSENT = "absent"  # it is not there, for certain
    UNKNOWN = "unknown"  # cannot be told: nothing may be done


@dataclass(frozen=True, slots=True)
class Verdict:
    """`policy`: delete it with this propagation policy; else `strip` references to these uids.

    `unblock`: its owners shall not wait for it any more (it waits for one of them itself).
    """

    policy: str = ""
    strip: frozenset[str] = frozenset()
    unblock: bool = False


KEEP = Verdict()


def judge(
    owners: Sequence[tuple[OwnerReference, OwnerState]],
    metadata: Mapping[str, Any],
    *,
    has_dependents: bool,
    in_circle: bool,
) -> Verdict:
    """`metadata` is the object's own; the two flags are about its own dependents."""
    states = {state for _, state in owners}
    if not owners or OwnerState.UNKNOWN in states:
        return KEEP
    if OwnerState.SOLID in states:
        lost = (owner.uid for owner, state in owners if state is not OwnerState.SOLID)
        return Verdict(strip=frozenset(lost))
    if OwnerState.WAITING in states and has_dependents:
        return Verdict(policy="Foreground", unblock=in_circle)
    finalizers = metadata.get("finalizers") or ()
    if ORPHAN in finalizers:
        return Verdict(policy="Orphan")
    return Verdict(policy="Foreground" if FOREGROUND in finalizers else "Background")

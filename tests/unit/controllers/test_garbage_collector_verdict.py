"""What becomes of an object, given how its owners are."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from kapiserver.controllers.garbage_collector.graph import OwnerReference
from kapiserver.controllers.garbage_collector.verdict import KEEP, OwnerState, Verdict, judge

SOLID, WAITING, ABSENT, UNKNOWN = (
    OwnerState.SOLID,
    OwnerState.WAITING,
    OwnerState.ABSENT,
    OwnerState.UNKNOWN,
)


def verdict(
    *states: OwnerState,
    finalizers: tuple[str, ...] = (),
    has_dependents: bool = False,
    in_circle: bool = False,
) -> Verdict:
    owners = [
        (OwnerReference("v1", "ConfigMap", f"o{i}", f"u{i}", False), state)
        for i, state in enumerate(states)
    ]
    metadata: dict[str, Any] = {"finalizers": list(finalizers)}
    return judge(owners, metadata, has_dependents=has_dependents, in_circle=in_circle)


def test_without_owners_it_stays() -> None:
    assert verdict() == KEEP


def test_one_owner_that_is_there_is_enough() -> None:
    assert verdict(SOLID) == KEEP
    assert verdict(ABSENT, SOLID, WAITING) == Verdict(strip=frozenset(["u0", "u2"]))


@pytest.mark.parametrize("states", list(product((SOLID, WAITING, ABSENT), repeat=2)))
def test_nothing_is_done_while_one_cannot_be_told(states: tuple[OwnerState, ...]) -> None:
    assert verdict(*states, UNKNOWN) == KEEP


def test_without_any_it_is_deleted() -> None:
    assert verdict(ABSENT) == Verdict(policy="Background")
    assert verdict(ABSENT, ABSENT) == Verdict(policy="Background")


def test_its_own_finalizers_say_how() -> None:
    assert verdict(ABSENT, finalizers=("orphan",)) == Verdict(policy="Orphan")
    assert verdict(ABSENT, finalizers=("foregroundDeletion",)) == Verdict(policy="Foreground")


def test_a_waiting_owner_has_it_deleted_with_its_own_dependents_first() -> None:
    assert verdict(WAITING) == Verdict(policy="Background")
    assert verdict(WAITING, ABSENT, has_dependents=True) == Verdict(policy="Foreground")
    assert verdict(ABSENT, has_dependents=True) == Verdict(policy="Background")


def test_in_a_circle_it_stops_blocking() -> None:
    expected = Verdict(policy="Foreground", unblock=True)
    assert verdict(WAITING, has_dependents=True, in_circle=True) == expected

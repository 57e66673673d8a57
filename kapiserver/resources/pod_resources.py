"""What a pod's containers need together, and what follows from it: its quality of service and the
resources of the pod as a whole.

Amounts are summed as exact values; a sum is written in the form of the first amount that went in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.schema.quantity import canonical_quantity
from kapiserver.resources.validation.quantities import HUGE_PAGES, amount

_COMPUTE = ("cpu", "memory")
_NANO = 10**9

# A resource's name with its amount, and whether that is written with a binary suffix.
Amounts = dict[str, tuple[Fraction, bool]]


def _amounts(container: Object, side: str) -> Amounts:
    given = (container.get("resources") or {}).get(side) or {}
    return {name: (amount(text), str(text).endswith("i")) for name, text in given.items()}


def _plus(one: Amounts, other: Amounts) -> Amounts:
    total = dict(one)
    for name, (value, binary) in other.items():
        had, form = total.get(name, (Fraction(0), binary))
        total[name] = (had + value, form if had else binary)
    return total


def _most(one: Amounts, other: Amounts) -> Amounts:
    most = dict(one)
    for name, (value, binary) in other.items():
        if name not in most or most[name][0] < value:
            most[name] = (value, binary)
    return most


def of_containers(spec: Object, side: str) -> Amounts:
    """What all containers use at once at most, when init containers run one after the other and
    sidecars stay: side is `requests` or `limits`."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        total = _plus(total, _amounts(container, side))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        needed = _amounts(container, side)
        if container.get("restartPolicy") == "Always":
            total = _plus(total, needed)
            sidecars = _plus(sidecars, needed)
            peak = _most(peak, sidecars)
        else:
            peak = _most(peak, _plus(needed, sidecars))
    return _most(total, peak)


def written(value: Fraction, binary: bool) -> str:
    if binary and value.denominator == 1:
        text = f"{Decimal(value.numerator) / 1024:f}Ki"
    else:
        text = f"{-(-value.numerator * _NANO // value.denominator)}n"
    return canonical_quantity(text) or "0"


def for_pods(name: str) -> bool:
    """Whether a pod as a whole can ask for it."""
    return name in _COMPUTE or name.startswith(HUGE_PAGES)


def default_pod_level(spec: Object) -> None:
    """A pod that says what it may use in all requests at least what its containers request."""
    resources = spec.get("resources")
    if resources is None:
        return
    if resources.get("requests") or resources.get("limits"):
        limits = dict(resources.get("limits") or {})
        for name, (value, binary) in of_containers(spec, "limits").items():
            if name.startswith(HUGE_PAGES) and name not in limits:
                limits[name] = written(value, binary)
        if limits:
            resources["limits"] = limits
    limits = resources.get("limits") or {}
    if not limits:
        return
    requests = dict(resources.get("requests") or {})
    for name, (value, binary) in of_containers(spec, "requests").items():
        if name in _COMPUTE and name not in requests:
            requests[name] = written(value, binary)
    for name, limit in limits.items():
        if for_pods(name):
            requests.setdefault(name, limit)
    if requests:
        resources["requests"] = requests


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort: from requests and limits of cpu and memory."""
    holders: Iterable[Object]
    if spec.get("resources") is not None:
        holders = [spec]
    else:
        holders = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requests: dict[str, Fraction] = {}
    limits: dict[str, Fraction] = {}
    guaranteed = True
    for holder in holders:
        resources = holder.get("resources") or {}
        capped = _compute(resources.get("limits"))
        for total, part in ((requests, _compute(resources.get("requests"))), (limits, capped)):
            for name, value in part.items():
                total[name] = total.get(name, Fraction(0)) + value
        guaranteed = guaranteed and len(capped) == len(_COMPUTE)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if guaranteed and requests == limits else "Burstable"


def _compute(amounts: Any) -> Mapping[str, Fraction]:
    """Only cpu and memory count for quality of service, and only amounts above zero."""
    return {
        name: value
        for name, text in (amounts or {}).items()
        if name in _COMPUTE and (value := amount(text)) > 0
    }

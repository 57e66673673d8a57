"""LimitRanger: the limit ranges of a namespace give containers what they may use when they do not
say, and refuse pods and claims that want too much, too little, or limits too far from requests.

What was stored once is not held against a later change that leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any

from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, spec_of
from kapiserver.resources.definition import Object
from kapiserver.resources.pod_resources import of_containers, written
from kapiserver.resources.schema.quantity import canonical_quantity
from kapiserver.resources.validation.quantities import amount
from kapiserver.storage.object import Selection

ANNOTATION = "kubernetes.io/limit-ranger"
_POD_LEVEL = ("cpu", "memory")

Amounts = Mapping[str, Any]
# What is wrong with one resource, given the amount that a limit range names and what was asked for.
Check = Callable[[str, str, str, Amounts, Amounts], str]


class LimitRanger:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        pods, resize, claims = ("pods",), ("pods/resize",), ("persistentvolumeclaims",)
        return (
            Rule(Phase.MUTATE, (CREATE,), pods, self._default),
            Rule(Phase.MUTATE, (UPDATE,), resize, self._default),
            Rule(Phase.VALIDATE, (CREATE,), pods, partial(self._check, problems_of_pod)),
            Rule(Phase.VALIDATE, (UPDATE,), resize, partial(self._check, problems_of_pod)),
            Rule(Phase.VALIDATE, (CREATE, UPDATE), claims, partial(self._check, problems_of_claim)),
        )

    def _limits(self, attributes: Attributes) -> Iterator[list[Object]]:
        """The limits of each range, by name of the range. What is going away may be as it is."""
        if attributes.old is not None and "deletionTimestamp" in attributes.old["metadata"]:
            return
        for found in self._known.now("", "limitranges", Selection(attributes.namespace)):
            yield (found.decoded().get("spec") or {}).get("limits") or []

    async def _default(self, attributes: Attributes) -> None:
        for limits in self._limits(attributes):
            fill_in(object_of(attributes), limits)

    async def _check(
        self,
        problems_of: Callable[[list[Object], Object, Object | None], Iterator[str]],
        attributes: Attributes,
    ) -> None:
        for limits in self._limits(attributes):
            found = list(dict.fromkeys(problems_of(limits, object_of(attributes), attributes.old)))
            if found:
                why = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
                raise forbidden(attributes, why)


def fill_in(pod: Object, limits: list[Object]) -> None:
    """Add what containers do not say, and say so in an annotation."""
    requested: dict[str, Any] = {}
    limited: dict[str, Any] = {}
    for limit in limits:
        if limit.get("type") == "Container":
            requested |= limit.get("defaultRequest") or {}
            limited |= limit.get("default") or {}
    spec = spec_of(pod)
    notes: list[str] = []
    for field, shown in (("containers", "container"), ("initContainers", "init container")):
        for container in spec.get(field) or ():
            for side, side_shown, defaults in (
                ("requests", "request", requested),
                ("limits", "limit", limited),
            ):
                resources = container.get("resources") or {}
                given = resources.get(side) or {}
                added = {name: text for name, text in defaults.items() if name not in given}
                if added:
                    container["resources"] = {**resources, side: {**given, **added}}
                    which = ", ".join(sorted(added))
                    notes.append(f"{which} {side_shown} for {shown} {container.get('name', '')}")
    if notes:
        metadata = pod["metadata"]
        note = {ANNOTATION: f"LimitRanger plugin set: {'; '.join(notes)}"}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **note}


def problems_of_pod(limits: list[Object], pod: Object, old: Object | None) -> Iterator[str]:
    spec, before = pod.get("spec") or {}, None if old is None else old.get("spec") or {}
    for limit in limits:
        look = _OF_PODS.get(limit.get("type", ""))
        if look is not None:
            yield from look(limit, spec, before)


def _problems_of_containers(limit: Object, spec: Object, old: Object | None) -> Iterator[str]:
    for field in ("containers", "initContainers"):
        before = {c.get("name"): _asked_by(c) for c in (old or {}).get(field) or ()}
        for container in spec.get(field) or ():
            stored = before.get(container.get("name"))
            yield from _problems(limit, _asked_by(container), stored)


def _problems_of_whole(limit: Object, spec: Object, old: Object | None) -> Iterator[str]:
    stored = None if old is None else _asked_by_pod(old)
    yield from _problems(limit, _asked_by_pod(spec), stored)


_OF_PODS = {"Container": _problems_of_containers, "Pod": _problems_of_whole}


def problems_of_claim(limits: list[Object], claim: Object, old: Object | None) -> Iterator[str]:
    requests = _requests_of(claim)
    before = _requests_of(old) if old is not None else {}
    for limit in limits:
        if limit.get("type") != "PersistentVolumeClaim":
            continue
        for field, check in (("min", _too_little), ("max", _requested_too_much)):
            for name, bound in sorted((limit.get(field) or {}).items()):
                if name in requests and name in before and _same(name, requests, before):
                    continue
                if problem := check(limit["type"], name, bound, requests, {}):
                    yield problem


Asked = tuple[Amounts, Amounts]


def _asked_by(container: Object) -> Asked:
    resources = container.get("resources") or {}
    return resources.get("requests") or {}, resources.get("limits") or {}


def _asked_by_pod(spec: Object) -> Asked:
    """The containers' together, or what the pod says as a whole."""
    own = spec.get("resources") or {}

    def total(side: str) -> dict[str, Any]:
        summed = {name: written(*value) for name, value in of_containers(spec, side).items()}
        for name, text in (own.get(side) or {}).items():
            if name in _POD_LEVEL:
                summed[name] = text
        return summed

    return total("requests"), total("limits")


def _requests_of(claim: Object) -> Amounts:
    resources = (claim.get("spec") or {}).get("resources") or {}
    requests: Amounts = resources.get("requests") or {}
    return requests


def _problems(limit: Object, asked: Asked, stored: Asked | None) -> Iterator[str]:
    requests, limits = asked
    for field, check in (
        ("min", _too_little),
        ("max", _too_much),
        ("maxLimitRequestRatio", _too_far_apart),
    ):
        for name, bound in sorted((limit.get(field) or {}).items()):
            if stored is not None and all(map(partial(_same, name), asked, stored)):
                continue
            if problem := check(limit["type"], name, bound, requests, limits):
                yield problem


def _same(name: str, one: Amounts, other: Amounts) -> bool:
    if name not in one or name not in other:
        return (name in one) == (name in other)
    return amount(one[name]) == amount(other[name])


def _shown(text: Any) -> str:
    return canonical_quantity(str(text)) or str(text)


def _too_little(kind: str, name: str, bound: str, requests: Amounts, limits: Amounts) -> str:
    rule = f"minimum {name} usage per {kind} is {_shown(bound)}"
    if name not in requests:
        return f"{rule}.  No request is specified"
    if amount(requests[name]) < amount(bound):
        return f"{rule}, but request is {_shown(requests[name])}"
    if name in limits and amount(limits[name]) < amount(bound):
        return f"{rule}, but limit is {_shown(limits[name])}"
    return ""


def _too_much(kind: str, name: str, bound: str, requests: Amounts, limits: Amounts) -> str:
    rule = f"maximum {name} usage per {kind} is {_shown(bound)}"
    if name not in limits:
        return f"{rule}.  No limit is specified"
    if amount(limits[name]) > amount(bound):
        return f"{rule}, but limit is {_shown(limits[name])}"
    if name in requests and amount(requests[name]) > amount(bound):
        return f"{rule}, but request is {_shown(requests[name])}"
    return ""


def _requested_too_much(
    kind: str, name: str, bound: str, requests: Amounts, limits: Amounts
) -> str:
    rule = f"maximum {name} usage per {kind} is {_shown(bound)}"
    if name not in requests:
        return f"{rule}.  No request is specified"
    if amount(requests[name]) > amount(bound):
        return f"{rule}, but request is {_shown(requests[name])}"
    return ""


def _too_far_apart(kind: str, name: str, bound: str, requests: Amounts, limits: Amounts) -> str:
    rule = f"{name} max limit to request ratio per {kind} is {_shown(bound)}"
    request, limit = amount(requests.get(name, "0")), amount(limits.get(name, "0"))
    if not request:
        return f"{rule}, but no request is specified or request is 0"
    if not limit:
        return f"{rule}, but no limit is specified or limit is 0"
    ratio = abs(limit / request)
    if ratio > amount(bound):
        exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        shown = exact.quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        return f"{rule}, but provided ratio is {shown}"
    return ""

"""PodResizeValidator: a pod on a node can only grow as far as the node has room; only on Linux."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from kapiserver.admission.chain import UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, old_of, spec_of
from kapiserver.resources.definition import Object
from kapiserver.resources.pod_resources import of_containers
from kapiserver.resources.validation.quantities import amount

_OS = "kubernetes.io/os"
# What is compared, and in which parts of a unit.
_PARTS = (("cpu", 1000), ("memory", 1))


class PodResizeValidator:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.VALIDATE, (UPDATE,), ("pods/resize",), self._check),)

    async def _check(self, attributes: Attributes) -> None:
        pod = object_of(attributes)
        spec = spec_of(pod)
        name = spec.get("nodeName")
        before = old_of(attributes)["metadata"].get("generation")
        if not name or pod["metadata"].get("generation") == before:
            return
        found = await self._known.find("", "nodes", name)
        if found is None:
            raise forbidden(attributes, f'node "{name}" not found')
        if problem := _lacking(spec, found.decoded()):
            raise forbidden(attributes, f"Node didn't have enough allocatable resources: {problem}")
        system = found.labels.get(_OS, "")
        if system != "linux":
            why = f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
            raise forbidden(attributes, why)


def _lacking(spec: Object, node: Object) -> str:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    lacking = []
    for name, parts in _PARTS:
        requested = ceil(_requested(spec, name) * parts)
        there = ceil(amount(allocatable.get(name, "0")) * parts)
        if requested > there:
            lacking.append(f"{name}, requested: {requested}, allocatable: {there}")
    return "; ".join(lacking)


def _requested(spec: Object, name: str) -> Fraction:
    """By the pod as a whole where it says so, else by its containers; and the overhead."""
    own = ((spec.get("resources") or {}).get("requests") or {}).get(name)
    if own is None:
        value = of_containers(spec, "requests").get(name, (Fraction(0), False))[0]
    else:
        value = amount(own)
    return value + amount((spec.get("overhead") or {}).get(name, "0"))

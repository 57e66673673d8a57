"""RuntimeClass: a pod takes over what its runtime class says it costs and where it can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kapiserver.admission.chain import CREATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, spec_of
from kapiserver.resources.definition import Object
from kapiserver.resources.validation.quantities import amount


class RuntimeClass:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule(Phase.MUTATE, (CREATE,), ("pods",), self._take_over),
            Rule(Phase.VALIDATE, (CREATE,), ("pods",), self._check),
        )

    async def _take_over(self, attributes: Attributes) -> None:
        spec = spec_of(object_of(attributes))
        chosen = await self._class_of(attributes, spec)
        if chosen is None:
            return
        overhead = chosen.get("overhead")
        if overhead is not None:
            fixed = overhead.get("podFixed") or {}
            if spec.get("overhead") is not None and not _same_amounts(spec["overhead"], fixed):
                raise _other_overhead(attributes)
            if fixed:
                spec["overhead"] = fixed
            else:
                spec.pop("overhead", None)
        scheduling = chosen.get("scheduling")
        if scheduling is not None:
            _choose_nodes(attributes, spec, scheduling.get("nodeSelector") or {})
            tolerations = merged(spec.get("tolerations") or [], scheduling.get("tolerations") or [])
            if tolerations:
                spec["tolerations"] = tolerations

    async def _check(self, attributes: Attributes) -> None:
        """Whoever changed the pod after it took over."""
        spec = spec_of(object_of(attributes))
        chosen = await self._class_of(attributes, spec)
        overhead = None if chosen is None else chosen.get("overhead")
        if overhead is None:
            if spec.get("overhead") is not None:
                raise forbidden(
                    attributes,
                    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
                    "Overhead",
                )
        elif not _same_amounts(spec.get("overhead") or {}, overhead.get("podFixed") or {}):
            raise _other_overhead(attributes)

    async def _class_of(self, attributes: Attributes, spec: Object) -> Object | None:
        name = spec.get("runtimeClassName")
        if name is None:
            return None
        found = await self._known.find("node.k8s.io", "runtimeclasses", name) if name else None
        if found is None:
            raise forbidden(attributes, f'pod rejected: RuntimeClass "{name}" not found')
        return found.decoded()


def _other_overhead(attributes: Attributes) -> Exception:
    why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    return forbidden(attributes, why)


def _same_amounts(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one.keys() == other.keys() and all(
        amount(text) == amount(other[name]) for name, text in one.items()
    )


def _choose_nodes(attributes: Attributes, spec: Object, wanted: Mapping[str, str]) -> None:
    given = spec.get("nodeSelector") or {}
    for key, value in wanted.items():
        if given.get(key, value) != value:
            raise forbidden(
                attributes,
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {given[key]}",
            )
    if wanted:
        spec["nodeSelector"] = {**given, **wanted}


def merged(first: Sequence[Object], second: Sequence[Object]) -> list[Object]:
    """All tolerations of both, without those that another one covers."""
    listed = [*first, *second]
    kept: list[Object] = []
    for position, toleration in enumerate(listed):
        later = (other for other in listed[position + 1 :] if other != toleration)
        if not any(_covers(other, toleration) for other in (*kept, *later)):
            kept.append(toleration)
    return kept


def _covers(one: Object, other: Object) -> bool:
    """Whether `one` tolerates all that `other` does."""
    if one == other:
        return True
    operator, key = one.get("operator", ""), one.get("key", "")
    if key != other.get("key", "") and (key or operator != "Exists"):
        return False
    effect = one.get("effect", "")
    if effect and effect != other.get("effect", ""):
        return False
    seconds, longer = one.get("tolerationSeconds"), other.get("tolerationSeconds")
    if effect == "NoExecute" and seconds is not None and (longer is None or longer > seconds):
        return False
    if operator in ("Equal", ""):
        same: bool = one.get("value", "") == other.get("value", "")
        return same and other.get("operator", "") == "Equal"
    return bool(operator == "Exists")

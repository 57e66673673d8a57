"""Priority: pods get the number that their priority class stands for, and one class at most is the
class of the pods that name none.

In: the priority classes. Out: spec.priority, preemptionPolicy and priorityClassName of new pods.
"""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, old_of, spec_of
from kapiserver.resources.definition import Object

GROUP = "scheduling.k8s.io"
CLASSES = "priorityclasses"
_IS_DEFAULT = b'"globalDefault":true'
_NO_CLASS: Object = {"metadata": {"name": ""}, "preemptionPolicy": "PreemptLowerPriority"}


class Priority:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        classes = (f"{CLASSES}.{GROUP}",)
        return (
            Rule(Phase.MUTATE, (CREATE,), ("pods",), self._resolve),
            Rule(Phase.MUTATE, (UPDATE,), ("pods",), _keep),
            Rule(Phase.VALIDATE, (CREATE, UPDATE), classes, self._check_default),
        )

    async def _resolve(self, attributes: Attributes) -> None:
        spec = spec_of(object_of(attributes))
        name = spec.get("priorityClassName")
        if name:
            found = await self._known.find(GROUP, CLASSES, name)
            if found is None:
                raise forbidden(attributes, f"no PriorityClass with name {name} was found")
            chosen = found.decoded()
        else:
            chosen = self._default() or _NO_CLASS
            if chosen["metadata"]["name"]:
                spec["priorityClassName"] = chosen["metadata"]["name"]
        value, given = chosen.get("value", 0), spec.get("priority")
        if given is not None and given != value:
            raise forbidden(
                attributes,
                f"the integer value of priority ({given}) must not be provided in pod spec; "
                f"priority admission controller computed {value} from the given PriorityClass name",
            )
        spec["priority"] = value
        policy, given = chosen.get("preemptionPolicy"), spec.get("preemptionPolicy")
        if policy is None:
            return
        if given is not None and given != policy:
            raise forbidden(
                attributes,
                f"the string value of PreemptionPolicy ({given}) must not be provided in pod spec; "
                f"priority admission controller computed {policy} from the given PriorityClass "
                "name",
            )
        spec["preemptionPolicy"] = policy

    async def _check_default(self, attributes: Attributes) -> None:
        written = object_of(attributes)
        if not written.get("globalDefault"):
            return
        default = self._default()
        if default is None:
            return
        name = default["metadata"]["name"]
        if attributes.operation == CREATE or name != written["metadata"]["name"]:
            raise forbidden(
                attributes,
                f"PriorityClass {name} is already marked as default. Only one default can exist",
            )

    def _default(self) -> Object | None:
        """Two may have been made at once: then the lower one counts."""
        marked = [
            found.decoded()
            for found in self._known.now(GROUP, CLASSES)
            if _IS_DEFAULT in found.value
        ]
        defaults = [found for found in marked if found.get("globalDefault") is True]
        return min(defaults, key=lambda found: found.get("value", 0), default=None)


async def _keep(attributes: Attributes) -> None:
    """An update need not repeat what was filled in when the pod was made."""
    spec, old = spec_of(object_of(attributes)), old_of(attributes).get("spec") or {}
    for field in ("priority", "preemptionPolicy"):
        if spec.get(field) is None and old.get(field) is not None:
            spec[field] = old[field]

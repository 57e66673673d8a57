"""NodeDeclaredFeatureValidator: a pod that runs is changed only in ways that its node knows of.

In: what changed, and what the node declares in its status. What a change needs of a node is in a
table; the names are those under which kubelets declare it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest

from kapiserver.admission.chain import UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, forbidden, object_of, old_of
from kapiserver.resources.definition import Object
from kapiserver.resources.validation.quantities import amount


class NodeDeclaredFeatureValidator:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.VALIDATE, (UPDATE,), ("pods", "pods/resize"), self._check),)

    async def _check(self, attributes: Attributes) -> None:
        pod, old = object_of(attributes), old_of(attributes)
        name = (pod.get("spec") or {}).get("nodeName")
        if not name or pod["metadata"].get("generation") == old["metadata"].get("generation"):
            return
        needed = [feature for feature, needs in _NEEDS.items() if needs(pod, old)]
        if not needed:
            return
        found = await self._known.find("", "nodes", name)
        if found is None:
            raise forbidden(attributes, f'node "{name}" not found')
        declared = (found.decoded().get("status") or {}).get("declaredFeatures") or ()
        missing = ", ".join(feature for feature in needed if feature not in declared)
        if missing:
            raise forbidden(
                attributes,
                f'pod update requires features {missing} which are not available on node "{name}"',
            )


def _pairs(pod: Object, old: Object, field: str) -> Iterator[tuple[Object, Object]]:
    """The entries of a list in spec, before and after."""
    after = (pod.get("spec") or {}).get(field) or ()
    before = (old.get("spec") or {}).get(field) or ()
    for one, other in zip_longest(before, after):
        yield one or {}, other or {}


def _moves_guaranteed_cpu(pod: Object, old: Object) -> bool:
    if (old.get("status") or {}).get("qosClass") != "Guaranteed":
        return False
    return any(_cpu(before) != _cpu(after) for before, after in _pairs(pod, old, "containers"))


def _cpu(container: Object) -> object:
    requests = (container.get("resources") or {}).get("requests") or {}
    return amount(requests.get("cpu", "0"))


def _moves_pod_resources(pod: Object, old: Object) -> bool:
    return _resources(pod.get("spec") or {}) != _resources(old.get("spec") or {})


def _moves_init_containers(pod: Object, old: Object) -> bool:
    return any(
        before.get("restartPolicy") != "Always" and _resources(before) != _resources(after)
        for before, after in _pairs(pod, old, "initContainers")
    )


def _resources(owner: Object) -> Object:
    """Resources such that what is written in two ways compares equal."""
    resources = owner.get("resources") or {}
    amounts: Object = {
        side: {name: amount(text) for name, text in resources[side].items()}
        for side in ("limits", "requests")
        if resources.get(side)
    }
    return {**amounts, "claims": resources.get("claims") or []}


def _moves_memory_volumes(pod: Object, old: Object) -> bool:
    return any(
        before.get("name") == after.get("name")
        and _in_memory(before)
        and _in_memory(after)
        and _limit(before) != _limit(after)
        for before, after in _pairs(pod, old, "volumes")
    )


def _in_memory(volume: Object) -> bool:
    return bool((volume.get("emptyDir") or {}).get("medium") == "Memory")


def _limit(volume: Object) -> object:
    limit = volume["emptyDir"].get("sizeLimit")
    return None if limit is None else amount(limit)


# In the order in which they are told.
_NEEDS: dict[str, Callable[[Object, Object], bool]] = {
    "GuaranteedQoSPodCPUResize": _moves_guaranteed_cpu,
    "InPlacePodLevelResourcesVerticalScaling": _moves_pod_resources,
    "InPlacePodVerticalScalingInitContainers": _moves_init_containers,
    "InPlacePodVerticalScalingMemoryBackedVolumes": _moves_memory_volumes,
}

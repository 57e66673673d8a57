"""PodTopologyLabels: a pod says in its labels in which zone and region it runs. They are its
node's, whatever the pod or who binds it says."""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of, spec_of
from kapiserver.resources.definition import Object

LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")


class PodTopologyLabels:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule(Phase.MUTATE, (CREATE,), ("pods",), self._label_pod),
            Rule(Phase.MUTATE, (CREATE,), ("pods/binding",), self._label_binding),
        )

    async def _label_pod(self, attributes: Attributes) -> None:
        pod = object_of(attributes)
        self._label(pod, spec_of(pod).get("nodeName") or "")

    async def _label_binding(self, attributes: Attributes) -> None:
        """What a binding has of labels comes to its pod."""
        binding = object_of(attributes)
        target = binding.get("target") or {}
        if target.get("kind") == "Node":
            self._label(binding, target.get("name") or "")

    def _label(self, obj: Object, node: str) -> None:
        found = self._known.store("", "nodes").get_now("", node) if node else None
        if found is None:
            return
        labels = {key: found.labels[key] for key in LABELS if key in found.labels}
        if labels:
            metadata = obj["metadata"]
            metadata["labels"] = {**(metadata.get("labels") or {}), **labels}

"""TaintNodesByCondition: a new node takes no pods until somebody who looks after nodes has seen it
ready and takes the taint away."""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of, spec_of

KEY, EFFECT = "node.kubernetes.io/not-ready", "NoSchedule"


class TaintNodesByCondition:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.MUTATE, (CREATE,), ("nodes",), _taint),)


async def _taint(attributes: Attributes) -> None:
    spec = spec_of(object_of(attributes))
    taints = spec.get("taints") or []
    if not any((taint.get("key"), taint.get("effect")) == (KEY, EFFECT) for taint in taints):
        spec["taints"] = [*taints, {"key": KEY, "effect": EFFECT}]

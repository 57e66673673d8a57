"""DefaultTolerationSeconds: a pod stays for five minutes on a node that is lost, unless it says
otherwise. Two tolerations are added to pods that have none for the two taints of such nodes."""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of, spec_of
from kapiserver.resources.definition import Object

TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
SECONDS = 300


class DefaultTolerationSeconds:
    def __init__(self, known: Known) -> None:
        pass

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.MUTATE, (CREATE, UPDATE), ("pods",), _add),)


async def _add(attributes: Attributes) -> None:
    spec = spec_of(object_of(attributes))
    given = spec.get("tolerations") or []
    added = [
        {
            "key": taint,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": SECONDS,
        }
        for taint in TAINTS
        if not any(_is_about(toleration, taint) for toleration in given)
    ]
    if added:
        spec["tolerations"] = [*given, *added]


def _is_about(toleration: Object, taint: str) -> bool:
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    return key in (taint, "") and effect in ("NoExecute", "")

"""DefaultTolerationSeconds: a pod stays for a while on a node that is lost.

Two tolerations are added to pods that have none for the two taints of such nodes.
"""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, UPDATE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known, object_of, spec_of
from kapiserver.resources.definition import Object

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


class DefaultTolerationSeconds:
    def __init__(self, known: Known) -> None:
        self._seconds = {
            NOT_READY: known.settings.not_ready_toleration_seconds,
            UNREACHABLE: known.settings.unreachable_toleration_seconds,
        }

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(Phase.MUTATE, (CREATE, UPDATE), ("pods",), self._add),)

    async def _add(self, attributes: Attributes) -> None:
        spec = spec_of(object_of(attributes))
        given = spec.get("tolerations") or []
        added = [
            {
                "key": taint,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": seconds,
            }
            for taint, seconds in self._seconds.items()
            if not any(_is_about(toleration, taint) for toleration in given)
        ]
        if added:
            spec["tolerations"] = [*given, *added]


def _is_about(toleration: Object, taint: str) -> bool:
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    return key in (taint, "") and effect in ("NoExecute", "")

"""Conditions of pods that the server itself sets. Pure."""

from __future__ import annotations

from kapiserver.api.metadata import timestamp
from kapiserver.resources.definition import Object


def set_true(pod: Object, kind: str, **told: str) -> None:
    """The condition in place of what it was; if it was true already it keeps its time."""
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    now: Object = {
        "type": kind,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(),
        **told,
    }
    for position, condition in enumerate(conditions):
        if condition.get("type") == kind:
            if condition.get("status") == now["status"]:
                now["lastTransitionTime"] = condition.get("lastTransitionTime")
            conditions[position] = now
            return
    conditions.append(now)

"""The columns of pods: one word for the state of all containers, as kubectl users know it."""

from __future__ import annotations

from typing import Any, NamedTuple

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    column,
    dig,
    items,
    number,
    since,
    text,
    unix_time,
    value_at,
)


class Restarts:
    """How often containers restarted, and when the last of them did."""

    __slots__ = ("count", "last", "last_time")

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        self.last_time = 0.0

    def add(self, status: Object) -> None:
        self.count += number(status, "restartCount")
        finished = text(status, "lastState", "terminated", "finishedAt")
        moment = unix_time(finished)
        if moment is not None and moment > self.last_time:
            self.last, self.last_time = finished, moment


class Summary(NamedTuple):
    ready: int
    total: int
    reason: str
    restarts: Restarts


def _has_condition(pod: Object, kind: str) -> bool:
    for condition in items(pod, "status", "conditions"):
        if condition.get("type") == kind:
            return bool(condition.get("status") == "True")
    return False


def _termination(terminated: Object) -> str:
    """Why a container ended: its reason, else the signal, else the exit code."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{number(terminated, 'exitCode')}"


def _init_reason(status: Object, sidecar: bool, position: int, total: int) -> str | None:
    """What an init container that has not done its part shows; None when it has."""
    terminated = dig(status, "state", "terminated")
    if terminated is not None and number(terminated, "exitCode") == 0:
        return None
    if sidecar and status.get("started") is True:
        return None
    if terminated is not None:
        return "Init:" + _termination(terminated)
    waiting = text(status, "state", "waiting", "reason")
    if waiting and waiting != "PodInitializing":
        return "Init:" + waiting
    return f"Init:{position}/{total}"


def summarize(pod: Object) -> Summary:
    """READY, STATUS and RESTARTS, from spec and container statuses.

    Init containers decide while one of them is unfinished; then the regular ones do, the first
    container's word overruling later ones. Sidecars (init containers that restart) count as
    regular containers in READY and RESTARTS.
    """
    reason = text(pod, "status", "reason") or text(pod, "status", "phase")
    for condition in items(pod, "status", "conditions"):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"

    specs = items(pod, "spec", "initContainers")
    sidecars = {text(c, "name") for c in specs if c.get("restartPolicy") == "Always"}
    total = len(items(pod, "spec", "containers")) + len(sidecars)
    ready = 0
    restarts, sidecar_restarts = Restarts(), Restarts()

    initializing = False
    for position, status in enumerate(items(pod, "status", "initContainerStatuses")):
        sidecar = text(status, "name") in sidecars
        restarts.add(status)
        if sidecar:
            sidecar_restarts.add(status)
        pending = _init_reason(status, sidecar, position, len(specs))
        if pending is not None:
            reason, initializing = pending, True
            break
        if sidecar and status.get("ready") is True and not dig(status, "state", "terminated"):
            ready += 1

    if not initializing or _has_condition(pod, "Initialized"):
        restarts = sidecar_restarts
        running = False
        for status in reversed(items(pod, "status", "containerStatuses")):
            restarts.add(status)
            terminated = dig(status, "state", "terminated")
            waiting = text(status, "state", "waiting", "reason")
            if waiting:
                reason = waiting
            elif terminated is not None:
                reason = _termination(terminated)
            elif status.get("ready") is True and dig(status, "state", "running") is not None:
                running = True
                ready += 1
        if reason == "Completed" and running:
            reason = "Running" if _has_condition(pod, "Ready") else "NotReady"

    if dig(pod, "metadata", "deletionTimestamp"):
        if text(pod, "status", "reason") == "NodeLost":
            reason = "Unknown"
        elif text(pod, "status", "phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return Summary(ready, total, reason, restarts)


def _ready(pod: Object, now: float) -> str:
    summary = summarize(pod)
    return f"{summary.ready}/{summary.total}"


def _status(pod: Object, now: float) -> str:
    return summarize(pod).reason


def _restarts(pod: Object, now: float) -> str:
    restarts = summarize(pod).restarts
    if restarts.count and restarts.last:
        return f"{restarts.count} ({since(restarts.last, now)} ago)"
    return str(restarts.count)


def _ip(pod: Object, now: float) -> str:
    addresses = items(pod, "status", "podIPs")
    return (text(addresses[0], "ip") if addresses else text(pod, "status", "podIP")) or NONE


def _readiness_gates(pod: Object, now: float) -> str:
    gates = items(pod, "spec", "readinessGates")
    if not gates:
        return NONE
    passed = sum(_has_condition(pod, text(gate, "conditionType")) for gate in gates)
    return f"{passed}/{len(gates)}"


def row_conditions(pod: Object) -> list[dict[str, Any]]:
    """Table row conditions: a pod that has run to its end is marked as completed."""
    phase = text(pod, "status", "phase")
    message = {
        "Succeeded": "The pod has completed successfully.",
        "Failed": "The pod failed.",
    }.get(phase)
    if message is None:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


COLUMNS = (
    NAME,
    column("Ready", _ready, "Containers that are ready, of all that should be."),
    column("Status", _status, "The aggregate status of the containers in this pod."),
    column("Restarts", _restarts, "How often containers restarted, and when the last one did."),
    AGE,
    column("IP", _ip, "First address of the pod.", wide=True),
    column(
        "Node", value_at("spec", "nodeName", absent=NONE), "Node that the pod runs on.", wide=True
    ),
    column(
        "Nominated Node",
        value_at("status", "nominatedNodeName", absent=NONE),
        "Node on which room is being made for the pod.",
        wide=True,
    ),
    column("Readiness Gates", _readiness_gates, "Readiness gates that passed, of all.", wide=True),
)

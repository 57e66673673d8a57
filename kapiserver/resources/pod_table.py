"""The columns of pods: one word for the state of all containers, as kubectl users know it."""

from __future__ import annotations

from typing import Any, NamedTuple

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    Cell,
    age,
    column,
    doc,
    name,
    since,
    unix_time,
)


class Restarts:
    """How often containers restarted, and when the last of them did."""

    __slots__ = ("count", "last", "last_time")

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        self.last_time = 0.0

    def add(self, status: Object) -> None:
        self.count += status.get("restartCount") or 0
        terminated = (status.get("lastState") or _EMPTY).get("terminated")
        if terminated:
            moment = unix_time(terminated.get("finishedAt"))
            if moment is not None and moment > self.last_time:
                self.last, self.last_time = terminated["finishedAt"], moment


class Summary(NamedTuple):
    ready: int
    total: int
    reason: str
    restarts: Restarts


_EMPTY: Object = {}


def _holds(conditions: list[Object], kind: str) -> bool:
    for condition in conditions:
        if condition.get("type") == kind:
            return bool(condition.get("status") == "True")
    return False


def _termination(terminated: Object) -> str:
    """Why a container ended: its reason, else the signal, else the exit code."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _init_reason(status: Object, sidecar: bool, position: int, total: int) -> str | None:
    """What an init container that has not done its part shows; None when it has."""
    state = status.get("state") or _EMPTY
    terminated = state.get("terminated")
    if terminated is not None and not terminated.get("exitCode"):
        return None
    if sidecar and status.get("started") is True:
        return None
    if terminated is not None:
        return "Init:" + _termination(terminated)
    waiting = (state.get("waiting") or _EMPTY).get("reason")
    if waiting and waiting != "PodInitializing":
        return f"Init:{waiting}"
    return f"Init:{position}/{total}"


def summarize(pod: Object) -> Summary:
    """READY, STATUS and RESTARTS, from spec and container statuses.

    Init containers decide while one of them is unfinished; then the regular ones do, the first
    container's word overruling later ones. Sidecars (init containers that restart) count as
    regular containers in READY and RESTARTS.

    Lists of pods call this for every row: it reads the dicts directly.
    """
    spec, status = pod.get("spec") or _EMPTY, pod.get("status") or _EMPTY
    conditions: list[Object] = status.get("conditions") or []
    reason = status.get("reason") or status.get("phase") or ""
    for condition in conditions:
        if condition.get("reason") == "SchedulingGated" and condition["type"] == "PodScheduled":
            reason = "SchedulingGated"

    init_specs = spec.get("initContainers") or ()
    sidecars = {c.get("name") for c in init_specs if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = 0
    restarts, sidecar_restarts = Restarts(), Restarts()

    initializing = False
    for position, container in enumerate(status.get("initContainerStatuses") or ()):
        sidecar = container.get("name") in sidecars
        restarts.add(container)
        if sidecar:
            sidecar_restarts.add(container)
        pending = _init_reason(container, sidecar, position, len(init_specs))
        if pending is not None:
            reason, initializing = pending, True
            break
        if sidecar and container.get("ready") is True and container.get("started") is True:
            ready += 1

    if not initializing or _holds(conditions, "Initialized"):
        restarts = sidecar_restarts
        running, error = False, ""
        for container in reversed(status.get("containerStatuses") or ()):
            restarts.add(container)
            state = container.get("state") or _EMPTY
            waiting = (state.get("waiting") or _EMPTY).get("reason")
            if waiting:
                reason = waiting
            elif state.get("terminated") is not None:
                reason = _termination(state["terminated"])
                if state["terminated"].get("exitCode"):
                    error = reason
            elif container.get("ready") is True and state.get("running") is not None:
                running = True
                ready += 1
        if reason == "Completed":
            if running and _holds(conditions, "Ready"):
                reason = "Running"
            else:
                reason = error or ("NotReady" if running else reason)

    if (pod.get("metadata") or _EMPTY).get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return Summary(ready, total, reason, restarts)


def cells(pod: Object, now: float) -> list[Any]:
    """All cells of a row: most of them come from the one summary."""
    spec, status = pod.get("spec") or _EMPTY, pod.get("status") or _EMPTY
    summary = summarize(pod)
    return [
        name(pod, now),
        f"{summary.ready}/{summary.total}",
        summary.reason,
        _restarts(summary.restarts, now),
        age(pod, now),
        _ip(status),
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(spec, status),
    ]


def _cell(position: int) -> Cell:
    return lambda pod, now: cells(pod, now)[position]


def _restarts(restarts: Restarts, now: float) -> str:
    if restarts.count and restarts.last:
        return f"{restarts.count} ({since(restarts.last, now)} ago)"
    return str(restarts.count)


def _ip(status: Object) -> str:
    addresses = status.get("podIPs")
    return (addresses[0].get("ip") if addresses else status.get("podIP")) or NONE


def _readiness_gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates")
    if not gates:
        return NONE
    conditions = status.get("conditions") or []
    passed = sum(_holds(conditions, gate.get("conditionType", "")) for gate in gates)
    return f"{passed}/{len(gates)}"


_ENDED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def row_conditions(pod: Object) -> list[dict[str, Any]]:
    """Table row conditions: a pod that has run to its end is marked as completed."""
    phase = (pod.get("status") or _EMPTY).get("phase")
    message = _ENDED.get(phase or "")
    if message is None:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


COLUMNS = (
    NAME,
    column("Ready", _cell(1), "The aggregate readiness state of this pod for accepting traffic."),
    column("Status", _cell(2), "The aggregate status of the containers in this pod."),
    column(
        "Restarts",
        _cell(3),
        (
            "The number of times the containers in this pod have been restarted and when the last"
            " container in this pod has restarted."
        ),
    ),
    AGE,
    column("IP", _cell(5), doc("core.v1.PodStatus.podIP"), wide=True),
    column("Node", _cell(6), doc("core.v1.PodSpec.nodeName"), wide=True),
    column("Nominated Node", _cell(7), doc("core.v1.PodStatus.nominatedNodeName"), wide=True),
    column("Readiness Gates", _cell(8), doc("core.v1.PodSpec.readinessGates"), wide=True),
)

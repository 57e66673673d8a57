"""READY, STATUS and RESTARTS of pods in every state that people meet."""

from __future__ import annotations

from typing import Any

import pytest
from resource_rows import NOW, REGISTRY, ago, named, row

from kapiserver.resources.definition import Object


def running(name: str, *, restarts: int = 0, ready: bool = True, **more: Any) -> Object:
    return {
        "name": name,
        "ready": ready,
        "started": True,
        "restartCount": restarts,
        "state": {"running": {"startedAt": ago(minutes=4)}},
        **more,
    }


def ended(name: str, code: int = 0, reason: str = "", **more: Any) -> Object:
    terminated: Object = {"exitCode": code, **more}
    if reason:
        terminated["reason"] = reason
    return {"name": name, "ready": False, "restartCount": 0, "state": {"terminated": terminated}}


def waiting(name: str, reason: str, **more: Any) -> Object:
    return {
        "name": name,
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason}},
        **more,
    }


def pod(
    statuses: list[Object] | None = None,
    *,
    inits: list[Object] | None = None,
    init_specs: list[Object] | None = None,
    phase: str = "Running",
    containers: int = 1,
    metadata: Object | None = None,
    spec: Object | None = None,
    **status: Any,
) -> Object:
    return {
        "metadata": named("web", **(metadata or {})),
        "spec": {
            "containers": [{"name": f"c{i}"} for i in range(containers)],
            "initContainers": init_specs or [],
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "containerStatuses": statuses or [],
            "initContainerStatuses": inits or [],
            **status,
        },
    }


PODS: dict[str, tuple[Object, str]] = {
    "fresh": (pod(phase="Pending"), "0/1 Pending 0"),
    "running": (pod([running("c0")]), "1/1 Running 0"),
    "not ready": (pod([running("c0", ready=False)]), "0/1 Running 0"),
    "crash loop": (
        pod([waiting("c0", "CrashLoopBackOff", restartCount=3)]),
        "0/1 CrashLoopBackOff 3",
    ),
    "restarted": (
        pod(
            [
                running(
                    "c0",
                    restarts=2,
                    lastState={"terminated": {"exitCode": 1, "finishedAt": ago(minutes=3)}},
                )
            ]
        ),
        "1/1 Running 2 (3m ago)",
    ),
    "exit code": (pod([ended("c0", 3)]), "0/1 ExitCode:3 0"),
    "signal": (pod([ended("c0", 137, signal=9)]), "0/1 Signal:9 0"),
    "completed": (pod([ended("c0", 0, "Completed")], phase="Succeeded"), "0/1 Completed 0"),
    "one completed, one running, pod ready": (
        pod(
            [ended("c0", 0, "Completed"), running("c1")],
            containers=2,
            conditions=[{"type": "Ready", "status": "True"}],
        ),
        "1/2 Running 0",
    ),
    "one completed, one running, pod not ready": (
        pod([ended("c0", 0, "Completed"), running("c1")], containers=2),
        "1/2 NotReady 0",
    ),
    "one completed, one failed": (
        pod([ended("c0", 0, "Completed"), ended("c1", 1, "Error")], containers=2, phase="Failed"),
        "0/2 Error 0",
    ),
    "first container's word wins": (
        pod([waiting("c0", "ErrImagePull"), waiting("c1", "ImagePullBackOff")], containers=2),
        "0/2 ErrImagePull 0",
    ),
    "evicted": (pod(phase="Failed", reason="Evicted"), "0/1 Evicted 0"),
    "gated": (
        pod(
            phase="Pending",
            conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
        ),
        "0/1 SchedulingGated 0",
    ),
    "initializing": (
        pod(
            [waiting("c0", "PodInitializing")],
            init_specs=[{"name": "i0"}, {"name": "i1"}],
            inits=[ended("i0"), waiting("i1", "PodInitializing")],
            phase="Pending",
        ),
        "0/1 Init:1/2 0",
    ),
    "init failed": (
        pod(
            init_specs=[{"name": "i0"}],
            inits=[ended("i0", 1, "Error")],
            phase="Pending",
        ),
        "0/1 Init:Error 0",
    ),
    "init waits for its image": (
        pod(
            init_specs=[{"name": "i0"}],
            inits=[waiting("i0", "ImagePullBackOff")],
            phase="Pending",
        ),
        "0/1 Init:ImagePullBackOff 0",
    ),
    "init restarts are forgotten once it is done": (
        pod(
            [running("c0")],
            init_specs=[{"name": "i0"}],
            inits=[{**ended("i0"), "restartCount": 4}],
        ),
        "1/1 Running 0",
    ),
    "sidecar counts as a container": (
        pod(
            [running("c0")],
            init_specs=[{"name": "proxy", "restartPolicy": "Always"}],
            inits=[running("proxy", restarts=1)],
        ),
        "2/2 Running 1",
    ),
    "sidecar not started": (
        pod(
            init_specs=[{"name": "proxy", "restartPolicy": "Always"}],
            inits=[{**running("proxy"), "started": False}],
            phase="Pending",
        ),
        "0/2 Init:0/1 0",
    ),
    "terminating": (
        pod([running("c0")], metadata={"deletionTimestamp": ago(seconds=3)}),
        "1/1 Terminating 0",
    ),
    "its node is lost": (
        pod([running("c0")], metadata={"deletionTimestamp": ago(seconds=3)}, reason="NodeLost"),
        "1/1 Unknown 0",
    ),
    "deleted after it completed": (
        pod(
            [ended("c0", 0, "Completed")],
            phase="Succeeded",
            metadata={"deletionTimestamp": ago(seconds=3)},
        ),
        "0/1 Completed 0",
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_the_state_of_a_pod(case: str) -> None:
    obj, expected = PODS[case]
    shown = row("pods", obj)
    assert f"{shown['Ready']} {shown['Status']} {shown['Restarts']}" == expected
    assert shown["Age"] == "5m"


def test_a_wide_pod() -> None:
    obj = pod(
        [running("c0")],
        spec={"nodeName": "n1", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
        podIPs=[{"ip": "10.0.0.7"}, {"ip": "fd00::7"}],
        conditions=[{"type": "a", "status": "True"}],
    )
    shown = row("pods", obj, wide=True)
    assert list(shown)[5:] == ["IP", "Node", "Nominated Node", "Readiness Gates"]
    assert list(shown.values())[5:] == ["10.0.0.7", "n1", "<none>", "1/2"]


def test_a_row_of_cells_is_what_the_columns_say() -> None:
    definition = REGISTRY.resource("", "pods")
    assert definition is not None
    assert definition.row_cells is not None
    for obj, _ in PODS.values():
        one_by_one = [column.cell(obj, NOW.timestamp()) for column in definition.columns]
        assert definition.row_cells(obj, NOW.timestamp()) == one_by_one


def test_finished_pods_are_marked_as_completed_rows() -> None:
    definition = REGISTRY.resource("", "pods")
    assert definition is not None
    assert definition.row_conditions is not None
    assert definition.row_conditions(pod()) == []
    (condition,) = definition.row_conditions(pod(phase="Failed"))
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "Completed",
        "True",
        "Failed",
    )

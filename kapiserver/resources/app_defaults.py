"""Defaults of what keeps pods running: deployments, replica sets, daemon sets, stateful sets."""

from __future__ import annotations

from kapiserver.resources.annotated_fields import read_rollback, read_template_generation
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.printing import items
from kapiserver.resources.resource_lists import round_up
from kapiserver.resources.strategies import fill_default, set_default
from kapiserver.resources.workloads import default_template

_HISTORY = 10


def deployment_defaults(obj: Object, context: WriteContext) -> None:
    read_rollback(obj)
    spec = obj.setdefault("spec", {})
    default_template(spec)
    set_default(spec, "replicas", 1)
    set_default(spec, "revisionHistoryLimit", _HISTORY)
    set_default(spec, "progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        set_default(rolling, "maxUnavailable", "25%")
        set_default(rolling, "maxSurge", "25%")


def replica_set_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    default_template(spec)
    set_default(spec, "replicas", 1)


def daemon_set_defaults(obj: Object, context: WriteContext) -> None:
    read_template_generation(obj)
    spec = obj.setdefault("spec", {})
    default_template(spec)
    set_default(spec, "revisionHistoryLimit", _HISTORY)
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        set_default(rolling, "maxUnavailable", 1)
        set_default(rolling, "maxSurge", 0)


def stateful_set_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    default_template(spec)
    set_default(spec, "replicas", 1)
    set_default(spec, "revisionHistoryLimit", _HISTORY)
    fill_default(spec, "podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        set_default(rolling, "partition", 0)
        set_default(rolling, "maxUnavailable", 1)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    fill_default(retention, "whenDeleted", "Retain")
    fill_default(retention, "whenScaled", "Retain")
    for claim in items(spec, "volumeClaimTemplates"):
        set_default(claim, "apiVersion", "v1")
        set_default(claim, "kind", "PersistentVolumeClaim")
        set_default(claim.setdefault("spec", {}), "volumeMode", "Filesystem")
        round_up(claim["spec"].get("resources") or {}, "limits", "requests")
        claim["status"] = {"phase": "Pending"}

"""The status of a pod, as kubelets and schedulers write it through /status."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, immutable, invalid
from kapiserver.resources.validation.formats import Found, check_subdomain
from kapiserver.resources.validation.ip_syntax import ip_problems
from kapiserver.resources.validation.labels import check_qualified
from kapiserver.resources.validation.pod_claims_status import (
    check_claim_statuses,
    check_extended_claim,
    check_resource_health,
)

_OWN_CONDITIONS = ("PodScheduled", "Ready", "Initialized")
_NOT_NEGATIVE = "must be a non-negative integer"
_MAX_ID = 4294967295
_RESTART_ALL = "RestartAllContainers"
_LISTS = (
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
    ("ephemeralContainerStatuses", "ephemeralContainers"),
)


def check_pod_status(found: Found, new: Object, old: Object) -> None:
    """`new` has the spec of `old`: only metadata and status differ."""
    spec, status, before = old.get("spec") or {}, _status(new), _status(old)
    _check_conditions(found, status)
    nominated = status.get("nominatedNodeName", "")
    if nominated and nominated != before.get("nominatedNodeName", ""):
        check_subdomain(found, nominated, "status.nominatedNodeName")
        if spec.get("nodeName"):
            detail = "may not be set on pods that are already bound to a node"
            found.append(forbidden("status.nominatedNodeName", detail))
    _check_generation(found, status, "status.observedGeneration")
    if status.get("qosClass", "") != before.get("qosClass", ""):
        found.append(immutable("status.qosClass", status.get("qosClass", "")))
    for field, containers in _LISTS:
        _check_transitions(found, status, before, spec, field, containers)
    check_claim_statuses(found, status, spec)
    check_extended_claim(found, status, spec)
    _check_addresses(found, status, before)
    for field, _ in _LISTS:
        _check_users(found, status, spec, field)
    check_resource_health(found, status, spec)


def _status(pod: Object) -> Object:
    return pod.get("status") or {}


def _check_generation(found: Found, holder: Object, path: str) -> None:
    generation = holder.get("observedGeneration", 0)
    if generation < 0:
        found.append(invalid(path, generation, _NOT_NEGATIVE))


def _check_conditions(found: Found, status: Object) -> None:
    for position, condition in enumerate(status.get("conditions") or ()):
        here = f"status.conditions[{position}]"
        _check_generation(found, condition, f"{here}.observedGeneration")
        kind = condition.get("type", "")
        if kind not in _OWN_CONDITIONS:
            check_qualified(found, kind, f"{here}.Type")


def _check_transitions(
    found: Found, status: Object, before: Object, spec: Object, field: str, containers: str
) -> None:
    """What has ended starts again only when its restart policy says so."""
    ephemeral = field == "ephemeralContainerStatuses"
    if not ephemeral and _restarts_all(spec):
        return
    current = {each.get("name", ""): each for each in status.get(field) or ()}
    declared = {each.get("name", ""): each for each in spec.get(containers) or ()}
    for position, each in enumerate(before.get(field) or ()):
        ended = (each.get("state") or {}).get("terminated")
        now = current.get(each.get("name", ""))
        if ended is None or now is None or (now.get("state") or {}).get("terminated") is not None:
            continue
        container = None if ephemeral else declared.get(each.get("name", ""))
        policy = spec.get("restartPolicy", "")
        if container is None or not _restarts(container, ended.get("exitCode", 0), policy):
            detail = "may not be transitioned to non-terminated state"
            found.append(forbidden(f"status.{field}[{position}].state", detail))


def _restarts_all(spec: Object) -> bool:
    return any(
        rule.get("action") == _RESTART_ALL
        for field in ("containers", "initContainers")
        for container in spec.get(field) or ()
        for rule in container.get("restartPolicyRules") or ()
    )


def _restarts(container: Object, exit_code: int, pod_policy: str) -> bool:
    own = container.get("restartPolicy")
    if own is not None:
        for rule in container.get("restartPolicyRules") or ():
            codes = rule.get("exitCodes")
            if codes is None or rule.get("action") != "Restart":
                continue
            listed = exit_code in (codes.get("values") or ())
            if listed == (codes.get("operator") == "In"):
                return True
    policy = pod_policy if own is None else own
    return bool(policy == "Always" or (policy == "OnFailure" and exit_code != 0))


def _check_addresses(found: Found, status: Object, before: Object) -> None:
    for field in ("podIPs", "hostIPs"):
        given = [each.get("ip", "") for each in status.get(field) or ()]
        known = {each.get("ip", "") for each in before.get(field) or ()}
        if field == "hostIPs" and given and status.get("hostIP", "") != given[0]:
            detail = "must be equal to `hostIP`"
            found.append(invalid("status.hostIPs[0].ip", given[0], detail))
        for position, address in enumerate(given):
            if address not in known:
                here = f"status.{field}[{position}]"
                found += [invalid(here, address, problem) for problem in ip_problems(address)]
        families = [":" in address for address in given]
        if len(families) > len(set(families)):
            detail = "may specify no more than one IP for each IP family"
            # shown as kube-apiserver holds them, hence the capitals
            shown = [{"IP": address} for address in given]
            found.append(invalid(f"status.{field}", shown, detail))


def _check_users(found: Found, status: Object, spec: Object, field: str) -> None:
    windows = (spec.get("os") or {}).get("name") == "windows"
    for position, each in enumerate(status.get(field) or ()):
        user: Any = (each.get("user") or {}).get("linux")
        if user is None:
            continue
        path = f"status.{field}[{position}].user.linux"
        if windows:
            found.append(forbidden(path, "cannot be set for a windows pod"))
            continue
        _check_user_id(found, user.get("uid", 0), f"{path}.uid")
        _check_user_id(found, user.get("gid", 0), f"{path}.gid")
        for index, group in enumerate(user.get("supplementalGroups") or ()):
            _check_user_id(found, group, f"{path}.supplementalGroups[{index}]")


def _check_user_id(found: Found, number: int, path: str) -> None:
    if not 0 <= number <= _MAX_ID:
        found.append(invalid(path, number, f"must be between 0 and {_MAX_ID}, inclusive"))

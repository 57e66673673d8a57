"""Deployments, replica sets, daemon sets, stateful sets, replication controllers: their specs."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.validation.claims import check_claim_template
from kapiserver.resources.validation.formats import (
    NON_NEGATIVE,
    Found,
    check_non_negative,
    percent,
)
from kapiserver.resources.validation.internals import Field, Shape, integer, internal
from kapiserver.resources.validation.labels import check_selector, is_empty, selects
from kapiserver.resources.validation.pod_spec import check_template

_MAX_INT64 = 2**63 - 1
_MAX_DIGITS = 19
_ROLLING: Shape = {"MaxUnavailable": integer("maxUnavailable"), "MaxSurge": integer("maxSurge")}
_ROLLING_SETS: Shape = {
    "Partition": integer("partition"),
    "MaxUnavailable": Field("maxUnavailable"),
}
_NO_MATCH = "`selector` does not match template `labels`"


def check_deployment(found: Found, spec: Object, old: Object | None) -> None:
    """`old`, here and below, is the template that this spec's replaces."""
    check_non_negative(found, spec, "spec", "replicas")
    _check_selected(found, spec, "deployment", "ReplicaSet", old=old)
    strategy = spec.get("strategy") or {}
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            found.append(forbidden("spec.strategy.rollingUpdate", detail))
    elif kind == "RollingUpdate":
        if rolling is None:
            detail = "this should be defaulted and never be nil"
            found.append(required("spec.strategy.rollingUpdate", detail))
        else:
            _check_rolling_deployment(found, rolling, "spec.strategy.rollingUpdate")
    else:
        found.append(_bad_strategy("spec.strategy", kind, rolling, ("Recreate", "RollingUpdate")))
    fields = ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    check_non_negative(found, spec, "spec", *fields)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        detail = "must be greater than minReadySeconds"
        found.append(invalid("spec.progressDeadlineSeconds", deadline, detail))


def check_replica_set(found: Found, spec: Object, old: Object | None) -> None:
    check_non_negative(found, spec, "spec", "replicas", "minReadySeconds")
    # The text names deployments: kube-apiserver's does.
    _check_selected(found, spec, "deployment", "ReplicaSet", old=old)


def check_daemon_set(found: Found, spec: Object, old: Object | None) -> None:
    selector, template = spec.get("selector"), spec.get("template") or {}
    known = len(found)
    check_selector(found, selector, "spec.selector")
    if len(found) == known:
        _check_match(found, selector, template)
    if selector is not None and is_empty(selector):
        detail = "empty selector is invalid for daemonset"
        found.append(invalid("spec.selector", selector, detail))
    _check_long_running(found, template, "spec.template", "DaemonSet", old=old)
    check_non_negative(found, spec, "spec", "minReadySeconds")
    strategy = spec.get("updateStrategy") or {}
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "RollingUpdate":
        if rolling is None:
            found.append(required("spec.updateStrategy.rollingUpdate"))
        else:
            _check_rolling_daemons(found, rolling, "spec.updateStrategy.rollingUpdate")
    elif kind != "OnDelete":
        choices = ("RollingUpdate", "OnDelete")
        found.append(_bad_strategy("spec.updateStrategy", kind, rolling, choices))
    check_non_negative(found, spec, "spec", "revisionHistoryLimit")


def check_stateful_set(found: Found, spec: Object, old: Object | None) -> None:
    """`old` is the spec that this one replaces, None when the set is new."""
    policy = spec.get("podManagementPolicy", "")
    if not policy:
        found.append(required("spec.podManagementPolicy"))
    elif policy not in ("OrderedReady", "Parallel"):
        detail = "must be 'OrderedReady' or 'Parallel'"
        found.append(invalid("spec.podManagementPolicy", policy, detail))
    _check_stateful_strategy(found, spec.get("updateStrategy") or {}, "spec.updateStrategy")
    retention = spec.get("persistentVolumeClaimRetentionPolicy")
    for field in ("whenDeleted", "whenScaled") if retention is not None else ():
        value = (retention or {}).get(field, "")
        if value not in ("Retain", "Delete"):
            here = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
            found.append(unsupported(here, value, ("Retain", "Delete")))
    for position, claim in enumerate(spec.get("volumeClaimTemplates") or () if old is None else ()):
        # metadata of a whole claim: more than labels is allowed there
        here = f"spec.volumeClaimTemplates[{position}]"
        check_claim_template(found, {**claim, "metadata": {}}, here)
    check_non_negative(found, spec, "spec", "replicas", "minReadySeconds")
    if ordinals := spec.get("ordinals"):
        check_non_negative(found, ordinals, "spec.ordinals", "start")
    if old is None and (name := spec.get("serviceName")):
        found += [invalid("spec.serviceName", name, why) for why in dns1123_label(name)]
    before = (old or {}).get("template")
    given = _with_claims(spec)
    problems: Found = []
    check_template(problems, given["template"], "spec.template", before)
    if problems and old is not None and old is not spec and _is_wrong(old):
        problems = []
    _check_selected(found, given, "statefulset", "StatefulSet", before, problems)


def _is_wrong(spec: Object) -> bool:
    """Templates of stateful sets were not looked at once: sets that are wrong may stay so."""
    problems: Found = []
    check_stateful_set(problems, spec, spec)
    return bool(problems)


def _with_claims(spec: Object) -> Object:
    """The spec with the template as the controller uses it: it names the pods, and makes volumes
    of the claims."""
    template = spec.get("template") or {}
    pod = dict(template.get("spec") or {})
    for field in ("hostname", "subdomain"):
        pod.pop(field, None)
    names = [
        (claim.get("metadata") or {}).get("name", "")
        for claim in spec.get("volumeClaimTemplates") or ()
    ]
    if names:
        pod["volumes"] = [
            *({"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names),
            *(each for each in pod.get("volumes") or () if each.get("name", "") not in names),
        ]
    return {**spec, "template": {**template, "spec": pod}}


def check_controller(found: Found, spec: Object, old: Object | None) -> None:
    """A replication controller: its selector is a plain map."""
    check_non_negative(found, spec, "spec", "minReadySeconds")
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        found.append(required("spec.selector"))
    check_non_negative(found, spec, "spec", "replicas")
    if template is None:
        found.append(required("spec.template"))
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector.items() <= labels.items():
        found.append(invalid("spec.template.metadata.labels", _sorted(labels), _NO_MATCH))
    _check_long_running(found, template, "spec.template", "ReplicationController", old=old)


def _sorted(labels: Object) -> Object | None:
    return dict(sorted(labels.items())) or None


def _check_match(found: Found, selector: Object | None, template: Object) -> None:
    """A selector that is not there selects nothing, an empty one everything."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None or not selects(selector, labels):
        found.append(invalid("spec.template.metadata.labels", _sorted(labels), _NO_MATCH))


def _check_selected(
    found: Found,
    spec: Object,
    shown: str,
    owner: str,
    old: Object | None = None,
    known: Found | None = None,
) -> None:
    """spec.selector is there, is not empty, and selects spec.template. `known` is what is wrong
    with the template, when that was looked at before."""
    selector, template = spec.get("selector"), spec.get("template") or {}
    own_template = known is not None
    if selector is None:
        found.append(required("spec.selector"))
    else:
        before = len(found)
        check_selector(found, selector, "spec.selector")
        if len(found) > before:
            # what the template would have to be cannot be told then
            detail = "" if own_template else "invalid label selector"
            found.append(invalid("spec.selector", selector, detail))
            if own_template:
                _check_restarts(found, template, "spec.template", owner)
            return
        if is_empty(selector):
            detail = f"empty selector is invalid for {shown}"
            found.append(invalid("spec.selector", selector, detail))
    _check_match(found, selector, template)
    _check_long_running(found, template, "spec.template", owner, old, known)


def _check_long_running(
    found: Found,
    template: Object,
    path: str,
    owner: str,
    old: Object | None = None,
    known: Found | None = None,
) -> None:
    """Pods that are replaced when they end: they restart always and have no deadline."""
    if known is None:
        check_template(found, template, path, old)
    else:
        found += known
    _check_restarts(found, template, path, owner)


def _check_restarts(found: Found, template: Object, path: str, owner: str) -> None:
    spec = template.get("spec") or {}
    policy = spec.get("restartPolicy", "")
    if policy != "Always":
        found.append(unsupported(f"{path}.spec.restartPolicy", policy, ("Always",)))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = f"activeDeadlineSeconds in {owner} is not Supported"
        found.append(forbidden(f"{path}.spec.activeDeadlineSeconds", detail))


def _bad_strategy(path: str, kind: str, rolling: Any, choices: tuple[str, ...]) -> Any:
    """The value shown is the strategy as kube-apiserver holds it, hence the capitals."""
    return unsupported(path, {"Type": kind, "RollingUpdate": internal(rolling, _ROLLING)}, choices)


def _check_rolling_deployment(found: Found, rolling: Object, path: str) -> None:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    check_int_or_percent(found, unavailable, f"{path}.maxUnavailable")
    check_int_or_percent(found, surge, f"{path}.maxSurge")
    if _amount(unavailable) == 0 and _amount(surge) == 0:
        detail = "may not be 0 when `maxSurge` is 0"
        found.append(invalid(f"{path}.maxUnavailable", unavailable, detail))
    check_at_most_all(found, unavailable, f"{path}.maxUnavailable")


def _check_rolling_daemons(found: Found, rolling: Object, path: str) -> None:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    check_int_or_percent(found, unavailable, f"{path}.maxUnavailable")
    check_int_or_percent(found, surge, f"{path}.maxSurge")
    check_at_most_all(found, unavailable, f"{path}.maxUnavailable")
    check_at_most_all(found, surge, f"{path}.maxSurge")
    if _amount(unavailable) and _amount(surge):
        detail = "may not be set when maxUnavailable is non-zero"
        found.append(invalid(f"{path}.maxSurge", surge, detail))
    elif not _amount(unavailable) and not _amount(surge):
        detail = "cannot be 0 when maxSurge is 0"
        found.append(required(f"{path}.maxUnavailable", detail))


def _check_stateful_strategy(found: Found, strategy: Object, path: str) -> None:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if not kind:
        found.append(required(path))
    elif kind == "OnDelete":
        if rolling is not None:
            detail = "only allowed for updateStrategy 'RollingUpdate'"
            shown = internal(rolling, _ROLLING_SETS)
            found.append(invalid(f"{path}.rollingUpdate", shown, detail))
    elif kind == "RollingUpdate":
        if rolling is not None:
            _check_rolling_stateful(found, rolling, f"{path}.rollingUpdate")
    else:
        shown = {"Type": kind, "RollingUpdate": internal(rolling, _ROLLING_SETS)}
        found.append(invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'"))


def _check_rolling_stateful(found: Found, rolling: Object, path: str) -> None:
    check_non_negative(found, rolling, path, "partition")
    unavailable = rolling.get("maxUnavailable")
    if unavailable is not None:
        here = f"{path}.maxUnavailable"
        check_int_or_percent(found, unavailable, here)
        if _amount(unavailable) == 0:
            found.append(invalid(here, unavailable, "cannot be 0"))
        check_at_most_all(found, unavailable, here)


def check_int_or_percent(found: Found, value: Any, path: str) -> None:
    if isinstance(value, str):
        found += [invalid(path, value, problem) for problem in percent(value)]
    elif value < 0:
        found.append(invalid(path, value, NON_NEGATIVE))


def check_at_most_all(found: Found, value: Any, path: str) -> None:
    if isinstance(value, str) and not percent(value) and _whole(value[:-1]) > 100:
        found.append(invalid(path, value, "must not be greater than 100%"))


def _amount(value: Any) -> int:
    """A percentage as its number; text that is neither counts as zero, as it does upstream."""
    if isinstance(value, str):
        return _whole(value, beyond=_MAX_INT64) if percent(value) else _whole(value[:-1])
    return int(value)


def _whole(digits: str, beyond: int = 0) -> int:
    """Zero for what is no number; `beyond` for one that Go has no room for."""
    if not (digits.isascii() and digits.isdigit()):
        return 0
    digits = digits.lstrip("0") or "0"
    number = int(digits) if len(digits) <= _MAX_DIGITS else _MAX_INT64 + 1
    return number if number <= _MAX_INT64 else beyond

"""Jobs: how many pods, how often again, and what counts as failure and success."""

from __future__ import annotations

from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    immutable,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.validation.formats import (
    Found,
    check_domain_prefixed,
    check_non_negative,
)
from kapiserver.resources.validation.internal_pods import (
    internal_pod_spec,
    internal_template,
    same_specs,
    same_templates,
)
from kapiserver.resources.validation.internals import NIL, internal
from kapiserver.resources.validation.job_policies import (
    POLICIES,
    SUCCESS_POLICY,
    check_failure_policy,
    check_success_policy,
)
from kapiserver.resources.validation.labels import check_selector, selects
from kapiserver.resources.validation.pod_spec import check_template
from kapiserver.resources.validation.same import same

_MODES = ("NonIndexed", "Indexed")
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")
_MAX_PARALLELISM = _MAX_FAILED = _MANY = 100_000
_MAX_WITH_MANY = 10_000
_MAX_MANAGER = 63
_INDEXED_ONLY = "requires indexed completion mode"
_LABELS = ("controller-uid", "job-name")
_PREFIX = "batch.kubernetes.io/"


def check_job(found: Found, job: Object, old: Object | None) -> None:
    """`old` is the job that this one replaces, None when it is new."""
    spec, metadata = job.get("spec") or {}, job.get("metadata") or {}
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    before = None if old is None else (old.get("spec") or {}).get("template") or {}
    if selector is not None and not spec.get("manualSelector"):
        _check_generated(found, metadata, selector, labels, prefixed=_has_prefixed(before))
    check_job_spec(found, spec, "spec", before)
    known = len(found)
    if selector is None:
        found.append(required("spec.selector"))
        known += 1
    else:
        check_selector(found, selector, "spec.selector")
    if len(found) == known and (selector is None or not selects(selector, labels)):
        detail = "`selector` does not match template `labels`"
        shown = dict(sorted(labels.items())) or None
        found.append(invalid("spec.template.metadata.labels", shown, detail))
    completions = spec.get("completions")
    if old is None and completions and spec.get("completionMode") == "Indexed":
        name = metadata.get("name", "")
        hostname = f"{name}-{completions - 1}"
        if dns1123_label(hostname):
            detail = f"will not able to create pod with invalid DNS label: {hostname}"
            found.append(invalid("metadata.name", name, detail))


def _has_prefixed(template: Object | None) -> bool:
    """Jobs from before the labels had a prefix keep the old ones only."""
    if template is None:
        return True
    labels = (template.get("metadata") or {}).get("labels") or {}
    return all(f"{_PREFIX}{label}" in labels for label in _LABELS)


def _check_generated(
    found: Found, metadata: Object, selector: Object, labels: Object, *, prefixed: bool
) -> None:
    identity = (metadata.get("uid", ""), metadata.get("name", ""))
    wanted = {
        f"{prefix}{label}": value
        for prefix in (("", _PREFIX) if prefixed else ("",))
        for label, value in zip(_LABELS, identity, strict=True)
    }
    for label, value in wanted.items():
        path = f"spec.template.metadata.labels[{label}]"
        if label not in labels:
            found.append(required(path, f"must be '{value}'"))
        elif labels[label] != value:
            shown = dict(sorted(labels.items()))
            found.append(invalid(path, shown, f"must be '{value}'"))
    problems: Found = []
    check_selector(problems, selector, "")
    if not problems and not selects(selector, wanted):
        found.append(invalid("spec.selector", selector, "`selector` not auto-generated"))


def check_job_spec(found: Found, spec: Object, path: str, old: Object | None = None) -> None:
    """`old` is the template that this spec's replaces."""
    get = spec.get
    check_non_negative(
        found,
        spec,
        path,
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    )
    if get("maxFailedIndexes") is not None and get("backoffLimitPerIndex") is None:
        found.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    manager = get("managedBy")
    if manager is not None:
        check_domain_prefixed(found, manager, f"{path}.managedBy")
        if len(manager) > _MAX_MANAGER:
            found.append(too_long(f"{path}.managedBy", _MAX_MANAGER))
    mode = get("completionMode")
    if mode is not None and mode not in _MODES:
        found.append(unsupported(f"{path}.completionMode", mode, _MODES))
    if mode == "Indexed":
        _check_indexed(found, spec, path)
    elif mode in (None, "NonIndexed"):
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if get(field) is not None:
                found.append(invalid(f"{path}.{field}", get(field), _INDEXED_ONLY))
    failure, success = get("podFailurePolicy"), get("successPolicy")
    if failure is not None:
        check_failure_policy(found, spec, failure, f"{path}.podFailurePolicy")
    if success is not None:
        if mode != "Indexed":
            shown = internal(success, SUCCESS_POLICY)
            found.append(invalid(f"{path}.successPolicy", shown, _INDEXED_ONLY))
        else:
            check_success_policy(found, spec, success, f"{path}.successPolicy")
    replacement = get("podReplacementPolicy")
    if replacement is not None:
        choices = _REPLACEMENTS if failure is None else ("Failed",)
        if replacement not in choices:
            found.append(unsupported(f"{path}.podReplacementPolicy", replacement, choices))
    template = get("template") or {}
    check_template(found, template, f"{path}.template", old=old)
    policy = (template.get("spec") or {}).get("restartPolicy", "")
    here = f"{path}.template.spec.restartPolicy"
    if policy in ("", "Always"):
        # Always is the default of a template and means nothing for a job: one must choose.
        found.append(required(here, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        found.append(unsupported(here, policy, ("OnFailure", "Never")))
    elif failure is not None and policy != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        found.append(invalid(here, policy, detail))


def _check_indexed(found: Found, spec: Object, path: str) -> None:
    completions, parallelism = spec.get("completions"), spec.get("parallelism")
    failed, per_index = spec.get("maxFailedIndexes"), spec.get("backoffLimitPerIndex")
    if completions is None:
        detail = "when completion mode is Indexed"
        found.append(required(f"{path}.completions", detail))
    if parallelism is not None and parallelism > _MAX_PARALLELISM:
        detail = f"must be less than or equal to {_MAX_PARALLELISM} when completion mode is Indexed"
        found.append(invalid(f"{path}.parallelism", parallelism, detail))
    if failed is not None:
        if completions is not None and failed > completions:
            detail = "must be less than or equal to completions"
            found.append(invalid(f"{path}.maxFailedIndexes", failed, detail))
        if failed > _MAX_FAILED:
            detail = f"must be less than or equal to {_MAX_FAILED}"
            found.append(invalid(f"{path}.maxFailedIndexes", failed, detail))
    if completions is None or completions <= _MANY or per_index is None:
        return
    detail = (
        f"must be less than or equal to {_MAX_WITH_MANY} when completions are above {_MANY} and "
        "used with backoff limit per index"
    )
    if failed is None:
        needed = f"must be specified when completions is above {_MANY}"
        found.append(required(f"{path}.maxFailedIndexes", needed))
    elif failed > _MAX_WITH_MANY:
        found.append(invalid(f"{path}.maxFailedIndexes", failed, detail))
    if parallelism is not None and parallelism > _MAX_WITH_MANY:
        found.append(invalid(f"{path}.parallelism", parallelism, detail))


_STAYS = (
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
)
# What may change in the template of a job that is suspended and has not started.
_DIRECTIVES = ("nodeSelector", "tolerations", "schedulingGates")


def check_job_update(found: Found, job: Object, old: Object) -> None:
    spec, before = job.get("spec") or {}, old.get("spec") or {}
    completions = spec.get("completions")
    if not same(completions, before.get("completions")):
        if spec.get("completionMode") != "Indexed":
            found.append(_stays("completions", completions))
        elif completions is not None and completions != spec.get("parallelism"):
            detail = "can only be modified in tandem with spec.parallelism"
            found.append(invalid("spec.completions", completions, detail))
    if not same(spec.get("selector"), before.get("selector")):
        found.append(_stays("selector", spec.get("selector")))
    _check_template_stays(found, spec, before, old)
    for field in _STAYS:
        if not same(spec.get(field), before.get(field)):
            found.append(_stays(field, spec.get(field)))


def _stays(field: str, value: Any) -> Cause:
    """`value`: what upstream has a pointer for."""
    if value is None:
        return immutable(f"spec.{field}", NIL)
    return immutable(
        f"spec.{field}", internal(value, POLICIES[field]) if field in POLICIES else value
    )


def _check_template_stays(found: Found, spec: Object, before: Object, old: Object) -> None:
    template, kept = spec.get("template") or {}, before.get("template") or {}
    if template == kept:
        return
    if before.get("suspend") is not True:
        if not same_templates(template, kept):
            found.append(immutable("spec.template", internal_template(template)))
        return
    pod, had = template.get("spec") or {}, kept.get("spec") or {}
    shown = pod
    if not _has_started(old):
        pod, had = _undirected(pod), _undirected(had)
    if not same_specs(_unsized(pod, had), had):
        found.append(immutable("spec.template.spec", internal_pod_spec(shown)))


def _has_started(job: Object) -> bool:
    """A job that was suspended while it ran may be changed again once its pods are gone."""
    status = job.get("status") or {}
    if not status.get("startTime"):
        return False
    suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    return bool(not suspended or status.get("active"))


def _undirected(spec: Object) -> Object:
    """A pod spec without what says where its pods run."""
    kept = {key: value for key, value in spec.items() if key not in _DIRECTIVES}
    if affinity := kept.get("affinity"):
        kept["affinity"] = {k: v for k, v in affinity.items() if k != "nodeAffinity"}
    return kept


def _unsized(spec: Object, old: Object) -> Object:
    """A pod spec with the resources that its containers had."""
    kept = dict(spec)
    for field in ("containers", "initContainers"):
        after, before = spec.get(field) or [], old.get(field) or []
        if after and len(after) == len(before):
            kept[field] = [
                _with_resources(new, had) if new.get("name") == had.get("name") else new
                for new, had in zip(after, before, strict=True)
            ]
    return kept


def _with_resources(new: Object, had: Object) -> Object:
    kept = {key: value for key, value in new.items() if key != "resources"}
    if "resources" in had:
        kept["resources"] = had["resources"]
    return kept

"""batch/v1: jobs and cronjobs."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group, or_else, text_at
from kapiserver.resources.definition import NameRule, Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid, not_supported, required
from kapiserver.resources.names import dns1123_subdomain, max_length
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    UNSET,
    column,
    count_at,
    dig,
    human_duration,
    items,
    number,
    pod_template_columns,
    selector_at,
    selector_column,
    since,
    text,
    unix_time,
    value_at,
)
from kapiserver.resources.strategies import (
    drop_status,
    set_default,
    unchanging,
    with_status,
)
from kapiserver.resources.workloads import (
    check_non_negative,
    check_template,
    default_template,
    selects,
)

BATCH = Group("batch", "io.k8s.api.batch")

_POLICIES = ("Never", "OnFailure")
_MAX_INT32 = 2147483647
# The controller appends eleven characters when it names a cronjob's jobs.
_CRON_JOB_NAME_MAX = 52

_LEGACY_UID, _LEGACY_NAME = "controller-uid", "job-name"
_UID, _JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"


def _job_spec_defaults(spec: Object) -> None:
    default_template(spec)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    set_default(spec, "parallelism", 1)
    set_default(spec, "backoffLimit", _MAX_INT32 if "backoffLimitPerIndex" in spec else 6)
    set_default(spec, "completionMode", "NonIndexed")
    set_default(spec, "suspend", False)
    set_default(spec, "manualSelector", False)
    set_default(
        spec,
        "podReplacementPolicy",
        "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed",
    )


def _job_defaults(obj: Object, context: WriteContext) -> None:
    _job_spec_defaults(obj.setdefault("spec", {}))
    if context.old is not None:
        _default_labels(obj)


def _default_labels(obj: Object) -> None:
    """A job without labels takes those of its pods."""
    labels = dig(obj, "spec", "template", "metadata", "labels")
    metadata = obj.setdefault("metadata", {})
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def _prepare_for_create(obj: Object, context: WriteContext) -> None:
    drop_status(obj, context)
    _generate_selector(obj)
    _default_labels(obj)


def _generate_selector(obj: Object) -> None:
    """Unless told otherwise, a job selects its pods by its own uid."""
    spec = obj.get("spec") or {}
    template = spec.get("template")
    if spec.get("manualSelector") or not isinstance(template, dict):
        return
    metadata = obj.get("metadata") or {}
    uid, name = metadata.get("uid", ""), metadata.get("name", "")
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    for key, value in ((_UID, uid), (_LEGACY_UID, uid), (_JOB_NAME, name), (_LEGACY_NAME, name)):
        set_default(labels, key, value)
    selector = spec.setdefault("selector", {})
    set_default(selector.setdefault("matchLabels", {}), _UID, uid)


def _cron_job_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "concurrencyPolicy", "Allow")
    set_default(spec, "suspend", False)
    set_default(spec, "successfulJobsHistoryLimit", 3)
    set_default(spec, "failedJobsHistoryLimit", 1)
    default_template(dig(spec, "jobTemplate", "spec") or {})


def _check_job_spec(spec: Object, path: str) -> list[Cause]:
    found = check_non_negative(
        spec,
        path,
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    )
    template = spec.get("template")
    if not isinstance(template, dict):
        return [*found, required(f"{path}.template")]
    policy = dig(template, "spec", "restartPolicy")
    here = f"{path}.template.spec.restartPolicy"
    if policy in (None, "", "Always"):
        # Always is the default of a pod template and means nothing for a job: one must choose.
        found.append(required(here, 'valid values: "OnFailure", "Never"'))
    elif policy not in _POLICIES:
        found.append(not_supported(here, policy, _POLICIES))
    return found + check_template(template, f"{path}.template")


def _validate_job(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found = _check_job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        found.append(required("spec.selector"))
    labels = dig(spec, "template", "metadata", "labels") or {}
    if selector and not selects(selector, labels):
        found.append(
            invalid(
                "spec.template.metadata.labels",
                labels,
                "`selector` does not match template `labels`",
            )
        )
    modes = ("Indexed", "NonIndexed")
    if spec.get("completionMode") not in modes:
        found.append(not_supported("spec.completionMode", spec.get("completionMode"), modes))
    return found


def _template_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    """A template may change only while a job is suspended and has not started."""
    old = context.old
    if old is None or context.subresource == "status":
        return ()
    if dig(old, "spec", "suspend") is True and not dig(old, "status", "startTime"):
        return ()
    return unchanging("spec.template")(obj, context)


_JOB_STAYS = unchanging(
    "spec.selector",
    "spec.completionMode",
    "spec.podFailurePolicy",
    "spec.backoffLimitPerIndex",
    "spec.managedBy",
    "spec.successPolicy",
)


def _validate_job_update(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found = [*_JOB_STAYS(obj, context), *_template_stays(obj, context)]
    if dig(obj, "spec", "completionMode") != "Indexed":
        found.extend(unchanging("spec.completions")(obj, context))
    return found


def _validate_cron_job(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found = check_non_negative(
        spec,
        "spec",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    )
    if not spec.get("schedule"):
        found.append(required("spec.schedule"))
    elif len(spec["schedule"].split()) != 5 and not spec["schedule"].startswith("@"):
        fields = spec["schedule"].split()
        found.append(
            invalid(
                "spec.schedule",
                spec["schedule"],
                f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]",
            )
        )
    policies = ("Allow", "Forbid", "Replace")
    if spec.get("concurrencyPolicy") not in policies:
        found.append(
            not_supported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), policies)
        )
    job_spec = dig(spec, "jobTemplate", "spec")
    if not isinstance(job_spec, dict):
        found.append(required("spec.jobTemplate.spec"))
    else:
        found += _check_job_spec(job_spec, "spec.jobTemplate.spec")
    return found


def _cron_job_name() -> NameRule:
    def rule(name: str) -> list[str]:
        problems = dns1123_subdomain(name)
        if len(name) > _CRON_JOB_NAME_MAX:
            problems.append(max_length(_CRON_JOB_NAME_MAX))
        return problems

    return rule


def _has_condition(job: Object, kind: str) -> bool:
    for condition in items(job, "status", "conditions"):
        if condition.get("type") == kind:
            return bool(condition.get("status") == "True")
    return False


def _status(job: Object, now: float) -> str:
    if _has_condition(job, "Complete"):
        return "Complete"
    if _has_condition(job, "Failed"):
        return "Failed"
    if dig(job, "metadata", "deletionTimestamp"):
        return "Terminating"
    for condition in ("Suspended", "FailureTarget"):
        if _has_condition(job, condition):
            return condition
    return "Running"


def _completions(job: Object, now: float) -> str:
    succeeded = number(job, "status", "succeeded")
    if dig(job, "spec", "completions") is not None:
        return f"{succeeded}/{number(job, 'spec', 'completions')}"
    parallelism = number(job, "spec", "parallelism")
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(job: Object, now: float) -> str:
    started = unix_time(dig(job, "status", "startTime"))
    if started is None:
        return ""
    ended = unix_time(dig(job, "status", "completionTime"))
    return human_duration((now if ended is None else ended) - started)


def _suspended(obj: Object, now: float) -> str:
    value = dig(obj, "spec", "suspend")
    return UNSET if value is None else str(bool(value))


def _last_schedule(obj: Object, now: float) -> str:
    last = dig(obj, "status", "lastScheduleTime")
    return since(last, now) if last else NONE


def _time_zone(obj: Object, now: float) -> str:
    return text(obj, "spec", "timeZone", absent=NONE)


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    BATCH.resource(
        "CronJob",
        "cronjobs",
        short=("cj",),
        categories=("all",),
        subresources=(STATUS,),
        name_rule=_cron_job_name(),
        strategy=with_status(defaults=_cron_job_defaults, validate=_validate_cron_job),
        columns=(
            NAME,
            column("Schedule", value_at("spec", "schedule"), "When it runs, in cron format."),
            column("Timezone", _time_zone, "Time zone of the schedule."),
            column("Suspend", _suspended, "Whether it does not start jobs.", type="boolean"),
            column("Active", count_at("status", "active"), "Running jobs.", type="integer"),
            column("Last Schedule", _last_schedule, "Time since it started a job."),
            AGE,
            *pod_template_columns("spec", "jobTemplate", "spec", "template", "spec"),
            selector_column(selector_at("spec", "jobTemplate", "spec", "selector")),
        ),
    ),
    BATCH.resource(
        "Job",
        "jobs",
        default_propagation="Orphan",
        categories=("all",),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_job_defaults,
            create=_prepare_for_create,
            validate=_validate_job,
            validate_update=_validate_job_update,
        ),
        columns=(
            NAME,
            column("Status", _status, "Running, Complete, Failed, Suspended or Terminating."),
            column("Completions", _completions, "Pods that succeeded, of all that should."),
            column("Duration", _duration, "Time that the job took, or takes until now."),
            AGE,
            *pod_template_columns("spec", "template", "spec"),
            selector_column(selector_at("spec", "selector")),
        ),
        fields={"status.successful": or_else(text_at("status", "succeeded"), "0")},
    ),
)

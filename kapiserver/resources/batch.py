"""batch/v1: jobs and cronjobs."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group, or_else, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.names import max_length
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    UNSET,
    column,
    count_at,
    dig,
    doc,
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
    fill_default,
    in_order,
    set_default,
    split_status,
    with_status,
)
from kapiserver.resources.validation.cronjobs import check_cron_job
from kapiserver.resources.validation.job_status import check_job_status
from kapiserver.resources.validation.jobs import check_job, check_job_update
from kapiserver.resources.workloads import (
    default_template,
    drop_from_template,
    template_warnings,
)

BATCH = Group("batch", "io.k8s.api.batch")

_MAX_INT32 = 2147483647
_MANY = 100_000
# The controller appends eleven characters when it names a cronjob's jobs.
_CRON_JOB_NAME_MAX = 52

_LEGACY_UID, _LEGACY_NAME = "controller-uid", "job-name"
_UID, _JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"


def _template_defaults(spec: Object) -> None:
    """What the spec of a job and that of a cron job's jobs have in common."""
    default_template(spec)
    for rule in items(spec, "podFailurePolicy", "rules"):
        for pattern in rule.get("onPodConditions") or ():
            if not pattern.get("status"):
                pattern["status"] = "True"


def _job_spec_defaults(spec: Object) -> None:
    _template_defaults(spec)
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
    _drop_disabled(obj, context)
    _generate_selector(obj)
    _default_labels(obj)


def _prepare_for_update(obj: Object, context: WriteContext) -> None:
    _drop_disabled(obj, context)
    split_status(obj, context)


def _drop_disabled(obj: Object, context: WriteContext) -> None:
    spec, before = obj.get("spec") or {}, (context.old or {}).get("spec") or {}
    if "scheduling" not in before:
        spec.pop("scheduling", None)
    drop_from_template(spec, before)


def _drop_disabled_later(obj: Object, context: WriteContext) -> None:
    """Of the jobs that a cron job will start."""
    spec, before = (
        dig(obj, "spec", "jobTemplate", "spec") or {},
        (dig(context.old or {}, "spec", "jobTemplate", "spec") or {}),
    )
    if "scheduling" not in before:
        spec.pop("scheduling", None)
    drop_from_template(spec, before)


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
    fill_default(spec, "concurrencyPolicy", "Allow")
    set_default(spec, "suspend", False)
    set_default(spec, "successfulJobsHistoryLimit", 3)
    set_default(spec, "failedJobsHistoryLimit", 1)
    _template_defaults(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))


def _validate_job(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_job_status(found, obj, context.old or {})
    else:
        check_job(found, obj, context.old)
    return found


def _validate_job_update(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.old is not None and context.subresource != "status":
        check_job_update(found, obj, context.old)
    return found


def _validate_cron_job(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource != "status":
        old = None if context.old is None else context.old.get("spec") or {}
        check_cron_job(found, obj.get("spec") or {}, old)
        name = (obj.get("metadata") or {}).get("name", "")
        if old is None and len(name) > _CRON_JOB_NAME_MAX:
            found.append(invalid("metadata.name", name, max_length(_CRON_JOB_NAME_MAX)))
    return found


_template_warnings = template_warnings("spec", "template")
_job_template_warnings = template_warnings("spec", "jobTemplate", "spec", "template")


def _job_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    warnings = list(_template_warnings(obj, context))
    if context.old is None:
        warnings += _size_warnings(obj.get("spec") or {}, "spec")
    return warnings


def _cron_job_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    warnings = list(_job_template_warnings(obj, context))
    if context.old is None:
        job = dig(obj, "spec", "jobTemplate", "spec") or {}
        warnings += _size_warnings(job, "spec.jobTemplate.spec")
    if not context.subresource and "TZ" in text(obj, "spec", "schedule"):
        warnings.append(
            # the path is upstream's
            "CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    return warnings


def _size_warnings(spec: Object, path: str) -> list[str]:
    if spec.get("completionMode") != "Indexed":
        return []
    if (spec.get("completions") or 0) <= _MANY or (spec.get("parallelism") or 0) <= _MANY // 10:
        return []
    return [
        f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism "
        "higher than 10^4, Kubernetes might not be able to track completedIndexes when a big "
        "number of indexes fail"
    ]


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
    for condition in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
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
        strategy=with_status(
            defaults=_cron_job_defaults,
            create=in_order(drop_status, _drop_disabled_later),
            update=in_order(_drop_disabled_later, split_status),
            validate=_validate_cron_job,
            complete=True,
            warnings=_cron_job_warnings,
        ),
        columns=(
            NAME,
            column("Schedule", value_at("spec", "schedule"), doc("batch.v1.CronJobSpec.schedule")),
            column("Timezone", _time_zone, doc("batch.v1.CronJobSpec.timeZone")),
            column("Suspend", _suspended, doc("batch.v1.CronJobSpec.suspend"), type="boolean"),
            column(
                "Active",
                count_at("status", "active"),
                doc("batch.v1.CronJobStatus.active"),
                type="integer",
            ),
            column("Last Schedule", _last_schedule, doc("batch.v1.CronJobStatus.lastScheduleTime")),
            AGE,
            *pod_template_columns("spec", "jobTemplate", "spec", "template", "spec"),
            selector_column(
                selector_at("spec", "jobTemplate", "spec", "selector"),
                doc("batch.v1.JobSpec.selector"),
            ),
        ),
    ),
    BATCH.resource(
        "Job",
        "jobs",
        default_propagation="Orphan",
        propagation_warning=(
            "child pods are preserved by default when jobs are deleted; set "
            "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to "
            "suppress this warning"
        ),
        categories=("all",),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_job_defaults,
            create=_prepare_for_create,
            update=_prepare_for_update,
            validate=_validate_job,
            validate_update=_validate_job_update,
            complete=True,
            warnings=_job_warnings,
        ),
        columns=(
            NAME,
            column("Status", _status, "Status of the job."),
            column("Completions", _completions, doc("batch.v1.JobStatus.succeeded")),
            column("Duration", _duration, "Time required to complete the job."),
            AGE,
            *pod_template_columns("spec", "template", "spec"),
            selector_column(selector_at("spec", "selector"), doc("batch.v1.JobSpec.selector")),
        ),
        fields={"status.successful": or_else(text_at("status", "succeeded"), "0")},
        field_refusal="field label {quoted} not supported for batchv1.Job",
    ),
)

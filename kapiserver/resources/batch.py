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
    with_status,
)
from kapiserver.resources.validation.cronjobs import check_cron_job
from kapiserver.resources.validation.formats import check_non_negative
from kapiserver.resources.validation.jobs import check_job, check_job_update
from kapiserver.resources.workloads import default_template, template_warnings

BATCH = Group("batch", "io.k8s.api.batch")

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
    default_template(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))


def _validate_job(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        counts = ("active", "succeeded", "failed", "ready", "terminating")
        check_non_negative(found, obj.get("status") or {}, "status", *counts)
    else:
        check_job(found, obj, is_new=context.old is None)
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
        strategy=with_status(
            defaults=_cron_job_defaults,
            validate=_validate_cron_job,
            complete=True,
            warnings=template_warnings("spec", "jobTemplate", "spec", "template"),
        ),
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
            complete=True,
            warnings=template_warnings("spec", "template"),
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

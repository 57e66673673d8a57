"""The status of a job: what its controller may say of it, and in which order.

Several rules came after jobs that break them: each counts only when a write changes one of the
fields that it is about.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, immutable, invalid, required, wrong
from kapiserver.resources.printing import unix_time
from kapiserver.resources.validation.conditions import is_true
from kapiserver.resources.validation.formats import Found, check_non_negative
from kapiserver.resources.validation.indexes import parse_indexes
from kapiserver.resources.validation.internals import NIL, Field, Shape, internal
from kapiserver.resources.validation.same import same

_COUNTS = ("active", "succeeded", "failed", "ready", "terminating")
_TERMINAL = ("Failed", "Complete", "FailureTarget")
_CONDITIONS = "status.conditions"
_UNCOUNTED: Shape = {"Succeeded": Field("succeeded"), "Failed": Field("failed")}


class _Write:
    """One write of a status: what holds now, and what of it is new."""

    def __init__(self, job: Object, old: Object) -> None:
        self.job, self.old = job, old
        self.spec: Object = job.get("spec") or {}
        self.status: Object = job.get("status") or {}
        self.before: Object = old.get("status") or {}
        self.indexed = self.spec.get("completionMode") == "Indexed"

    def holds(self, condition: str) -> bool:
        return is_true(self.job, condition)

    def changed(self, *names: str) -> bool:
        """Whether any of these changed: conditions by their type, other fields by name."""
        return any(
            is_true(self.job, name) != is_true(self.old, name)
            if name[0].isupper()
            else not same(self.status.get(name), self.before.get(name))
            for name in names
        )

    @property
    def finished(self) -> bool:
        return self.holds("Complete") or self.holds("Failed")

    def finish_changed(self, field: str) -> bool:
        had = is_true(self.old, "Complete") or is_true(self.old, "Failed")
        return self.finished != had or self.changed(field)


def check_job_status(found: Found, job: Object, old: Object) -> None:
    write = _Write(job, old)
    check_non_negative(found, write.status, "status", *_COUNTS)
    _check_uncounted(found, write.status.get("uncountedTerminatedPods") or {})
    _check_conditions(found, write)
    _check_finished(found, write)
    _check_indexes(found, write)
    _check_ends(found, write)
    _check_change(found, write)


def _check_uncounted(found: Found, uncounted: Object) -> None:
    seen: set[str] = set()
    for field in ("succeeded", "failed"):
        for position, uid in enumerate(uncounted.get(field) or ()):
            here = f"status.uncountedTerminatedPods.{field}[{position}]"
            if not uid:
                found.append(invalid(here, uid, "must not be empty"))
            elif uid in seen:
                found.append(duplicate(here, uid))
            seen.add(uid)


def _check_conditions(found: Found, write: _Write) -> None:
    status, complete = write.status, write.holds("Complete")
    completed, started = status.get("completionTime"), status.get("startTime")
    for other, shown in (("Failed", "Failed"), ("FailureTarget", "FailureTarget")):
        if write.changed("Complete", other) and complete and write.holds(other):
            detail = f"cannot set Complete=True and {shown}=true conditions"
            found.append(wrong(_CONDITIONS, detail))
    path = "status.completionTime"
    if write.changed("Complete", "completionTime"):
        if completed is not None and not complete:
            detail = "cannot set completionTime when there is no Complete=True condition"
            found.append(invalid(path, completed, detail))
        if completed is None and complete:
            found.append(required(path, "completionTime is required for Complete jobs"))
    backwards = completed and started and (unix_time(completed) or 0) < (unix_time(started) or 0)
    if backwards and write.changed("startTime", "completionTime"):
        found.append(invalid(path, completed, "must be equal to or after `startTime`"))
    untargeted = write.holds("Failed") and not write.holds("FailureTarget")
    if untargeted and write.changed("Failed", "failedIndexes"):
        detail = "cannot set Failed=True condition without the FailureTarget=true condition"
        found.append(wrong(_CONDITIONS, detail))
    unmet = complete and not write.holds("SuccessCriteriaMet")
    if unmet and write.changed("Complete", "SuccessCriteriaMet"):
        detail = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        found.append(wrong(_CONDITIONS, detail))


def _check_finished(found: Found, write: _Write) -> None:
    if not write.finished:
        return
    status = write.status
    active = status.get("active", 0)
    if write.finish_changed("active") and active > 0:
        found.append(invalid("status.active", active, "active>0 is invalid for finished job"))
    if write.finish_changed("startTime") and status.get("startTime") is None:
        found.append(required("status.startTime", "startTime is required for finished job"))
    uncounted = status.get("uncountedTerminatedPods") or {}
    if write.finish_changed("uncountedTerminatedPods") and any(uncounted.values()):
        detail = "must be empty for finished job"
        shown = internal(uncounted, _UNCOUNTED)
        found.append(invalid("status.uncountedTerminatedPods", shown, detail))


def _check_indexes(found: Found, write: _Write) -> None:
    spec, status = write.spec, write.status
    completions, per_index = spec.get("completions"), spec.get("backoffLimitPerIndex")
    completed, failed = status.get("completedIndexes", ""), status.get("failedIndexes")
    completed_changed, failed_changed = (
        write.changed("completedIndexes"),
        write.changed("failedIndexes"),
    )
    done, problem = parse_indexes(completed, completions or 0)
    if completed_changed and completions is not None and problem:
        detail = f"error parsing completedIndexes: {problem}"
        found.append(invalid("status.completedIndexes", completed, detail))
    lost, trouble = parse_indexes(failed or "", completions or 0)
    counts = completions is not None and per_index is not None and failed is not None
    if failed_changed and counts and trouble:
        detail = f"error parsing failedIndexes: {trouble}"
        found.append(invalid("status.failedIndexes", failed, detail))
    if completed_changed and completed and not write.indexed:
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        found.append(invalid("status.completedIndexes", completed, detail))
    if failed_changed and per_index is None and failed is not None:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        found.append(invalid("status.failedIndexes", failed, detail))
    readable = completions is not None and failed and not problem and not trouble
    if (completed_changed or failed_changed) and readable:
        shared = _first_shared(done, lost)
        if shared is not None:
            detail = f"failedIndexes and completedIndexes overlap at index: {shared}"
            found.append(invalid("status.failedIndexes", failed, detail))


def _first_shared(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> int | None:
    """Both are in order: the lowest number in an interval of each."""
    position = 0
    for first, last in one:
        while position < len(other) and other[position][1] < first:
            position += 1
        if position < len(other) and other[position][0] <= last:
            return max(first, other[position][0])
    return None


def _check_ends(found: Found, write: _Write) -> None:
    status = write.status
    terminating, ready = status.get("terminating") or 0, status.get("ready")
    if write.finish_changed("terminating") and write.finished and terminating > 0:
        detail = "terminating>0 is invalid for finished job"
        found.append(invalid("status.terminating", terminating, detail))
    if write.changed("ready", "active") and ready is not None and ready > status.get("active", 0):
        found.append(invalid("status.ready", ready, "cannot set more ready pods than active"))
    met = write.holds("SuccessCriteriaMet")
    for other in ("Failed", "FailureTarget"):
        if met and write.holds(other):
            detail = f"cannot set SuccessCriteriaMet=True and {other}=true conditions"
            found.append(wrong(_CONDITIONS, detail))
    if write.spec.get("successPolicy") is not None and write.holds("Complete") and not met:
        detail = (
            "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        )
        found.append(wrong(_CONDITIONS, detail))


def _check_change(found: Found, write: _Write) -> None:
    status, before, spec = write.status, write.before, write.spec
    for kind in _TERMINAL:
        if is_true(write.old, kind) and not write.holds(kind):
            detail = f"cannot disable the terminal {kind}=True condition"
            found.append(wrong(_CONDITIONS, detail))
    _check_not_less(found, status, before, "failed")
    elastic = write.indexed and spec.get("completions") == spec.get("parallelism")
    if not elastic:
        _check_not_less(found, status, before, "succeeded")
    completed: Any = before.get("completionTime")
    now = status.get("completionTime")
    if completed is not None and now is not None and now != completed:
        found.append(immutable("status.completionTime", now))
    started = before.get("startTime")
    moved = started is not None and status.get("startTime") != started
    if moved and not spec.get("suspend"):
        detail = "field is immutable for unsuspended job once set"
        found.append(invalid("status.startTime", status.get("startTime") or NIL, detail))
    if is_true(write.old, "SuccessCriteriaMet") and not write.holds("SuccessCriteriaMet"):
        detail = "cannot disable the SuccessCriteriaMet=True condition"
        found.append(wrong(_CONDITIONS, detail))
    met_now = write.holds("SuccessCriteriaMet") and write.changed("SuccessCriteriaMet")
    if met_now and is_true(write.old, "Complete"):
        detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        found.append(wrong(_CONDITIONS, detail))


def _check_not_less(found: Found, status: Object, before: Object, field: str) -> None:
    count = status.get(field, 0)
    if count < before.get(field, 0):
        found.append(invalid(f"status.{field}", count, f"cannot decrease the {field} counter"))

"""Cron jobs: when to run what."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

from kapiserver.remembering import remembered
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required, unsupported
from kapiserver.resources.validation.cron import schedule_problem
from kapiserver.resources.validation.formats import Found, check_non_negative
from kapiserver.resources.validation.jobs import check_job_spec

_POLICIES = ("Allow", "Forbid", "Replace")
_zone_part = re.compile(r"[A-Za-z._0-9+\-]{1,14}")


def check_cron_job(found: Found, spec: Object, old: Object | None) -> None:
    schedule, zone = spec.get("schedule", ""), spec.get("timeZone")
    if not schedule:
        found.append(required("spec.schedule"))
    else:
        _check_schedule(found, schedule, zone, (old or {}).get("schedule", ""))
    check_non_negative(found, spec, "spec", "startingDeadlineSeconds")
    if zone is not None and (old is None or old.get("timeZone") != zone):
        _check_zone(found, zone, "spec.timeZone")
    policy = spec.get("concurrencyPolicy", "")
    if policy not in _POLICIES:
        here = "spec.concurrencyPolicy"
        found.append(unsupported(here, policy, _POLICIES) if policy else required(here))
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    before = ((old or {}).get("jobTemplate") or {}).get("spec") or {}
    check_job_spec(found, job, "spec.jobTemplate.spec", before.get("template"))
    if job.get("selector") is not None:
        detail = "`selector` will be auto-generated"
        found.append(invalid("spec.jobTemplate.spec.selector", job["selector"], detail))
    if job.get("manualSelector"):
        here = "spec.jobTemplate.spec.manualSelector"
        found.append(unsupported(here, True, ("nil", "false")))
    check_non_negative(found, spec, "spec", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def _check_schedule(found: Found, schedule: str, zone: Any, old: str) -> None:
    if problem := schedule_problem(schedule):
        found.append(invalid("spec.schedule", schedule, problem))
    if "TZ" not in schedule:
        return
    if "TZ" not in old:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        found.append(invalid("spec.schedule", schedule, detail))
    elif zone is not None:
        detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        found.append(invalid("spec.schedule", schedule, detail))


def _check_zone(found: Found, zone: str, path: str) -> None:
    if not zone:
        found.append(invalid(path, zone, "timeZone must be nil or non-empty string"))
        return
    parts = zone.split("/")
    if any(
        part in (".", "..") or part.startswith("-") or not _zone_part.fullmatch(part)
        for part in parts
    ):
        found.append(invalid(path, zone, f"unknown time zone {zone}"))
        return
    if zone.lower() == "local":
        detail = (
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        )
        found.append(invalid(path, zone, detail))
    if zone != "Local" and not _exists(zone):
        found.append(invalid(path, zone, f"unknown time zone {zone}"))


@remembered(1024)
def _exists(zone: str) -> bool:
    known = zoneinfo.available_timezones()
    # a machine without a time zone database cannot tell: then the form must do
    return not known or zone in known

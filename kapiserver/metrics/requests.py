"""Counting requests: one dictionary access and a few additions per request."""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter
from typing import NamedTuple

from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.stage import InstantStage
from kapiserver.request import Response

# Upper bounds in seconds (upstream has more; these keep a scrape small).
BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

# Label sets are bounded: beyond this many, requests are counted under "other".
MAX_SERIES = 5000


class Labels(NamedTuple):
    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    scope: str


OTHER = Labels("other", "", "", "", "", "")


class Series:
    """One label set: answers by code, and how long they took (watches are not timed)."""

    __slots__ = ("buckets", "by_code", "total_seconds")

    def __init__(self) -> None:
        self.by_code: dict[int, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.total_seconds = 0.0


class RequestMetrics(InstantStage):
    """The first stage of the pipeline, so that it sees what later ones refuse."""

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}

    def check(self, context: RequestContext) -> bool:
        return True

    def done(self, context: RequestContext, response: Response | None) -> None:
        if response is None:
            return
        labels = _labels(context)
        series = self.series.get(labels)
        if series is None:
            if len(self.series) >= MAX_SERIES:
                labels = OTHER
            series = self.series.setdefault(labels, Series())
        status = response.status
        series.by_code[status] = series.by_code.get(status, 0) + 1
        if response.stream is None and response.upgrade is None:
            seconds = perf_counter() - context.started
            series.total_seconds += seconds
            series.buckets[bisect_left(BUCKETS, seconds)] += 1


def _labels(context: RequestContext) -> Labels:
    info = context.info
    if not info.is_resource_request:
        return Labels(info.verb.upper(), "", "", "", "", "")
    if info.name:
        scope = "resource"
    else:
        scope = "namespace" if info.namespace else "cluster"
    return Labels(
        info.verb.upper(), info.group, info.version, info.resource, info.subresource, scope
    )

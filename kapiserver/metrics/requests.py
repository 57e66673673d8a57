"""Counting requests: one dictionary access and a few additions per request.

Labels and their values are upstream's. Only what is served gets labels of its own: requests for
resources that nobody knows are counted together, so that nobody can grow the table from outside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import NamedTuple, TypeVar

from kapiserver.histogram import Histogram
from kapiserver.metrics.text import labelled
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.dispatcher import LONG_RUNNING, READS
from kapiserver.pipeline.stage import InstantStage
from kapiserver.request import Response
from kapiserver.resources.registry import Found

# Upper bounds in seconds.
BUCKETS = (
    *(0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0),
    *(4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0),
)
# Upper bounds in bytes.
SIZES = tuple(10.0**power for power in range(3, 10))

# A second bound: beyond this many, requests are counted under "other".
MAX_SERIES = 2000

_VERBS = {
    "create": "POST",
    "delete": "DELETE",
    "deletecollection": "DELETECOLLECTION",
    "get": "GET",
    "head": "GET",
    "list": "LIST",
    "patch": "PATCH",
    "post": "POST",
    "put": "PUT",
    "update": "PUT",
    "watch": "WATCH",
}
_CONNECTED = LONG_RUNNING - {"log"}
_HEALTH = frozenset(("/healthz", "/livez", "/readyz"))
_APPLY = b"application/apply-patch"

# Finds what is served by group, version and plural.
Lookup = Callable[[str, str, str], Found | None]


class Labels(NamedTuple):
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    scope: str = ""
    component: str = ""
    dry_run: str = ""


OTHER = Labels("other")

# What a request says before it is known whether that is served.
_Asked = tuple[str, str, str, str, str, str, str]


class Series:
    """One label set: answers by code, how long they took and how large they were (not those that
    last: of them it is told how many are open)."""

    __slots__ = (
        "by_code",
        "labels",
        "lasting",
        "open",
        "seconds",
        "sizes",
        "text",
        "text_without_dry_run",
    )

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        fields = sorted(labels._asdict().items())
        self.text = labelled(**dict(fields))
        self.text_without_dry_run = labelled(**{n: v for n, v in fields if n != "dry_run"})
        self.by_code: dict[int, int] = {}
        self.seconds = Histogram(BUCKETS)
        self.sizes: Histogram | None = Histogram(SIZES) if labels.verb in ("GET", "LIST") else None
        self.open = 0
        self.lasting = False  # whether any was


class RequestMetrics(InstantStage):
    """The first stage of the pipeline, so that it sees what later ones refuse."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._by_request: dict[_Asked, Series] = {}
        self.series: dict[Labels, Series] = {}
        self.deprecated: set[Labels] = set()  # what was asked for and will go; verbs do not count
        self.reading = 0
        self.writing = 0

    def check(self, context: RequestContext) -> bool:
        if context.info.verb in READS:
            self.reading += 1
        else:
            self.writing += 1
        return True

    def done(self, context: RequestContext, response: Response | None) -> None:
        info = context.info
        if info.verb in READS:
            self.reading -= 1
        else:
            self.writing -= 1
        if response is None:
            return
        asked = _asked(context)
        series = self._by_request.get(asked) or self._series_of(asked, context)
        status = response.status
        series.by_code[status] = series.by_code.get(status, 0) + 1
        if response.stream is not None or response.upgrade is not None:
            _count_open(series, response)
            return
        series.seconds.observe(perf_counter() - context.started)
        if series.sizes is not None:
            body = response.body
            series.sizes.observe(len(body) if isinstance(body, bytes) else sum(map(len, body)))

    def _series_of(self, asked: _Asked, context: RequestContext) -> Series:
        """The series of a request of a form that was not seen before, or is not remembered."""
        labels = self._labels(asked, context)
        series = self.series.get(labels)
        if series is None:
            if len(self.series) >= MAX_SERIES:
                labels = OTHER
            series = self.series.setdefault(labels, Series(labels))
        # What is not served may be served later. The forms of other requests are few.
        lasting = labels.resource or not context.info.is_resource_request
        if lasting and len(self._by_request) < MAX_SERIES:
            self._by_request[asked] = series
        return series

    def _labels(self, asked: _Asked, context: RequestContext) -> Labels:
        verb, group, version, resource, subresource, scope, dry_run = asked
        shown = _VERBS.get(verb, "other")
        if not context.info.is_resource_request:
            return Labels(shown, subresource=subresource)
        found = self._lookup(group, version, resource)
        if found is None:
            return Labels(shown)
        definition, served = found
        if subresource and definition.subresource(subresource) is None:
            return Labels(shown)
        if subresource in _CONNECTED:
            shown = "CONNECT"
        elif verb == "apply":
            shown = "APPLY"
        labels = Labels(shown, group, version, resource, subresource, scope, "apiserver", dry_run)
        if served.deprecated:
            self.deprecated.add(Labels("", group, version, resource, subresource))
        return labels


def _asked(context: RequestContext) -> _Asked:
    info = context.info
    verb = info.verb
    if not info.is_resource_request:
        # the path is a label only where there are few of them
        path = info.path if info.path in _HEALTH else ""
        return (verb if verb in _VERBS else "", "", "", "", path, "", "")
    if verb == "patch" and (context.request.header(b"content-type") or b"").startswith(_APPLY):
        verb = "apply"
    if verb == "create" or len(info.parts) > 1:
        scope = "resource"
    else:
        scope = "namespace" if info.in_namespace else "cluster"
    dry_run = ""
    if "dryRun" in info.query and verb not in READS and info.subresource not in LONG_RUNNING:
        dry_run = _dry_run(info.query["dryRun"])
    return (verb, info.group, info.version, info.resource, info.subresource, scope, dry_run)


def _dry_run(values: list[str]) -> str:
    given = set(values) - {""}
    return "" if not given else "All" if given == {"All"} else "invalid"


_Sink = TypeVar("_Sink")


def _count_open(series: Series, response: Response) -> None:
    """Count an answer that lasts for as long as it does."""
    series.lasting = True

    def counted(run: Callable[[_Sink], Awaitable[None]]) -> Callable[[_Sink], Awaitable[None]]:
        async def run_counted(sink: _Sink) -> None:
            series.open += 1
            try:
                await run(sink)
            finally:
                series.open -= 1

        return run_counted

    if response.stream is not None:
        response.stream = counted(response.stream)
    if response.upgrade is not None:
        response.upgrade = counted(response.upgrade)

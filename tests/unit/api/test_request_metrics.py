"""Requests are counted by what they asked for and how it ended; label sets are bounded."""

from __future__ import annotations

from kapiserver.metrics import requests
from kapiserver.metrics.requests import OTHER, Labels, RequestMetrics
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import parse
from kapiserver.request import Connection, Request, Response, ResponseStream


def finished(metrics: RequestMetrics, path: str, response: Response | None) -> None:
    request = Request("GET", path, b"", (), Connection(None, None, None), "2", None)
    metrics.done(RequestContext(request, parse("GET", path, b"")), response)


def test_answers_are_counted_by_resource_and_code() -> None:
    metrics = RequestMetrics()
    finished(metrics, "/apis/apps/v1/namespaces/default/deployments/web", Response(200))
    finished(metrics, "/apis/apps/v1/namespaces/default/deployments/web", Response(404))
    finished(metrics, "/api/v1/namespaces/default/pods", Response(200))
    one = metrics.series[Labels("GET", "apps", "v1", "deployments", "", "resource")]
    assert one.by_code == {200: 1, 404: 1}
    assert sum(one.buckets) == 2
    assert Labels("LIST", "", "v1", "pods", "", "namespace") in metrics.series


def test_a_watch_counts_and_is_not_timed() -> None:
    async def run(stream: ResponseStream) -> None:
        """Never run here."""

    metrics = RequestMetrics()
    finished(metrics, "/api/v1/pods", Response(200, stream=run))
    (series,) = metrics.series.values()
    assert series.by_code == {200: 1}
    assert sum(series.buckets) == 0


def test_a_request_that_is_started_over_is_not_counted() -> None:
    metrics = RequestMetrics()
    finished(metrics, "/api/v1/pods", None)
    assert not metrics.series


def test_invented_paths_cannot_grow_the_table_without_end() -> None:
    metrics = RequestMetrics()
    for number in range(requests.MAX_SERIES + 10):
        finished(metrics, f"/apis/g/v1/r{number}", Response(404))
    assert len(metrics.series) <= requests.MAX_SERIES + 1
    assert metrics.series[OTHER].by_code[404] == 10

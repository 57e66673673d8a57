"""Requests are counted by what they asked for and how it ended; label sets are bounded."""

from __future__ import annotations

import pytest

from kapiserver.histogram import Histogram
from kapiserver.metrics.exposition import write_requests
from kapiserver.metrics.requests import OTHER, Labels, RequestMetrics
from kapiserver.metrics.text import Text, labelled
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import parse
from kapiserver.request import Connection, Request, Response, ResponseStream
from kapiserver.resources.registry import builtin_registry


def counting() -> RequestMetrics:
    return RequestMetrics(builtin_registry().lookup)


def finished(
    metrics: RequestMetrics,
    url: str,
    response: Response | None,
    method: str = "GET",
    content_type: str = "",
) -> RequestContext:
    path, _, query = url.partition("?")
    headers = [(b"content-type", content_type.encode())] if content_type else []
    connection = Connection(None, None, None)
    request = Request(method, path, query.encode(), headers, connection, "2", None)
    context = RequestContext(request, parse(method, path, query.encode()))
    metrics.check(context)
    metrics.done(context, response)
    return context


def test_answers_are_counted_by_resource_and_code() -> None:
    metrics = counting()
    finished(metrics, "/apis/apps/v1/namespaces/default/deployments/web", Response(200))
    finished(metrics, "/apis/apps/v1/namespaces/default/deployments/web", Response(404))
    finished(metrics, "/api/v1/namespaces/default/pods", Response(200))
    one = metrics.series[Labels("GET", "apps", "v1", "deployments", "", "resource", "apiserver")]
    assert one.by_code == {200: 1, 404: 1}
    assert sum(one.seconds.counts) == 2
    assert Labels("LIST", "", "v1", "pods", "", "namespace", "apiserver") in metrics.series


PODS = "/api/v1/namespaces/default/pods"


@pytest.mark.parametrize(
    ("method", "url", "content_type", "verb", "subresource", "scope", "dry_run"),
    [
        ("GET", f"{PODS}/a", "", "GET", "", "resource", ""),
        ("GET", PODS, "", "LIST", "", "namespace", ""),
        ("GET", f"{PODS}?fieldSelector=metadata.name%3Da", "", "LIST", "", "namespace", ""),
        ("GET", "/api/v1/pods", "", "LIST", "", "cluster", ""),
        ("GET", "/api/v1/pods?watch=1", "", "WATCH", "", "cluster", ""),
        ("GET", "/api/v1/watch/pods", "", "WATCH", "", "cluster", ""),
        ("POST", PODS, "", "POST", "", "resource", ""),
        ("POST", f"{PODS}?dryRun=All", "", "POST", "", "resource", "All"),
        ("POST", f"{PODS}?dryRun=Some", "", "POST", "", "resource", "invalid"),
        ("PUT", f"{PODS}/a/status", "", "PUT", "status", "resource", ""),
        ("PATCH", f"{PODS}/a", "application/merge-patch+json", "PATCH", "", "resource", ""),
        ("PATCH", f"{PODS}/a", "application/apply-patch+yaml", "APPLY", "", "resource", ""),
        ("DELETE", f"{PODS}/a", "", "DELETE", "", "resource", ""),
        ("DELETE", PODS, "", "DELETECOLLECTION", "", "namespace", ""),
        ("POST", f"{PODS}/a/exec", "", "CONNECT", "exec", "resource", ""),
        ("GET", f"{PODS}/a/log", "", "GET", "log", "resource", ""),
        ("BREW", PODS, "", "other", "", "namespace", ""),
    ],
)
def test_verbs_and_scopes_are_upstreams(
    method: str,
    url: str,
    content_type: str,
    verb: str,
    subresource: str,
    scope: str,
    dry_run: str,
) -> None:
    metrics = counting()
    finished(metrics, url, Response(200), method, content_type)
    expected = Labels(verb, "", "v1", "pods", subresource, scope, "apiserver", dry_run)
    assert list(metrics.series) == [expected]


async def test_a_watch_counts_while_it_lasts_and_is_not_timed() -> None:
    metrics = counting()
    seen: list[int] = []

    async def run(stream: ResponseStream) -> None:
        seen.append(series.open)

    response = Response(200, stream=run)
    finished(metrics, "/api/v1/pods?watch=true", response)
    (series,) = metrics.series.values()
    assert series.by_code == {200: 1}
    assert sum(series.seconds.counts) == 0
    assert response.stream is not None
    await response.stream(None)  # type: ignore[arg-type]
    assert (seen, series.open) == ([1], 0)


def test_a_request_that_is_started_over_is_not_counted() -> None:
    metrics = counting()
    finished(metrics, "/api/v1/pods", None)
    assert not metrics.series
    assert (metrics.reading, metrics.writing) == (0, 0)


def test_what_is_not_served_has_no_labels_of_its_own() -> None:
    metrics = counting()
    for number in range(50):
        finished(metrics, f"/apis/g/v1/r{number}", Response(404))
        finished(metrics, f"{PODS}/a/sub{number}", Response(404))
        finished(metrics, f"/other/path{number}", Response(404), f"VERB{number}")
    assert {labels.verb: s.by_code[404] for labels, s in metrics.series.items()} == {
        "LIST": 50,
        "GET": 50,
        "other": 50,
    }


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kapiserver.metrics.requests.MAX_SERIES", 2)
    metrics = counting()
    for resource in ("pods", "secrets", "nodes", "events"):
        finished(metrics, f"/api/v1/{resource}", Response(200))
    assert len(metrics.series) == 3
    assert metrics.series[OTHER].by_code == {200: 2}


def test_health_is_counted_by_path() -> None:
    metrics = counting()
    finished(metrics, "/readyz", Response(200))
    finished(metrics, "/readyz/ping", Response(200))
    assert list(metrics.series) == [Labels("GET", subresource="/readyz"), Labels("GET")]


def test_what_is_deprecated_is_told() -> None:
    metrics = counting()
    finished(metrics, "/api/v1/namespaces/default/endpoints", Response(200))
    text = Text()
    write_requests(text, metrics)
    line = (
        'apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",'
        'subresource="",version="v1"} 1\n'
    )
    assert line in text.encoded().decode()


def test_a_scrape_reads_as_upstreams() -> None:
    metrics = counting()
    finished(metrics, "/api/v1/nodes/n", Response(200, body=b"x" * 1500))
    text = Text()
    write_requests(text, metrics)
    lines = text.encoded().decode().splitlines()
    labels = (
        'component="apiserver",dry_run="",group="",resource="nodes",scope="resource",'
        'subresource="",verb="GET",version="v1"'
    )
    sizes = labels.replace('dry_run="",', "")
    assert f'apiserver_request_total{{code="200",{labels}}} 1' in lines
    assert f'apiserver_request_duration_seconds_bucket{{{labels},le="60"}} 1' in lines
    assert f'apiserver_response_sizes_bucket{{{sizes},le="1000"}} 0' in lines
    assert f'apiserver_response_sizes_bucket{{{sizes},le="10000"}} 1' in lines
    assert f"apiserver_response_sizes_sum{{{sizes}}} 1500" in lines
    assert 'apiserver_current_inflight_requests{request_kind="readOnly"} 0' in lines


def test_service_levels_know_no_dry_run_and_no_two_series_are_alike() -> None:
    metrics = counting()
    finished(metrics, PODS, Response(201), "POST")
    finished(metrics, f"{PODS}?dryRun=All", Response(201), "POST")
    finished(metrics, PODS, Response(200))
    finished(metrics, f"{PODS}?dryRun=All", Response(200))
    finished(metrics, "/healthz", Response(200))
    text = Text()
    write_requests(text, metrics)
    lines = text.encoded().decode().splitlines()
    counts = [line for line in lines if line.startswith("apiserver_request_sli_duration_seconds_c")]
    assert [line[-1] for line in counts] == ["2", "2"]
    names = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(names) == len(set(names))


def test_histograms_and_labels_as_text() -> None:
    histogram = Histogram((0.5, 1.0))
    for value in (0.25, 0.5, 0.75, 4.0):
        histogram.observe(value)
    text = Text()
    text.family("h", "histogram", "Of values.")
    text.histogram("h", labelled(a='"\\\n'), histogram)
    assert text.encoded().decode() == (
        "# HELP h Of values.\n# TYPE h histogram\n"
        'h_bucket{a="\\"\\\\\\n",le="0.5"} 2\n'
        'h_bucket{a="\\"\\\\\\n",le="1"} 3\n'
        'h_bucket{a="\\"\\\\\\n",le="+Inf"} 4\n'
        'h_sum{a="\\"\\\\\\n"} 5.5\n'
        'h_count{a="\\"\\\\\\n"} 4\n'
    )

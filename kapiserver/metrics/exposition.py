"""The text that a scrape gets, made by prometheus-client from what the parts know just then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from kapiserver.metrics.requests import BUCKETS, RequestMetrics
from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response
from kapiserver.storage import Storage
from raftstore import Store

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_LABELS = ("verb", "group", "version", "resource", "subresource", "scope")


class _Requests(Collector):
    def __init__(self, requests: RequestMetrics) -> None:
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "apiserver_request",
            "Answered requests by verb, resource and HTTP code.",
            labels=(*_LABELS, "code"),
        )
        duration = HistogramMetricFamily(
            "apiserver_request_duration_seconds",
            "Seconds from the head of a request to its answer, watches left out.",
            labels=_LABELS,
        )
        for labels, series in self._requests.series.items():
            for code, count in series.by_code.items():
                total.add_metric((*labels, str(code)), count)
            buckets: list[tuple[str, float]] = []
            running = 0
            for bound, count in zip((*BUCKETS, float("inf")), series.buckets, strict=True):
                running += count
                buckets.append(("+Inf" if bound == float("inf") else str(bound), running))
            duration.add_metric(labels, buckets, series.total_seconds)
        yield total
        yield duration


class _Objects(Collector):
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def collect(self) -> Iterator[Metric]:
        objects = GaugeMetricFamily(
            "apiserver_resource_objects", "Objects stored, by resource.", labels=("resource",)
        )
        watchers = GaugeMetricFamily(
            "apiserver_longrunning_requests", "Open watches, by resource.", labels=("resource",)
        )
        for store in self._storage.stores():
            if count := len(store.cache.objects):
                objects.add_metric((store.keys.resource,), count)
            if open_watches := len(store.watches):
                watchers.add_metric((store.keys.resource,), open_watches)
        yield objects
        yield watchers
        metrics = self._storage.metrics
        yield _counter("apiserver_watch_events", "Events sent to watches.", metrics.events_sent)
        yield _counter(
            "kapi_watch_lags",
            "How often a watch fell behind and went back to catching up.",
            metrics.watch_lags,
        )


class _Raft(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        status = self._store.status()
        gauges = (
            ("kapi_raft_is_leader", "1 on the leader.", float(status.role == "leader")),
            ("kapi_raft_has_leader", "1 if a leader is known.", float(bool(status.leader_id))),
            ("kapi_raft_term", "The current term.", status.term),
            ("kapi_raft_commit_index", "The newest committed log entry.", status.commit_index),
            ("kapi_raft_applied_index", "The newest applied log entry.", status.applied_index),
            ("kapi_raft_snapshot_index", "The log entry of the snapshot.", status.snapshot_index),
            ("kapi_raft_proposals_pending", "Writes without a result yet.", status.proposals),
            ("kapi_store_revision", "The newest revision.", status.revision),
            ("kapi_store_compact_revision", "The oldest kept revision.", status.compact_revision),
            ("kapi_store_size_bytes", "Size of the database.", status.db_size),
            ("kapi_store_log_size_bytes", "Size of the write-ahead log.", status.wal_size),
        )
        for name, documentation, value in gauges:
            yield GaugeMetricFamily(name, documentation, value)
        yield _counter("kapi_raft_log_syncs", "How often the log was synced.", status.log_syncs)
        lag = GaugeMetricFamily(
            "kapi_raft_peer_lag_entries",
            "Entries a peer is behind (leader only).",
            labels=("peer",),
        )
        connected = GaugeMetricFamily(
            "kapi_raft_peer_connected", "1 if there is a link to the peer.", labels=("peer",)
        )
        for peer in status.peers:
            connected.add_metric((peer.node_id,), float(peer.connected))
            if peer.lag >= 0:
                lag.add_metric((peer.node_id,), peer.lag)
        yield lag
        yield connected


def _counter(name: str, documentation: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, documentation, value)


class Metrics:
    """Answers /metrics."""

    def __init__(self, requests: RequestMetrics, storage: Storage, store: Store) -> None:
        self._registry = CollectorRegistry()
        collectors: Iterable[Collector] = (
            _Requests(requests),
            _Objects(storage),
            _Raft(store),
        )
        for collector in collectors:
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def respond(self, context: RequestContext) -> Response | None:
        if context.info.path.rstrip("/") != "/metrics":
            return None
        text = generate_latest(self._registry)
        return Response(200, [(b"content-type", CONTENT_TYPE)], text, compressible=True)

"""The text that a scrape gets, from what the parts know just then.

Our own families are written line by line (a histogram has many); those of the process and of Python
come from prometheus-client.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

from kapiserver.admission.chain import AdmissionChain
from kapiserver.api.health import Health
from kapiserver.api.scope import Scopes, storage_resource
from kapiserver.api.version import version_info
from kapiserver.histogram import Histogram
from kapiserver.metrics.requests import BUCKETS, RequestMetrics, Series
from kapiserver.metrics.text import Text, labelled
from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response
from kapiserver.storage import Storage
from raftstore import Store

# What service levels are made from is there on its own, too.
SLIS = "/metrics/slis"
PATHS = ("/metrics", SLIS)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

# In /version's names, and in those of the metric.
_BUILD = {
    "build_date": "buildDate",
    "compiler": "compiler",
    "git_commit": "gitCommit",
    "git_tree_state": "gitTreeState",
    "git_version": "gitVersion",
    "go_version": "goVersion",
    "major": "major",
    "minor": "minor",
    "platform": "platform",
}


class Metrics:
    """Answers /metrics."""

    def __init__(
        self,
        requests: RequestMetrics,
        scopes: Scopes,
        storage: Storage,
        store: Store,
        admission: AdmissionChain,
        health: Health,
        certificates: Histogram | None = None,
    ) -> None:
        self._requests = requests
        self._scopes = scopes
        self._storage = storage
        self._store = store
        self._admission = admission
        self._health = health
        self._certificates = certificates
        info = version_info()
        self._build = labelled(**{name: info[key] for name, key in _BUILD.items()})
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    def respond(self, context: RequestContext) -> Response | None:
        path = context.info.path
        if path not in PATHS:
            return None
        text = Text()
        if path == SLIS:
            write_health(text, self._health)
            return Response(200, [(b"content-type", CONTENT_TYPE)], text.encoded())
        write_requests(text, self._requests)
        write_admission(text, self._admission)
        if self._certificates is not None:
            name = "apiserver_client_certificate_expiration_seconds"
            text.family(name, "histogram", "How long certificates that are used have to live.")
            text.histogram(name, "", self._certificates)
        write_health(text, self._health)
        write_objects(text, self._storage, self._scopes)
        write_store(text, self._store)
        text.family("kubernetes_build_info", "gauge", "Always 1; the labels say what is running.")
        text.sample("kubernetes_build_info", self._build, 1)
        body = text.encoded() + generate_latest(self._process)
        return Response(200, [(b"content-type", CONTENT_TYPE)], body, compressible=True)


def write_requests(text: Text, requests: RequestMetrics) -> None:
    listed = list(requests.series.values())
    name = "apiserver_request_total"
    text.family(name, "counter", "Answered requests by verb, resource and HTTP code.")
    for series in listed:
        for code, count in series.by_code.items():
            text.sample(name, f'code="{code}",{series.text}', count)
    name = "apiserver_request_duration_seconds"
    text.family(
        name,
        "histogram",
        "Seconds from the head of a request to its answer, without those that last.",
    )
    for series in listed:
        text.histogram(name, series.text, series.seconds)
    name = "apiserver_request_sli_duration_seconds"
    text.family(name, "histogram", "The same, dry runs and real ones together.")
    for shown, merged in _without_dry_run(listed).items():
        text.histogram(name, shown, merged)
    name = "apiserver_response_sizes"
    text.family(name, "histogram", "Bytes of answers to reads, before they are compressed.")
    for series in listed:
        if series.sizes is not None:
            text.histogram(name, series.text_without_dry_run, series.sizes)
    name = "apiserver_longrunning_requests"
    text.family(name, "gauge", "Watches, logs and connections that are open.")
    for series in listed:
        if series.lasting:
            text.sample(name, series.text_without_dry_run, series.open)
    name = "apiserver_current_inflight_requests"
    text.family(name, "gauge", "Requests that are being answered.")
    text.sample(name, labelled(request_kind="mutating"), requests.writing)
    text.sample(name, labelled(request_kind="readOnly"), requests.reading)
    name = "apiserver_requested_deprecated_apis"
    text.family(name, "gauge", "1 for what was asked for although it is deprecated.")
    for labels in sorted(requests.deprecated):
        text.sample(
            name,
            labelled(
                group=labels.group,
                removed_release="",
                resource=labels.resource,
                subresource=labels.subresource,
                version=labels.version,
            ),
            1,
        )


def _without_dry_run(listed: list[Series]) -> dict[str, Histogram]:
    """What dashboards of upstream's service levels are made from."""
    merged: dict[str, Histogram] = {}
    for series in listed:
        if series.labels.resource:
            merged.setdefault(series.text_without_dry_run, Histogram(BUCKETS)).add(series.seconds)
    return merged


def write_admission(text: Text, admission: AdmissionChain) -> None:
    controllers: list[tuple[str, Histogram]] = []
    steps: list[tuple[str, Histogram]] = []
    for timed, histogram in admission.times.items():
        labels = {
            "operation": timed.operation,
            "rejected": "true" if timed.rejected else "false",
            "type": timed.phase.value,
        }
        if timed.plugin:
            controllers.append((labelled(name=timed.plugin, **labels), histogram))
        else:
            steps.append((labelled(**labels), histogram))
    name = "apiserver_admission_controller_admission_duration_seconds"
    text.family(name, "histogram", "Seconds that each admission plugin took for a write.")
    for shown, histogram in controllers:
        text.histogram(name, shown, histogram)
    name = "apiserver_admission_step_admission_duration_seconds"
    text.family(name, "histogram", "Seconds that all admission plugins took for a write.")
    for shown, histogram in steps:
        text.histogram(name, shown, histogram)


def write_health(text: Text, health: Health) -> None:
    records = [
        (labelled(name=name), labelled(type=kind), record)
        for (kind, name), record in health.records.items()
    ]
    name = "kubernetes_healthcheck"
    text.family(name, "gauge", "1 for a health check that passed when it was last asked for.")
    for shown, kind, record in records:
        text.sample(name, f"{shown},{kind}", record.passing)
    name = "kubernetes_healthchecks_total"
    text.family(name, "counter", "How health checks went.")
    for shown, kind, record in records:
        for status, count in (("success", record.passed), ("error", record.failed)):
            if count:
                text.sample(name, f'{shown},status="{status}",{kind}', count)


def write_objects(text: Text, storage: Storage, scopes: Scopes) -> None:
    versions = {
        storage_resource(definition): definition.storage_version
        for definition in scopes.registry.definitions()
        if not definition.virtual
    }
    listed = []
    for store in storage.stores():
        resource, _, group = store.keys.resource.partition(".")
        version = versions.get(store.keys.resource, "")
        listed.append((group, version, resource, store))
    name = "apiserver_resource_objects"
    text.family(name, "gauge", "Objects stored, by resource.")
    for group, _, resource, store in listed:
        text.sample(name, labelled(group=group, resource=resource), len(store.cache.objects))
    name = "apiserver_watch_events_total"
    text.family(name, "counter", "Events sent to watches, by resource as it is stored.")
    for group, version, resource, store in listed:
        if sent := store.fan_out.sent:
            text.sample(name, labelled(group=group, resource=resource, version=version), sent)
    name = "kapi_watch_lags_total"
    text.family(name, "counter", "How often a watch fell behind and went back to catching up.")
    text.sample(name, "", storage.metrics.watch_lags)


def write_store(text: Text, store: Store) -> None:
    status = store.status()
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
        text.family(name, "gauge", documentation)
        text.sample(name, "", value)
    name = "apiserver_storage_size_bytes"
    text.family(name, "gauge", "Size of the database, under upstream's name.")
    text.sample(name, labelled(storage_cluster_id="raft-0"), status.db_size)
    name = "kapi_raft_log_syncs_total"
    text.family(name, "counter", "How often the log was synced.")
    text.sample(name, "", status.log_syncs)
    name = "kapi_raft_peer_lag_entries"
    text.family(name, "gauge", "Entries a peer is behind (leader only).")
    for peer in status.peers:
        if peer.lag >= 0:
            text.sample(name, labelled(peer=peer.node_id), peer.lag)
    name = "kapi_raft_peer_connected"
    text.family(name, "gauge", "1 if there is a link to the peer.")
    for peer in status.peers:
        text.sample(name, labelled(peer=peer.node_id), peer.connected)

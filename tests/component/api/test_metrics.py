"""What a Prometheus finds: one scrape of a server that has done something."""

from __future__ import annotations

from api_world import Answer, Api, config_map, pod

from kapiserver.api.health import Health
from kapiserver.metrics.exposition import Metrics
from kapiserver.metrics.requests import RequestMetrics
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import parse
from kapiserver.request import Connection, Request, Response

MAPS = "/api/v1/namespaces/default/configmaps"


def asked(path: str) -> RequestContext:
    request = Request("GET", path, b"", (), Connection(None, None, None), "2", None)
    return RequestContext(request, parse("GET", path))


def metrics_of(api: Api, health: Health) -> Metrics:
    scopes = api.services.scopes
    storage = scopes.stored("", "pods").objects.storage
    requests = RequestMetrics(scopes.registry.lookup)
    return Metrics(requests, scopes, storage, storage.backend, api.services.admission, health)


def scraped(response: Response | None) -> list[str]:
    assert response is not None
    return Answer(response).text.splitlines()


async def test_a_scrape(api: Api) -> None:
    api.services.scopes.open_all()
    events = await api.watch(f"{MAPS}?watch=true")
    await api.post(MAPS, config_map("a"))
    await api.post("/api/v1/namespaces/default/pods", pod("p"))
    await api.post("/api/v1/namespaces/none/pods", pod("p"))
    await events.wait_for(1)
    lines = scraped(metrics_of(api, Health()).respond(asked("/metrics")))
    for line in (
        'apiserver_resource_objects{group="",resource="configmaps"} 1',
        'apiserver_resource_objects{group="apps",resource="deployments"} 0',
        "kapi_raft_is_leader 1",
        'apiserver_admission_controller_admission_duration_seconds_count{name="ServiceAccount",'
        'operation="CREATE",rejected="false",type="validate"} 1',
        'apiserver_admission_controller_admission_duration_seconds_count{name="NamespaceLifecycle",'
        'operation="CREATE",rejected="true",type="admit"} 1',
        'apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",'
        'rejected="true",type="admit"} 1',
    ):
        assert line in lines
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))


async def test_health_checks_alone(api: Api) -> None:
    health = Health()
    problems = ["not yet", ""]
    health.add("late", lambda: problems.pop(0))
    assert health.respond(asked("/readyz/late")) is not None
    assert health.respond(asked("/readyz/late")) is not None
    metrics = metrics_of(api, health)
    assert [x for x in scraped(metrics.respond(asked("/metrics/slis"))) if x[0] != "#"] == [
        'kubernetes_healthcheck{name="late",type="readyz"} 1',
        'kubernetes_healthchecks_total{name="late",status="success",type="readyz"} 1',
        'kubernetes_healthchecks_total{name="late",status="error",type="readyz"} 1',
    ]
    assert metrics.respond(asked("/metrics/")) is None

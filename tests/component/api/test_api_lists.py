"""Lists and watches: pages, selectors, Tables, metadata only, bookmarks, errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import ryaml
from api_world import Answer, Api, config_map, deployment, pod

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
METADATA = {
    "accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
}


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json["items"]]


async def fill(api: Api, *wanted: str, **labels: str) -> None:
    for name in wanted:
        sent = config_map(name)
        sent["metadata"]["labels"] = labels
        assert (await api.post(MAPS, sent)).status == 201


async def test_a_list_holds_whole_objects_and_its_own_resource_version(api: Api) -> None:
    await fill(api, "b", "a")
    answer = await api.get(MAPS)
    assert names(answer) == ["a", "b"]
    body = answer.json
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    newest = max(int(item["metadata"]["resourceVersion"]) for item in body["items"])
    assert int(body["metadata"]["resourceVersion"]) >= newest
    everywhere = await api.get("/api/v1/configmaps")
    assert names(everywhere) == ["a", "b"]
    assert (await api.get("/api/v1/namespaces/kube-system/configmaps")).json["items"] == []


async def test_items_have_the_type_of_the_list(api: Api) -> None:
    """Typed lists: kind and apiVersion are not repeated. Metadata and rows have their own."""
    await fill(api, "a")
    assert (await api.post(MAPS, config_map("big", key="x" * 10_000))).status == 201
    for accept in ("application/json", "application/json;pretty=1", "application/yaml"):
        answer = await api.get(MAPS, headers={"accept": accept})
        body = ryaml.loads(answer.text)
        assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
        assert [item["metadata"]["name"] for item in body["items"]] == ["a", "big"]
        assert not any("kind" in item or "apiVersion" in item for item in body["items"])
    empty = await api.get("/api/v1/namespaces/kube-system/configmaps")
    assert empty.text.endswith('"items":[]}\n')
    partial = (await api.get(MAPS, headers=METADATA)).json["items"]
    assert [item["kind"] for item in partial] == ["PartialObjectMetadata"] * 2
    rows = (await api.get(f"{MAPS}?includeObject=Object", headers=TABLE)).json["rows"]
    assert [row["object"]["kind"] for row in rows] == ["ConfigMap"] * 2


async def test_big_lists_are_whole(api: Api) -> None:
    await fill(api, *[f"m{index:04}" for index in range(600)])
    assert names(await api.get(MAPS)) == [f"m{index:04}" for index in range(600)]
    assert names(await api.get(f"{MAPS}?limit=550")) == [f"m{index:04}" for index in range(550)]


async def test_pages_are_one_consistent_list(api: Api) -> None:
    await fill(api, "a", "b", "c", "d", "e")
    first = await api.get(f"{MAPS}?limit=2")
    assert names(first) == ["a", "b"]
    assert first.json["metadata"]["remainingItemCount"] == 3
    await fill(api, "bb")
    token = first.json["metadata"]["continue"]
    second = await api.get(f"{MAPS}?limit=2&continue={token}")
    assert names(second) == ["c", "d"]
    token = second.json["metadata"]["continue"]
    last = await api.get(f"{MAPS}?limit=2&continue={token}")
    assert names(last) == ["e"]
    assert "continue" not in last.json["metadata"]
    versions = {page.json["metadata"]["resourceVersion"] for page in (first, second, last)}
    assert len(versions) == 1


async def test_selectors_choose(api: Api) -> None:
    await fill(api, "a", tier="web", env="prod")
    await fill(api, "b", tier="web", env="test")
    await fill(api, "c", tier="db")
    cases = {
        "labelSelector=tier%3Dweb": ["a", "b"],
        "labelSelector=tier%20in%20(web,db),env!=test": ["a", "c"],
        "labelSelector=!env": ["c"],
        "fieldSelector=metadata.name%3Db": ["b"],
        "fieldSelector=metadata.name!%3Db": ["a", "c"],
        "fieldSelector=metadata.name%3Db&labelSelector=tier%3Ddb": [],
        "fieldSelector=metadata.namespace%3Dother": [],
    }
    for query, expected in cases.items():
        assert names(await api.get(f"{MAPS}?{query}")) == expected, query
    await api.post(PODS, pod("p"))
    assert names(await api.get(f"{PODS}?fieldSelector=status.phase%3DPending")) == ["p"]
    assert names(await api.get(f"{PODS}?fieldSelector=spec.nodeName%3Dn1")) == []


REFUSED: list[tuple[str, int, str]] = [
    (
        "fieldSelector=spec.nope%3D1",
        400,
        '"spec.nope" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
    (
        "resourceVersionMatch=Exact",
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "resourceVersionMatch is forbidden unless resourceVersion is provided",
    ),
    (
        "resourceVersion=0&resourceVersionMatch=Exact",
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ),
    (
        "sendInitialEvents=true",
        422,
        'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents '
        "is forbidden for list",
    ),
    (
        "resourceVersion=abc",
        400,
        'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: '
        'parsing "abc": invalid syntax',
    ),
    ("limit=many", 400, 'strconv.ParseInt: parsing "many": invalid syntax'),
    (
        "watch=1&resourceVersionMatch=NotOlderThan",
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    ),
]


@pytest.mark.parametrize(("query", "code", "message"), REFUSED)
async def test_options_that_make_no_sense(api: Api, query: str, code: int, message: str) -> None:
    answer = await api.get(f"{MAPS}?{query}")
    assert (answer.status, answer.json["message"]) == (code, message)


async def test_a_bad_label_selector_is_explained(api: Api) -> None:
    answer = await api.get(f"{MAPS}?labelSelector=a%20in%20b")
    assert answer.status == 400
    assert "unable to parse requirement: found 'b' expected: '('" in answer.json["message"]


async def test_tables_have_columns_and_rows(api: Api) -> None:
    await fill(api, "a")
    table = (await api.get(MAPS, headers=TABLE)).json
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert table["columnDefinitions"][0]["description"].startswith("Name must be unique within")
    (row,) = table["rows"]
    assert row["cells"][:2] == ["a", 0]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "a"
    whole = (await api.get(f"{MAPS}/a?includeObject=Object", headers=TABLE)).json
    assert whole["rows"][0]["object"]["kind"] == "ConfigMap"
    bare = (await api.get(f"{MAPS}?includeObject=None", headers=TABLE)).json
    assert bare["rows"][0].get("object") is None
    assert (await api.get(f"{MAPS}?includeObject=Half", headers=TABLE)).status == 400


async def test_rows_of_pods_are_the_same_in_lists_and_alone(api: Api) -> None:
    """Conditions without a lastProbeTime are stored with a null there."""
    assert (await api.post(PODS, pod("web"))).status == 201
    ready = {"type": "Ready", "status": "True"}
    status = {"phase": "Running", "conditions": [ready], "podIPs": [{"ip": "10.0.0.7"}]}
    written = await api.patch(f"{PODS}/web/status", {"status": status})
    assert written.json["status"]["conditions"][0]["lastProbeTime"] is None
    chosen = f"{PODS}?fieldSelector=status.phase=Running"
    listed, alone = [(await api.get(url, headers=TABLE)).json for url in (chosen, f"{PODS}/web")]
    (row,) = listed["rows"]
    assert [row] == alone["rows"]
    assert [*row["cells"][:4], row["cells"][5]] == ["web", "0/1", "Running", "0", "10.0.0.7"]
    assert row["object"]["metadata"] == written.json["metadata"]


async def test_tables_of_lists_have_an_order_and_a_default_of_their_own(api: Api) -> None:
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    for name in ("slow", "fast"):
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        metadata = {"name": name, "annotations": annotations if name == "slow" else {}}
        sent = {"kind": "StorageClass", "metadata": metadata, "provisioner": "example.com/p"}
        assert (await api.post(classes, {"apiVersion": "storage.k8s.io/v1", **sent})).status == 201
    table = (await api.get(classes, headers=TABLE)).json
    assert [row["cells"][0] for row in table["rows"]] == ["fast", "slow (default)"]
    alone = (await api.get(f"{classes}/slow", headers=TABLE)).json
    assert alone["rows"][0]["cells"][0] == "slow"

    flows = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
    for name, precedence in (("a", 300), ("b", 200)):
        spec = {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": precedence}
        flow = {"kind": "FlowSchema", "metadata": {"name": name}, "spec": spec}
        sent = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", **flow}
        assert (await api.post(flows, sent)).status == 201
    table = (await api.get(flows, headers=TABLE)).json
    assert [row["cells"][0] for row in table["rows"]] == ["b", "a"]


async def test_metadata_only(api: Api) -> None:
    await fill(api, "a", tier="web")
    listed = (await api.get(MAPS, headers=METADATA)).json
    assert (listed["kind"], listed["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    (item,) = listed["items"]
    assert set(item) == {"kind", "apiVersion", "metadata"}
    assert item["metadata"]["labels"] == {"tier": "web"}


async def test_readable_lists_say_the_same(api: Api) -> None:
    await fill(api, "a", "b", tier="web")
    for url in (MAPS, f"{MAPS}?labelSelector=none"):
        plain = (await api.get(url)).json
        assert (await api.get(f"{url}{'&' if '?' in url else '?'}pretty=1")).json == plain
        yaml = await api.get(url, headers={"accept": "application/yaml"})
        assert ryaml.loads(yaml.text) == plain


async def test_readable_output(api: Api) -> None:
    await fill(api, "a")
    assert b"\n  " in (await api.get(f"{MAPS}?pretty=true")).body
    assert b"\n  " in (await api.get(f"{MAPS}/a", headers={"user-agent": "curl/8"})).body
    text = (await api.get(MAPS, headers={"accept": "application/yaml"})).text
    assert text.startswith("apiVersion: v1\nitems:\n- metadata:\n")
    assert "\nkind: ConfigMapList\nmetadata:\n  resourceVersion: " in text
    assert (await api.get(MAPS, headers={"accept": "text/html"})).status == 406


async def test_another_version_of_the_same_objects(api: Api) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {
            "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 70},
                    },
                }
            ],
        },
    }
    base = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    created = await api.post(base.format("v2"), scaler)
    assert created.status == 201, created.text
    old = (await api.get(base.format("v1") + "/h")).json
    assert old["apiVersion"] == "autoscaling/v1"
    assert old["spec"]["targetCPUUtilizationPercentage"] == 70
    listed = (await api.get(base.format("v1"))).json
    assert listed["apiVersion"] == "autoscaling/v1"
    assert listed["items"][0]["spec"]["targetCPUUtilizationPercentage"] == 70
    patched = await api.patch(
        base.format("v1") + "/h", {"spec": {"targetCPUUtilizationPercentage": 50}}
    )
    assert patched.json["spec"]["targetCPUUtilizationPercentage"] == 50
    new = (await api.get(base.format("v2") + "/h")).json
    assert new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50


async def test_events_are_one_thing_in_two_groups(api: Api) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Started",
        "message": "it runs",
        "type": "Normal",
    }
    assert (await api.post("/api/v1/namespaces/default/events", event)).status == 201
    other = (await api.get("/apis/events.k8s.io/v1/namespaces/default/events/e")).json
    assert other["apiVersion"] == "events.k8s.io/v1"
    assert other["regarding"]["name"] == "p"
    assert other["note"] == "it runs"
    found = await api.get("/api/v1/events?fieldSelector=involvedObject.name%3Dp")
    assert names(found) == ["e"]


async def test_a_watch_starts_with_what_is_there_and_goes_on(api: Api) -> None:
    await fill(api, "a")
    events = await api.watch(f"{MAPS}?watch=1")
    await events.wait_for(1)
    await fill(api, "b")
    await api.patch(f"{MAPS}/b", {"data": {"x": "1"}})
    await api.delete(f"{MAPS}/a")
    lines = await events.wait_for(4)
    assert events.seen() == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
    assert all(line["object"]["kind"] == "ConfigMap" for line in lines)
    revisions = [int(line["object"]["metadata"]["resourceVersion"]) for line in lines]
    assert revisions == sorted(set(revisions))


async def test_a_watch_from_a_list_misses_nothing(api: Api) -> None:
    await fill(api, "a")
    version = (await api.get(MAPS)).json["metadata"]["resourceVersion"]
    await fill(api, "b")
    events = await api.watch(f"{MAPS}?watch=1&resourceVersion={version}")
    await fill(api, "c")
    await events.wait_for(2)
    assert events.seen() == [("ADDED", "b"), ("ADDED", "c")]


async def test_a_watch_sees_objects_enter_and_leave_its_selection(api: Api) -> None:
    await fill(api, "a", tier="web")
    events = await api.watch(f"{MAPS}?watch=1&labelSelector=tier%3Dweb")
    await events.wait_for(1)
    await fill(api, "b", tier="db")
    await api.patch(f"{MAPS}/b", {"metadata": {"labels": {"tier": "web"}}})
    await api.patch(f"{MAPS}/a", {"metadata": {"labels": {"tier": "db"}}})
    await events.wait_for(3)
    assert events.seen() == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_a_watch_of_one_name(api: Api) -> None:
    events = await api.watch(f"{MAPS}?watch=1&fieldSelector=metadata.name%3Db")
    old = await api.watch("/api/v1/watch/namespaces/default/configmaps/b")
    await fill(api, "a", "b")
    await events.wait_for(1)
    await old.wait_for(1)
    assert events.seen() == old.seen() == [("ADDED", "b")]


async def test_streaming_lists_end_with_an_annotated_bookmark(api: Api) -> None:
    await fill(api, "a", "b")
    events = await api.watch(
        f"{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        "&allowWatchBookmarks=true"
    )
    lines = await events.wait_for(3)
    assert events.seen()[:2] == [("ADDED", "a"), ("ADDED", "b")]
    bookmark = lines[2]
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "ConfigMap"
    metadata = bookmark["object"]["metadata"]
    annotations = metadata["annotations"]
    assert annotations.pop("k8s.io/initial-events-end") == "true"
    # an empty list, as clients need it to make a list of the events
    blueprint = base64.b64decode(annotations.pop("kubernetes.io/initial-events-list-blueprint"))
    assert json.loads(blueprint) == {
        "kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": None,
    }  # fmt: skip
    assert annotations == {}
    assert int(metadata["resourceVersion"]) > 0


async def test_a_watch_as_table_names_its_columns_once(api: Api) -> None:
    await fill(api, "a")
    events = await api.watch(f"{MAPS}?watch=1", headers=TABLE)
    await events.wait_for(1)
    await fill(api, "b", "c")
    first, second, third = await events.wait_for(3)
    assert [c["name"] for c in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert not second["object"]["columnDefinitions"]
    cells = [line["object"]["rows"][0]["cells"][0] for line in (first, second, third)]
    assert cells == ["a", "b", "c"]


async def test_a_watch_of_metadata(api: Api) -> None:
    await fill(api, "a", tier="web")
    accept = {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    events = await api.watch(f"{MAPS}?watch=1", headers=accept)
    (line,) = await events.wait_for(1)
    assert line["object"]["kind"] == "PartialObjectMetadata"
    assert "data" not in line["object"]


async def test_a_watch_ends_when_its_time_is_over(api: Api) -> None:
    events = await api.watch(f"{MAPS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true")
    await events.ended.wait()
    assert [line["type"] for line in events.lines] in (["BOOKMARK"], ["BOOKMARK"] * 2)


async def test_the_future_is_a_timeout_that_says_so(api: Api) -> None:
    answer = await api.get(f"{MAPS}?resourceVersion=999999")
    assert answer.status == 504
    body: dict[str, Any] = answer.json
    assert body["message"].startswith("Timeout: Too large resource version: 999999, current: ")
    assert body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_deployments_table_as_kubectl_asks_for_it(api: Api) -> None:
    await api.post("/apis/apps/v1/namespaces/default/deployments", deployment("d", 2))
    table = (await api.get("/apis/apps/v1/deployments", headers=TABLE)).json
    assert table["rows"][0]["cells"][:4] == ["d", "0/2", 0, 0]


async def test_a_pod_that_has_run_to_its_end_is_marked_in_its_row(api: Api) -> None:
    assert (await api.post(PODS, pod("done"))).status == 201
    ended = (await api.get(f"{PODS}/done")).json
    ended["status"] = {**ended["status"], "phase": "Succeeded"}
    assert (await api.put(f"{PODS}/done/status", ended)).status == 200
    (row,) = (await api.get(PODS, headers=TABLE)).json["rows"]
    assert [condition["type"] for condition in row["conditions"]] == ["Completed"]

"""What is made of request bodies: keys that come twice, other versions, the order of findings."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import trio
import trio.lowlevel
from api_world import Answer, Api, config_map, deployment, pod

from kapiserver.api.large_bodies import LARGE

PROTOBUF = "application/vnd.kubernetes.protobuf"
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"

SCALER = {
    "metadata": {"name": "h"},
    "spec": {
        "maxReplicas": 3,
        "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50},
                },
            }
        ],
    },
}


def texts(answer: Answer) -> list[str]:
    """Of the warnings."""
    return [orjson.loads(each.removeprefix("299 - ")) for each in answer.warnings]


async def post(api: Api, url: str, body: bytes, media_type: str = "application/json") -> Answer:
    return await api.post(url, body, headers={"content-type": media_type})


# --- keys that come twice ----------------------------------------------------------------------


async def test_the_second_value_of_a_key_goes_into_the_first(api: Api) -> None:
    twice = (
        b'{"kind":"Pod","metadata":{"name":"p","labels":{"a":"1","b":"1"}},'
        b'"metadata":{"labels":{"b":"2"},"annotations":null},'
        b'"spec":{"containers":[{"name":"x","image":"i"},{"name":"y","image":"j"}],'
        b'"nodeSelector":{"a":"b"},"securityContext":{"runAsUser":5},"hostname":"h"},'
        b'"spec":{"containers":[{"name":"z"}],"nodeSelector":null,'
        b'"securityContext":{"runAsGroup":6},"hostname":null}}'
    )
    for query in ("", "?fieldValidation=Ignore"):
        made = await post(api, f"{PODS}{query}", twice)
        assert made.status == 201, made.text
        labels = made.json["metadata"]["labels"]
        assert labels == {"a": "1", "b": "2"}
        spec = made.json["spec"]
        assert [(c["name"], c["image"]) for c in spec["containers"]] == [("z", "i")]
        assert spec["securityContext"] == {"runAsUser": 5, "runAsGroup": 6}
        assert spec["hostname"] == "h"  # null means nothing to a string
        assert "nodeSelector" not in spec
        expected = [] if query else ['duplicate field "metadata"', 'duplicate field "spec"']
        assert [text for text in texts(made) if "field" in text] == expected
        await api.delete(f"{PODS}/p")


async def test_free_form_data_is_as_its_last_key_says(api: Api) -> None:
    sent = b'{"metadata":{"name":"r"},"revision":1,"data":{"a":{"x":1}},"data":{"a":{"y":2}}}'
    made = await post(api, "/apis/apps/v1/namespaces/default/controllerrevisions", sent)
    assert made.json["data"] == {"a": {"y": 2}}


async def test_a_wrong_value_is_refused_though_another_follows(api: Api) -> None:
    refused = await post(api, MAPS, b'{"metadata":{"name":"a"},"data":{"k":1},"data":{"k":"v"}}')
    assert refused.status == 400
    assert "cannot unmarshal number into Go struct field ConfigMap.data" in refused.json["message"]


@pytest.mark.parametrize("written", ["1e3", "1.0", "1E2", "99999999999999999999"])
async def test_numbers_are_told_of_as_they_were_written(api: Api, written: str) -> None:
    body = orjson.dumps({"metadata": {"name": "p"}, "spec": {"priority": "@"}})
    sent = body.replace(b'"@"', written.encode())
    refused = await post(api, PODS, sent)
    assert refused.status == 400
    assert f"cannot unmarshal number {written} into Go struct field" in refused.json["message"]


async def test_bytes_that_are_no_characters_are_replaced(api: Api) -> None:
    sent = b'{"metadata":{"name":"a"},"data":{"k":"x\xffy"}}'
    assert (await post(api, MAPS, sent)).json["data"] == {"k": "x\ufffdy"}
    patched = await api.patch(f"{MAPS}/a", b'{"data":{"k":"\xff","k":"\\ud800"}}')
    assert patched.json["data"] == {"k": "\ufffd"}


# --- what a body says that it is ---------------------------------------------------------------

TYPES: list[tuple[str, str, str, int, str]] = [
    (MAPS, "/v1", "ConfigMap", 201, ""),
    (MAPS, "/", "ConfigMap", 201, ""),
    (DEPLOYMENTS, "apps/", "Deployment", 201, ""),
    (MAPS, "a/b/c", "ConfigMap", 400, "unrecognized (must be of type ConfigMap): unexpected "
     "GroupVersion string: a/b/c ("),
    (MAPS, "v1/", "ConfigMap", 400, "cannot be handled as a ConfigMap: Object 'apiVersion' is "
     "missing in '{"),
    (MAPS, "v1", "DeleteOptions", 400, "converting (v1.DeleteOptions) to (core.ConfigMap): unk"),
    (MAPS, "v1", "Status", 400, "converting (v1.Status) to (core.ConfigMap): unknown conversion"),
    (MAPS, "v1", "ConfigMapList", 400, "converting (v1.ConfigMapList) to (core.ConfigMap): unk"),
    (MAPS, "v1", "List", 400, "converting (v1.List) to (core.ConfigMap): unknown conversion"),
    (MAPS, "v1", "configmap", 400, 'no kind "configmap" is registered for version "v1"'),
    (DEPLOYMENTS, "/v1", "Deployment", 400, 'no kind "Deployment" is registered for version "v1"'),
]  # fmt: skip


@pytest.mark.parametrize(("url", "api_version", "kind", "code", "message"), TYPES)
async def test_what_a_body_says_that_it_is(
    api: Api, url: str, api_version: str, kind: str, code: int, message: str
) -> None:
    body = {**deployment("a"), "apiVersion": api_version, "kind": kind}
    if url == MAPS:
        body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}}
    answer = await api.post(url, body)
    assert answer.status == code, answer.text
    assert message in answer.json.get("message", "")
    if code == 201:
        assert answer.json["apiVersion"] in ("v1", "apps/v1")


# --- the order of findings ---------------------------------------------------------------------

UNKNOWN = {"zeta": 1, "selector": {"matchLabels": {"app": "a"}, "more": 1}, "alpha": 1}
IN_ORDER = ['unknown field "spec.zeta"', 'unknown field "spec.selector.more"',
            'unknown field "spec.alpha"']  # fmt: skip


async def test_json_is_looked_at_in_its_own_order_and_yaml_in_that_of_its_keys(api: Api) -> None:
    body = deployment("a")
    rest = {key: value for key, value in body["spec"].items() if key != "selector"}
    sent = orjson.dumps({**body, "spec": {**UNKNOWN, **rest}})
    assert texts(await post(api, f"{DEPLOYMENTS}?dryRun=All", sent)) == IN_ORDER
    # JSON is YAML too
    made = await post(api, f"{DEPLOYMENTS}?dryRun=All", sent, "application/yaml")
    assert made.status == 201, made.text
    assert texts(made) == [IN_ORDER[2], IN_ORDER[1], IN_ORDER[0]]


async def test_of_several_wrong_values_the_first_by_its_key_is_told_of_in_yaml(api: Api) -> None:
    body = {"metadata": {"name": "a"}, "immutable": "x", "data": []}
    in_json = (await post(api, MAPS, orjson.dumps(body))).json["message"]
    assert "ConfigMap.immutable of type bool" in in_json
    in_yaml = (await post(api, MAPS, orjson.dumps(body), "application/yaml")).json["message"]
    assert "ConfigMap.data of type" in in_yaml


async def test_what_a_patch_makes_is_looked_at_in_the_order_of_its_keys(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("a"))
    sorted_by_key = [IN_ORDER[2], IN_ORDER[1], IN_ORDER[0]]
    assert texts(await api.patch(f"{DEPLOYMENTS}/a", {"spec": UNKNOWN})) == sorted_by_key
    operations = [
        {"op": "add", "path": f"/spec/{path}", "value": 1}
        for path in ("zeta", "selector/more", "alpha")
    ]
    assert texts(await api.patch(f"{DEPLOYMENTS}/a", operations, "json")) == sorted_by_key
    wrong = {"spec": {"replicas": "x", "paused": "y"}}
    refused = await api.patch(f"{DEPLOYMENTS}/a", wrong)
    assert refused.json["message"].endswith("DeploymentSpec.spec.paused of type bool")


async def test_a_strategic_patch_may_have_whole_floats(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("a"))
    change = {"spec": {"replicas": 3.0, "more": 1}}
    patched = await api.patch(f"{DEPLOYMENTS}/a", change, "strategic")
    assert patched.status == 200, patched.text
    assert b'"replicas":3,' in patched.body
    assert texts(patched) == ['unknown field "spec.more"']
    assert (await api.patch(f"{DEPLOYMENTS}/a", change, "merge")).status == 422
    half = await api.patch(f"{DEPLOYMENTS}/a", {"spec": {"replicas": 3.5}}, "strategic")
    assert half.json["message"].endswith("cannot convert float64 to int32")


# --- patches to another version ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["merge", "json"])
async def test_a_patch_may_say_that_the_object_is_of_another_version(api: Api, kind: str) -> None:
    assert (await api.post(SCALERS, SCALER)).status == 201
    version, replicas = "autoscaling/v1", 5
    change: Any = {
        "apiVersion": version,
        "spec": {"maxReplicas": replicas, "targetCPUUtilizationPercentage": 70, "metrics": None},
    }
    if kind == "json":
        change = [
            {"op": "replace", "path": "/apiVersion", "value": version},
            {"op": "replace", "path": "/spec/maxReplicas", "value": replicas},
            {"op": "add", "path": "/spec/targetCPUUtilizationPercentage", "value": 70},
            {"op": "remove", "path": "/spec/metrics"},
        ]
    patched = await api.patch(f"{SCALERS}/h", change, kind)
    assert patched.status == 200, patched.text
    assert patched.json["apiVersion"] == "autoscaling/v2"
    assert patched.json["spec"]["maxReplicas"] == replicas
    (metric,) = patched.json["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 70


async def test_an_event_may_be_patched_as_one_of_the_other_group(api: Api) -> None:
    url = "/api/v1/namespaces/default/events"
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "message": "m"}
    assert (await api.post(url, event)).status == 201
    patched = await api.patch(f"{url}/e", {"apiVersion": "events.k8s.io/v1", "note": "n"})
    assert patched.status == 200, patched.text
    assert (patched.json["apiVersion"], patched.json["message"]) == ("v1", "n")


async def test_a_patch_to_a_version_that_is_not_there(api: Api) -> None:
    await api.post(SCALERS, SCALER)
    refused = await api.patch(f"{SCALERS}/h", {"apiVersion": "autoscaling/v3"})
    assert refused.status == 422
    assert 'is registered for version "autoscaling/v3"' in refused.json["message"]


# --- what is no patch, or no options -----------------------------------------------------------

NO_PATCHES: list[tuple[str, bytes, str, int, str]] = [
    ("json", b"null", "", 200, ""),
    ("strategic", b"null", "", 200, ""),
    ("merge", b"null", "", 400, "Invalid JSON Patch"),
    ("merge", b"null", "Ignore", 400, "Invalid JSON Patch"),
    ("merge", b'"x"', "Ignore", 400, "Invalid JSON Patch"),
    ("merge", b"[]", "Ignore", 422, "json: cannot unmarshal array into Go value of type struct"),
    ("merge", b"[]", "", 400, "error decoding patch: json: cannot unmarshal array into Go value of "
     "type map[string]interface {}"),
    ("strategic", b"[]", "Ignore", 400, "json: cannot unmarshal array into Go value of type map["),
    ("json", b"{", "Ignore", 400, "unexpected end of JSON input"),
    ("json", b"{", "", 400, "error decoding patch: unexpected end of JSON input"),
    ("json", b"{}", "Ignore", 400, "json: cannot unmarshal object into Go value of type "
     "jsonpatch.Patch"),
    ("json", b"[1]", "Ignore", 400, "json: cannot unmarshal number into Go value of type "
     "jsonpatch.Operation"),
    ("json", b'[{"op":1}]', "Ignore", 422, "the server rejected our request"),
    ("json", b'[{"op":1}]', "", 400, "Go struct field jsonPatchOp.op of type string"),
    ("json", b"[null]", "", 422, "the server rejected our request"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "validation", "code", "message"), NO_PATCHES)
async def test_bodies_that_are_hardly_patches(
    api: Api, kind: str, body: bytes, validation: str, code: int, message: str
) -> None:
    await api.post(MAPS, config_map("a", x="1"))
    query = f"?fieldValidation={validation}" if validation else ""
    answer = await api.patch(f"{MAPS}/a{query}", body, kind)
    assert answer.status == code, answer.text
    if code == 200:
        assert answer.json["data"] == {"x": "1"}
    else:
        assert message in answer.json["message"]
        if validation and code == 400:  # nothing in front of it
            assert answer.json["message"].startswith(message)


DELETE_OPTIONS: list[tuple[Any, int, str]] = [
    ({"kind": "DeleteOptions", "apiVersion": "apps/v1"}, 200, ""),
    ({"kind": "", "apiVersion": ""}, 200, ""),
    (
        {"kind": "Airship", "apiVersion": "v1"},
        500,
        'no kind "Airship" is registered for version "v1" in scheme',
    ),
    ({"kind": "ListOptions"}, 500, "decoded object cannot be converted to DeleteOptions"),
    ({"kind": 5}, 500, "json: cannot unmarshal number into Go struct field .kind of type string"),
]


@pytest.mark.parametrize(("body", "code", "message"), DELETE_OPTIONS)
async def test_the_kind_of_delete_options(api: Api, body: Any, code: int, message: str) -> None:
    await api.post(MAPS, config_map("a"))
    answer = await api.delete(f"{MAPS}/a", body)
    assert answer.status == code, answer.text
    assert message in answer.json.get("message", "")
    assert "reason" not in answer.json


async def test_options_within_an_eviction_may_say_anything_of_their_kind(api: Api) -> None:
    await api.post(PODS, pod("p"))
    eviction = {"metadata": {"name": "p"}, "deleteOptions": {"kind": "Airship"}}
    assert (await api.post(f"{PODS}/p/eviction", eviction)).status == 201


# --- large bodies ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["application/json", "application/yaml", PROTOBUF])
async def test_large_bodies_are_read_as_small_ones_are(api: Api, form: str) -> None:
    document = config_map("big", text="x" * LARGE, more="y")
    if form == PROTOBUF:
        sent = api.services.scopes.encoder.document(document)
    else:
        sent = orjson.dumps({**document, "unheard": 1})
    made = await post(api, MAPS, sent, form)
    assert made.status == 201, made.text
    assert made.json["data"] == document["data"]
    assert texts(made) == ([] if form == PROTOBUF else ['unknown field "unheard"'])
    twice = b'{"metadata":{"name":"t"},"data":{"a":"1"},"data":{"b":"%b"}}' % (b"x" * LARGE)
    made = await post(api, MAPS, twice)
    assert sorted(made.json["data"]) == ["a", "b"]
    assert texts(made) == ['duplicate field "data"']
    patched = await api.patch(f"{MAPS}/t", b'{"data":{"c":"%b"}}' % (b"x" * LARGE))
    assert sorted(patched.json["data"]) == ["a", "b", "c"]
    broken = await post(api, MAPS, sent[:-9], form)
    assert broken.status == 400


async def test_others_are_served_while_a_large_body_is_read(api: Api) -> None:
    envelope = api.services.scopes.encoder.document(config_map("a"))
    start = envelope[: envelope.index(b"ConfigMap") + len(b"ConfigMap")]
    fields = b"\xf8\x06\x00" * 500_000  # of a number that no message has
    raw = b"\x12" + varint(len(fields)) + fields
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await api.get("/api/v1/namespaces/default")
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        answer = await post(api, MAPS, start + raw, PROTOBUF)
        nursery.cancel_scope.cancel()
    assert answer.status == 422, answer.text  # no name
    assert turns > 5


async def test_more_than_an_object_may_hold_is_refused(api: Api) -> None:
    many = b'{"metadata":{"name":"p"},"spec":{"containers":[' + b"{}," * 60_000 + b"{}]}}"
    for form in ("application/json", "application/yaml"):
        refused = await post(api, PODS, many, form)
        assert refused.status == 400
        assert "more than 50000 objects or 250000 values" in refused.json["message"]
    await api.post(PODS, pod("p"))
    assert (await api.patch(f"{PODS}/p", many)).status == 400


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))

"""Bodies in protobuf through the whole pipeline: stored as if they had been JSON."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Answer, Api, config_map, deployment, pod

PROTOBUF = "application/vnd.kubernetes.protobuf"
HEADERS = {"content-type": PROTOBUF, "accept": f"{PROTOBUF},application/json"}
NAMESPACE = "/api/v1/namespaces/default"
MAPS = f"{NAMESPACE}/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def f(number: int, value: bytes | str | int) -> bytes:
    """One field of a message; nothing here is longer than 127 bytes or greater than 127."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    data = value.encode() if isinstance(value, str) else value
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def message(*fields: bytes) -> bytes:
    return b"".join(fields)


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + message(f(1, message(f(1, api_version), f(2, kind))), f(2, raw))


def config_map_bytes(name: str, **data: str) -> bytes:
    metadata = f(1, message(f(1, name), f(2, ""), f(3, ""), f(7, 0), f(8, b"")))
    entries = (f(2, message(f(1, key), f(2, value))) for key, value in data.items())
    return message(metadata, *entries)


async def send(api: Api, method: str, url: str, sent: bytes, **headers: str) -> Answer:
    return await api.request(method, url, sent, headers={**HEADERS, **headers})


def without_identity(obj: dict[str, Any]) -> dict[str, Any]:
    own = ("name", "uid", "resourceVersion", "creationTimestamp")
    kept = {key: value for key, value in obj["metadata"].items() if key not in own}
    return {**obj, "metadata": kept}


async def test_an_object_is_created_as_if_it_had_come_as_json(api: Api) -> None:
    created = await send(
        api, "POST", MAPS, body("v1", "ConfigMap", config_map_bytes("a", key="value", empty=""))
    )
    assert created.status == 201, created.text
    assert created.header("content-type") == "application/json"
    same = await api.post(MAPS, config_map("b", key="value", empty=""))
    assert without_identity(created.json) == without_identity(same.json)
    assert (await api.get(f"{MAPS}/a")).json == created.json


async def test_defaults_and_rules_apply(api: Api) -> None:
    labels = message(f(1, "app"), f(2, "web"))
    containers = f(2, message(f(1, "main"), f(2, "busybox"), f(8, b"")))
    template = message(f(1, f(11, labels)), f(2, containers))
    spec = message(f(1, 0), f(2, f(1, labels)), f(3, template), f(5, 0), f(7, 0))
    raw = message(f(1, f(1, "web")), f(2, spec), f(3, message(f(1, 0), f(2, 0))))
    created = await send(api, "POST", DEPLOYMENTS, body("apps/v1", "Deployment", raw))
    assert created.status == 201, created.text
    stored = created.json["spec"]
    assert stored["replicas"] == 0
    assert stored["progressDeadlineSeconds"] == 600
    assert stored["template"]["spec"]["restartPolicy"] == "Always"
    wrong = message(f(1, f(1, "bad")), f(2, message(f(2, f(1, labels)), f(3, b""))))
    refused = await send(api, "POST", DEPLOYMENTS, body("apps/v1", "Deployment", wrong))
    assert refused.status == 422
    assert refused.json["reason"] == "Invalid"


async def test_an_object_is_replaced(api: Api) -> None:
    await api.post(MAPS, config_map("a", key="old"))
    sent = body("v1", "ConfigMap", config_map_bytes("a", key="new"))
    updated = await send(api, "PUT", f"{MAPS}/a", sent)
    assert updated.status == 200, updated.text
    assert updated.json["data"] == {"key": "new"}


async def test_the_type_may_be_left_to_the_url_but_not_contradict_it(api: Api) -> None:
    assert (await send(api, "POST", MAPS, body("", "", config_map_bytes("a")))).status == 201
    other = await send(api, "POST", MAPS, body("v1", "Secret", config_map_bytes("b")))
    assert other.status == 400
    assert 'Secret in version "v1" cannot be handled as a ConfigMap' in other.json["message"]


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (
            b"{}",
            "the object provided is unrecognized (must be of type ConfigMap): provided data does "
            "not appear to be a protobuf message, expected prefix [107 56 115 0] ({})",
        ),
        (
            body("v1", "ConfigMap", b"\x0a\x63"),
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF',
        ),
    ],
)
async def test_other_bytes_are_a_bad_request(api: Api, sent: bytes, problem: str) -> None:
    answer = await send(api, "POST", MAPS, sent)
    assert answer.status == 400
    assert answer.header("content-type") == "application/json"
    assert answer.json["message"] == problem


async def test_bytes_of_another_kind_are_not_looked_at(api: Api) -> None:
    answer = await send(api, "POST", MAPS, body("v1", "Secret", f(2, 5)))
    assert answer.status == 400
    assert answer.json["message"] == (
        'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to '
        "(core.ConfigMap): unknown conversion"
    )


async def test_delete_options_come_as_protobuf_too(api: Api) -> None:
    created = await api.post(MAPS, config_map("a"))
    wrong = message(f(2, f(1, "another-uid")), f(4, "Background"))
    refused = await send(api, "DELETE", f"{MAPS}/a", body("v1", "DeleteOptions", wrong))
    assert refused.status == 409
    assert "the UID in the precondition (another-uid)" in refused.json["message"]
    right = message(f(2, f(1, created.json["metadata"]["uid"])))
    deleted = await send(api, "DELETE", f"{MAPS}/a", body("v1", "DeleteOptions", right))
    assert deleted.status == 200, deleted.text
    assert (await api.get(f"{MAPS}/a")).status == 404


async def test_grace_of_zero_is_not_no_grace(api: Api) -> None:
    await api.post(f"{NAMESPACE}/pods", pod("p"))
    sent = body("v1", "DeleteOptions", f(1, 0))
    assert (await send(api, "DELETE", f"{NAMESPACE}/pods/p", sent)).status == 200
    assert (await api.get(f"{NAMESPACE}/pods/p")).status == 404


async def test_subresources_with_a_kind_of_their_own(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("web", 1))
    scale = message(f(1, message(f(1, "web"), f(3, "default"))), f(2, f(1, 0)))
    url = f"{DEPLOYMENTS}/web/scale"
    scaled = await send(api, "PUT", url, body("autoscaling/v1", "Scale", scale))
    assert scaled.status == 200, scaled.text
    assert (await api.get(f"{DEPLOYMENTS}/web")).json["spec"]["replicas"] == 0

    await api.post(f"{NAMESPACE}/pods", pod("p"))
    binding = message(f(1, f(1, "p")), f(2, message(f(1, "Node"), f(3, "n1"))))
    bound = await send(api, "POST", f"{NAMESPACE}/pods/p/binding", body("v1", "Binding", binding))
    assert bound.status == 201, bound.text
    assert (await api.get(f"{NAMESPACE}/pods/p")).json["spec"]["nodeName"] == "n1"

    eviction = message(f(1, message(f(1, "p"), f(3, "default"))), f(2, f(1, 0)))
    evicted = await send(
        api, "POST", f"{NAMESPACE}/pods/p/eviction", body("policy/v1", "Eviction", eviction)
    )
    assert evicted.status == 201, evicted.text
    assert (await api.get(f"{NAMESPACE}/pods/p")).status == 404


async def test_other_media_types_are_told_what_is_accepted(api: Api) -> None:
    answer = await api.post(MAPS, config_map("a"), headers={"content-type": "text/plain"})
    assert answer.status == 415
    assert answer.json["message"] == (
        "the body of the request was in an unknown format - accepted media types include: "
        f"application/json, application/yaml, {PROTOBUF}"
    )


async def test_objects_that_could_not_be_written_again_are_refused(api: Api) -> None:
    deep = b'{"apiVersion":"v1","kind":"ConfigMap","x":' + b"[" * 500 + b"]" * 500 + b"}"
    answer = await api.post(MAPS, deep)
    assert answer.status == 400
    assert "exceeded max depth" in answer.json["message"]

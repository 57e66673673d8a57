"""Bodies that are wrong somewhere: their sender is told so (4xx), and that is all."""

from __future__ import annotations

import copy
import logging
import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from api_world import Api, config_map, deployment, pod

from kapiserver.errors import MAX_CAUSES

JSON, YAML = "application/json", "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MERGE = "application/merge-patch+json"
DEFAULT = "/namespaces/default"

NAMED = {
    "name": "a",
    "namespace": "default",
    "uid": "x",
    "resourceVersion": "1",
    "generateName": "g",
    "labels": {"a": "b"},
    "annotations": {"c": "d"},
    "finalizers": ["f"],
    "ownerReferences": [{"name": "x"}],
    "managedFields": [{"manager": "m"}],
    "creationTimestamp": None,
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": NAMED,
    "spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"a": "b"}},
}
# What is fine, and where it goes.
SENT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "config map": ("POST", f"/api/v1{DEFAULT}/configmaps", config_map("new", key="value")),
    "pod": ("POST", f"/api/v1{DEFAULT}/pods", pod("new", labels={"a": "b"})),
    "deployment": ("PUT", f"/apis/apps/v1{DEFAULT}/deployments/a", deployment("a")),
    "status": ("PUT", f"/apis/apps/v1{DEFAULT}/deployments/a/status", deployment("a")),
    "service": ("POST", f"/api/v1{DEFAULT}/services", SERVICE),
    "binding": (
        "POST",
        f"/api/v1{DEFAULT}/pods/a/binding",
        {"apiVersion": "v1", "kind": "Binding", "metadata": NAMED, "target": {"name": "n"}},
    ),
    "named binding": (
        "POST",
        f"/api/v1{DEFAULT}/bindings",
        {"apiVersion": "v1", "kind": "Binding", "metadata": NAMED, "target": {"name": "n"}},
    ),
    "eviction": (
        "POST",
        f"/api/v1{DEFAULT}/pods/a/eviction",
        {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": NAMED,
            "deleteOptions": {"preconditions": {"uid": "x"}, "dryRun": ["All"]},
        },
    ),
    "scale": (
        "PUT",
        f"/apis/apps/v1{DEFAULT}/deployments/a/scale",
        {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": NAMED, "spec": {}},
    ),
    "scale patch": (
        "PATCH",
        f"/apis/apps/v1{DEFAULT}/deployments/a/scale",
        {"metadata": NAMED, "spec": {"replicas": 1}},
    ),
    "token": (
        "POST",
        f"/api/v1{DEFAULT}/serviceaccounts/a/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": "a"},
            "spec": {"audiences": ["x"], "boundObjectRef": {"kind": "Pod", "name": "a"}},
        },
    ),
    "access review": (
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "u", "extra": {"a": ["b"]}, "resourceAttributes": {"verb": "get"}},
        },
    ),
    "delete options": (
        "DELETE",
        f"/api/v1{DEFAULT}/configmaps/a",
        {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}},
    ),
}
STRANGE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1 << 31, (1 << 64) - 1, 1.5, 1e308),
    *("", "x" * 300, "\0", "\r\n", "é\u2028", "[", "9" * 5000, "2020-13-45T99:99:99Z", "%zz"),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": 5}, {"a": [{}]}),
)
TRIES = 120


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    below = document
    for key in path[:-1]:
        below = below[key]
    below[path[-1]] = value
    return document


def damaged(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(4, len(out))
        noise = chance.randbytes(chance.randint(0, 5))
        out[at : at + chance.randint(0, 5)] = noise
    return bytes(out)


def bodies(api: Api, what: str) -> Iterator[tuple[str, bytes]]:
    """Content types and bodies, each with something strange in it."""
    method, _, document = SENT[what]
    chance = random.Random(what)
    everywhere = list(places(document))
    encoded = b""
    if method != "PATCH":
        encoded = api.services.scopes.encoder.document(document)
    for _ in range(TRIES):
        sent = orjson.dumps(changed(document, chance.choice(everywhere), chance.choice(STRANGE)))
        kind = MERGE if method == "PATCH" else chance.choice((JSON, JSON, YAML, PROTOBUF))
        yield kind, damaged(encoded, chance) if kind == PROTOBUF else sent


@pytest.mark.parametrize("what", SENT)
async def test_what_is_wrong_is_the_clients_fault(
    api: Api, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    await api.post(f"/api/v1{DEFAULT}/pods", pod("a"))
    await api.post(f"/apis/apps/v1{DEFAULT}/deployments", deployment("a"))
    await api.post(f"/api/v1{DEFAULT}/serviceaccounts", {"metadata": {"name": "a"}})
    method, url, _ = SENT[what]
    with caplog.at_level(logging.ERROR):
        for kind, sent in bodies(api, what):
            answer = await api.request(method, url, sent, headers={"content-type": kind})
            # some errors are none of upstream's classes: it answers 500 without a reason
            foreseen = answer.status < 500 or "reason" not in answer.json
            assert foreseen, (kind, sent, answer.text)
            for _, value in answer.headers:
                assert value.isascii()
                assert not {*b"\r\n"} & {*value}
    assert not caplog.records


@pytest.mark.parametrize(
    ("what", "field", "value", "problem"),
    [
        ("binding", "target", "n", "string into Go struct field Binding.target of type"),
        ("eviction", "deleteOptions", [], "array into Go struct field Eviction.deleteOptions of"),
        ("scale", "spec", 5, "number into Go struct field Scale.spec of type"),
        ("token", "spec", True, "bool into Go struct field TokenRequest.spec of type"),
    ],
)
async def test_subresources_check_types_as_resources_do(
    api: Api, what: str, field: str, value: Any, problem: str
) -> None:
    method, url, document = SENT[what]
    await api.post(f"/apis/apps/v1{DEFAULT}/deployments", deployment("a"))
    answer = await api.request(method, url, {**document, field: value})
    assert answer.status == 400
    assert f"json: cannot unmarshal {problem}" in answer.json["message"]


async def test_subresources_are_strict_when_asked_to(api: Api) -> None:
    method, url, document = SENT["binding"]
    sent = {**document, "more": 1}
    refused = await api.request(method, f"{url}?fieldValidation=Strict", sent)
    assert (refused.status, refused.json["message"]) == (
        400,
        'Binding in version "v1" cannot be handled as a Binding: strict decoding error: unknown '
        'field "more"',
    )
    assert (await api.request(method, url, sent)).warnings


async def test_evictions_of_the_older_version_are_taken(api: Api) -> None:
    await api.post(f"/api/v1{DEFAULT}/pods", pod("a"))
    sent = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "a"}}
    assert (await api.post(f"/api/v1{DEFAULT}/pods/a/eviction", sent)).status == 201
    other = await api.post(f"/api/v1{DEFAULT}/pods/a/eviction", {**sent, "apiVersion": "apps/v1"})
    assert other.status == 400


async def test_a_small_body_cannot_make_a_huge_answer(api: Api) -> None:
    many = {**pod("a"), "spec": {"containers": [{}] * 5000}}
    answer = await api.post(f"/api/v1{DEFAULT}/pods", many)
    assert answer.status == 422
    assert len(answer.json["details"]["causes"]) == MAX_CAUSES
    assert len(answer.body) < 1_000_000
    assert answer.json["message"].endswith(" more]")

"""Strategic merge patch on real types: golden cases per directive, and properties."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kapiserver.api.patches import strategic
from kapiserver.api.patches.patch_values import StrategicPatchError
from kapiserver.resources.schema import PatchNode, SchemaSet


@pytest.fixture(scope="module")
def schemas() -> SchemaSet:
    return SchemaSet.load()


@pytest.fixture(scope="module")
def pod(schemas: SchemaSet) -> PatchNode:
    return schemas.patch_meta("io.k8s.api.core.v1.Pod")


def containers(*named: str) -> list[dict[str, Any]]:
    return [{"name": name, "image": f"{name}:1"} for name in named]


def run(pod: PatchNode, document: Any, patch: Any) -> Any:
    return strategic.apply(orjson.loads(orjson.dumps(document)), patch, pod)


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


# what, document, patch, result (all below spec)
GOLDEN: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        "fields merge",
        {"a1": 1, "hostNetwork": True},
        {"hostPID": True},
        {"a1": 1, "hostNetwork": True, "hostPID": True},
    ),
    ("null removes", {"nodeName": "n", "hostPID": True}, {"nodeName": None}, {"hostPID": True}),
    ("null of nothing", {}, {"nodeName": None}, {}),
    (
        "items merge by key and keep the place",
        {"containers": containers("a", "b", "c")},
        {"containers": [{"name": "b", "image": "b:2"}]},
        {
            "containers": [
                {"name": "a", "image": "a:1"},
                {"name": "b", "image": "b:2"},
                {"name": "c", "image": "c:1"},
            ]
        },
    ),
    (
        "new items come before those that follow",
        {"containers": containers("a")},
        {"containers": containers("z")},
        {"containers": containers("z", "a")},
    ),
    (
        "items are deleted by key",
        {"containers": containers("a", "b")},
        {"containers": [{"$patch": "delete", "name": "a"}]},
        {"containers": containers("b")},
    ),
    (
        "deleting what is not there",
        {"containers": containers("a")},
        {"containers": [{"$patch": "delete", "name": "x"}]},
        {"containers": containers("a")},
    ),
    (
        "a list is replaced on request",
        {"containers": containers("a", "b")},
        {"containers": [{"$patch": "replace"}, *containers("c")]},
        {"containers": containers("c")},
    ),
    (
        "an object is replaced on request",
        {"securityContext": {"runAsUser": 1, "runAsGroup": 2}},
        {"securityContext": {"$patch": "replace", "runAsUser": 3}},
        {"securityContext": {"runAsUser": 3}},
    ),
    (
        "an object is emptied on request",
        {"securityContext": {"runAsUser": 1}},
        {"securityContext": {"$patch": "delete"}},
        {"securityContext": {}},
    ),
    (
        "the order can be set",
        {"containers": containers("a", "b", "c")},
        {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "b"}]},
        {"containers": containers("c", "a", "b")},
    ),
    (
        "the order of kubectl apply: server-only items keep their place",
        {"containers": containers("a", "server", "b")},
        {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "new"}],
            "containers": containers("new"),
        },
        {"containers": containers("a", "server", "b", "new")},
    ),
    (
        "union keys that are not named are dropped",
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {
            "volumes": [
                {"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}
            ]
        },
        {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
    ),
    (
        "lists without a strategy are replaced",
        {"tolerations": [{"key": "a"}]},
        {"tolerations": [{"key": "b"}]},
        {"tolerations": [{"key": "b"}]},
    ),
    (
        "maps merge",
        {"nodeSelector": {"a": "1", "b": "2"}},
        {"nodeSelector": {"b": None, "c": "3"}},
        {"nodeSelector": {"a": "1", "c": "3"}},
    ),
    (
        "directives in what is new leave no trace",
        {},
        {"containers": [{"name": "a", "ports": [{"$patch": "replace"}], "image": None}]},
        {"containers": [{"name": "a", "ports": []}]},
    ),
    (
        "directives on objects that are not there",
        {},
        {"securityContext": {"$patch": "replace", "runAsUser": 1}},
        {},
    ),
    (
        "but they stay in items that are new in a list",
        {"containers": containers("a")},
        {"containers": [{"name": "b", "ports": [{"$patch": "replace"}]}]},
        {"containers": [{"name": "b", "ports": [{"$patch": "replace"}]}, *containers("a")]},
    ),
    (
        "and in lists that are replaced",
        {"tolerations": [{"key": "a"}]},
        {"tolerations": [{"$patch": "replace"}, {"key": "b"}]},
        {"tolerations": [{"$patch": "replace"}, {"key": "b"}]},
    ),
    (
        "a new list is not looked at: an item needs no key, and may come twice",
        {},
        {"containers": [{"image": "x"}, {"name": "a"}, {"name": "a"}]},
        {"containers": [{"image": "x"}, {"name": "a"}, {"name": "a"}]},
    ),
    (
        "a new item takes the place of a deleted one, so it comes last",
        {"containers": containers("a", "server")},
        {
            "$setElementOrder/containers": [{"name": "z"}],
            "containers": [*containers("z"), {"$patch": "delete", "name": "a"}],
        },
        {"containers": containers("server", "z")},
    ),
    (
        "an order that names nothing: new items go before what they meet",
        {"tolerations": []},
        {"$setElementOrder/containers": [], "containers": [{"name": "a"}, {"name": "b"}]},
        {"tolerations": [], "containers": [{"name": "b"}, {"name": "a"}]},
    ),
    ("a list of values that is null goes", {"a": [1]}, {"$deleteFromPrimitiveList/a": None}, {}),
    ("values of nothing", {}, {"$deleteFromPrimitiveList/a": ["x"]}, {}),
    (
        "values to delete that are no list",
        {"containers": []},
        {"$deleteFromPrimitiveList/containers": "x"},
        {"containers": []},
    ),
]


@pytest.mark.parametrize(
    ("what", "document", "patch", "expected"), GOLDEN, ids=lambda v: str(v)[:30]
)
def test_golden(
    pod: PatchNode, what: str, document: Any, patch: Any, expected: dict[str, Any]
) -> None:
    assert run(pod, {"spec": document}, {"spec": patch}) == {"spec": expected}, what


def test_plain_lists_merge_and_lose_values_on_request(pod: PatchNode) -> None:
    document = {"metadata": {"finalizers": ["a/1", "b/2"]}}
    patch = {"metadata": {"finalizers": ["c/3", "a/1"]}}
    merged = run(pod, document, patch)["metadata"]["finalizers"]
    assert sorted(merged) == ["a/1", "b/2", "c/3"]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/1", "x/9"]}}
    assert run(pod, document, patch)["metadata"]["finalizers"] == ["b/2"]


def test_nested_lists_merge_by_their_own_key(pod: PatchNode) -> None:
    document = {
        "spec": {
            "containers": [
                {"name": "a", "ports": [{"containerPort": 80, "name": "http"}], "env": []},
            ]
        }
    }
    patch = {
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "ports": [{"containerPort": 80, "name": "web"}, {"containerPort": 443}],
                }
            ]
        }
    }
    (container,) = run(pod, document, patch)["spec"]["containers"]
    ports = {port["containerPort"]: port.get("name") for port in container["ports"]}
    assert ports == {80: "web", 443: None}


ERRORS: list[tuple[dict[str, Any], str]] = [
    (
        {"containers": [{"image": "x"}]},
        "map: map[image:x] does not contain declared merge key: name",
    ),
    ({"$patch": "explode"}, "unknown patch type: explode in map: map[$patch:explode]"),
    ({"$retainKeys": "type", "type": "x"}, "invalid patch format of retainKeys"),
    ({"$retainKeys": ["a"], "hostPID": True}, "invalid patch format of retainKeys"),
    ({"$setElementOrder/containers": "a"}, "expected a []interface {}, but received a string"),
    ({"$setElementOrder": ["a"]}, "invalid patch format of setElementOrder list"),
    ({"$deleteFromPrimitiveListX/a": ["a"]}, "invalid patch format of primitive list"),
    (
        {"$setElementOrder/nope": []},
        'unable to find api field in struct PodSpec for the json field "nope"',
    ),
    ({"$setElementOrder/hostname": []}, "expected slice or array type, but got: struct"),
    (
        {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
            "containers": [{"name": "a"}, {"name": "b"}],
        },
        "the order in patch list:\n[map[name:a] map[name:b]]\n doesn't match $setElementOrder "
        "list:\n[map[name:b] map[name:a]]",
    ),
    ({"$patch": "merge"}, "unknown patch type: merge in map: map[$patch:merge]"),
    ({"$patch": 1}, "unknown patch type: %!s(int64=1) in map: map[$patch:1]"),
    (
        {"containers": [{"name": "a", "$patch": "merge"}]},
        "merging lists cannot yet be specified in the patch",
    ),
    ({"containers": [[]]}, "list element types are not identical: [[map[image:a:1 name:a]] [[]]]"),
    (
        {"containers": [{"name": "a"}, "b"]},
        "list element types are not identical: [[map[image:a:1 name:a]] [map[name:a] b]]",
    ),
]


@pytest.mark.parametrize(("patch", "message"), ERRORS)
def test_malformed_patches(pod: PatchNode, patch: dict[str, Any], message: str) -> None:
    with pytest.raises(StrategicPatchError) as caught:
        run(pod, spec(containers=containers("a")), {"spec": patch})
    assert str(caught.value) == message


def test_long_lists_are_merged_in_time(pod: PatchNode) -> None:
    old, new = containers(*map(str, range(20_000))), containers(*map(str, range(10_000, 30_000)))
    merged = run(pod, spec(containers=old), spec(containers=new))["spec"]["containers"]
    assert [item["name"] for item in merged] == [str(number) for number in range(30_000)]
    gone = [{"name": item["name"], "$patch": "delete"} for item in new]
    left = run(pod, spec(containers=old), spec(containers=gone))["spec"]["containers"]
    assert left == old[:10_000]


def test_objects_in_maps_cannot_be_merged_strategically(schemas: SchemaSet) -> None:
    """As upstream: there is no struct to ask how their fields merge."""
    revision = schemas.patch_meta("io.k8s.api.apps.v1.ControllerRevision")
    data = {"data": {"spec": {"a": 1}}}
    assert run(revision, data, {"data": {"x": {"b": 1}}})["data"]["x"] == {"b": 1}
    with pytest.raises(StrategicPatchError) as caught:
        run(revision, data, {"data": {"spec": {"a": 2}}})
    assert str(caught.value) == (
        'unable to find api field in struct RawExtension for the json field "spec"'
    )
    slices = schemas.patch_meta("io.k8s.api.certificates.v1.CertificateSigningRequest")
    extra = {"spec": {"extra": {"a": ["1"]}}}
    with pytest.raises(StrategicPatchError) as caught:
        run(slices, extra, {"spec": {"extra": {"a": ["2"]}}})
    assert str(caught.value) == (
        "merging an object in json but data type is not struct, instead is: map"
    )


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(NAMES, NAMES)
@settings(deadline=None)
def test_merging_keeps_everything_once(original: list[str], patch: list[str]) -> None:
    meta = _pod_meta()
    merged = run(meta, spec(containers=containers(*original)), spec(containers=containers(*patch)))
    found = [c["name"] for c in merged["spec"]["containers"]]
    assert sorted(found) == sorted({*original, *patch})
    assert [n for n in found if n in patch] == patch  # the patch's order holds
    others = [n for n in original if n not in patch]
    assert [n for n in found if n in others] == others  # and the document's among the rest


@given(NAMES, NAMES)
@settings(deadline=None)
def test_applying_twice_is_applying_once(original: list[str], patch: list[str]) -> None:
    meta = _pod_meta()
    once = run(meta, spec(containers=containers(*original)), spec(containers=containers(*patch)))
    twice = run(meta, once, spec(containers=containers(*patch)))
    assert twice == once


_metas: list[PatchNode] = []


def _pod_meta() -> PatchNode:
    if not _metas:
        _metas.append(SchemaSet.load().patch_meta("io.k8s.api.core.v1.Pod"))
    return _metas[0]

"""Discovery: the shapes and facts that clients build on, compared with upstream's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from kapiserver.api.discovery import Discovery
from kapiserver.errors import MethodNotAllowed, NotAcceptable, NotFound
from kapiserver.request import Connection, Request, Response
from kapiserver.resources.registry import Registry, builtin_registry

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
KUBECTL = f"{AGGREGATED},application/json"
ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
EDIT = ["get", "patch", "update"]


def request(path: str, method: str = "GET", **headers: str) -> Request:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    connection = Connection(("127.0.0.1", 50000), ("127.0.0.1", 6443), None)
    return Request(method, path, b"", sent, connection, "1.1", None)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return builtin_registry()


@pytest.fixture
def discovery(registry: Registry) -> Discovery:
    return Discovery(registry)


def ask(discovery: Discovery, path: str, **headers: str) -> Response:
    found = discovery.respond(path.strip("/").split("/"), request(path, **headers))
    assert found is not None
    return found


def body(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return orjson.loads(response.body)


def header(response: Response, name: bytes) -> str:
    return dict(response.headers)[name].decode()


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {resource["name"]: resource for resource in document["resources"]}


def test_the_core_api_names_its_version_and_the_address_of_the_server(discovery: Discovery) -> None:
    answer = ask(discovery, "/api")
    assert answer.body == (
        b'{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":'
        b'[{"clientCIDR":"0.0.0.0/0","serverAddress":"127.0.0.1:6443"}]}\n'
    )


def test_groups_are_listed_with_their_versions_preferred_first(discovery: Discovery) -> None:
    document = body(ask(discovery, "/apis"))
    assert list(document) == ["kind", "apiVersion", "groups"]
    groups = {group["name"]: group for group in document["groups"]}
    assert "" not in groups
    assert groups["autoscaling"] == {
        "name": "autoscaling",
        "versions": [
            {"groupVersion": "autoscaling/v2", "version": "v2"},
            {"groupVersion": "autoscaling/v1", "version": "v1"},
        ],
        "preferredVersion": {"groupVersion": "autoscaling/v2", "version": "v2"},
    }
    assert body(ask(discovery, "/apis/apps")) == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        **groups["apps"],
    }


def test_core_resources_are_upstreams(discovery: Discovery) -> None:
    document = body(ask(discovery, "/api/v1"))
    assert list(document) == ["kind", "groupVersion", "resources"]
    names = [resource["name"] for resource in document["resources"]]
    assert names == sorted(names)
    resources = by_name(document)
    assert resources["pods"] == {
        "name": "pods",
        "singularName": "pod",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ALL,
        "shortNames": ["po"],
        "categories": ["all"],
        "storageVersionHash": "xPOwRZ+Yhw8=",
    }
    assert list(resources["pods"]) == [
        "name",
        "singularName",
        "namespaced",
        "kind",
        "verbs",
        "shortNames",
        "categories",
        "storageVersionHash",
    ]
    assert resources["pods/eviction"] == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }
    assert resources["bindings"]["verbs"] == ["create"]
    assert "storageVersionHash" not in resources["bindings"]
    assert "deletecollection" not in resources["namespaces"]["verbs"]
    hashes = {
        name: r["storageVersionHash"]
        for name, r in resources.items()
        if "/" not in name and "storageVersionHash" in r
    }
    assert hashes == {
        "configmaps": "qFsyl6wFWjQ=",
        "endpoints": "fWeeMqaN/OA=",
        "events": "r2yiGXH7wu8=",
        "limitranges": "EBKMFVe6cwo=",
        "namespaces": "Q3oi5N2YM8M=",
        "nodes": "XwShjMxG9Fs=",
        "persistentvolumeclaims": "QWTyNDq0dC4=",
        "persistentvolumes": "HN/zwEC+JgM=",
        "pods": "xPOwRZ+Yhw8=",
        "podtemplates": "LIXB2x4IFpk=",
        "replicationcontrollers": "Jond2If31h0=",
        "resourcequotas": "8uhSgffRX6w=",
        "secrets": "S6u1pOWzb84=",
        "serviceaccounts": "pbx9ZvyFpBE=",
        "services": "0/CO1lhkEBI=",
    }


def test_apps_resources_are_upstreams(discovery: Discovery) -> None:
    document = body(ask(discovery, "/apis/apps/v1"))
    assert list(document) == ["kind", "apiVersion", "groupVersion", "resources"]
    resources = by_name(document)
    assert list(resources) == [
        "controllerrevisions",
        "daemonsets",
        "daemonsets/status",
        "deployments",
        "deployments/scale",
        "deployments/status",
        "replicasets",
        "replicasets/scale",
        "replicasets/status",
        "statefulsets",
        "statefulsets/scale",
        "statefulsets/status",
    ]
    assert resources["deployments"]["storageVersionHash"] == "8aSe+NMegvE="
    assert resources["deployments"]["shortNames"] == ["deploy"]
    assert resources["deployments/scale"] == {
        "name": "deployments/scale",
        "singularName": "",
        "namespaced": True,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": EDIT,
    }


def test_both_versions_of_autoscaling_are_stored_in_one(discovery: Discovery) -> None:
    for version in ("v1", "v2"):
        scalers = by_name(body(ask(discovery, f"/apis/autoscaling/{version}")))
        assert list(scalers) == ["horizontalpodautoscalers", "horizontalpodautoscalers/status"]
        assert scalers["horizontalpodautoscalers"]["storageVersionHash"] == "qwQve8ut294="


HASHES = {
    "admissionregistration.k8s.io/v1/mutatingadmissionpolicies": "mHCkTKpUTrE=",
    "apiextensions.k8s.io/v1/customresourcedefinitions": "jfWCUB31mvA=",
    "apiregistration.k8s.io/v1/apiservices": "InPBPD7+PqM=",
    "certificates.k8s.io/v1/certificatesigningrequests": "95fRKMXA+00=",
    "certificates.k8s.io/v1/podcertificaterequests": "wYA9yXQH8fg=",
    "events.k8s.io/v1/events": "r2yiGXH7wu8=",
    "resource.k8s.io/v1/resourceclaims": "wgAZaHcZxUg=",
    "storage.k8s.io/v1/volumeattributesclasses": "tIjydgKBC5w=",
    "storagemigration.k8s.io/v1/storageversionmigrations": "pCjmmKOkLy4=",
}


@pytest.mark.parametrize("path", HASHES)
def test_hashes_are_those_that_clients_know_from_upstream(discovery: Discovery, path: str) -> None:
    """Kinds that are new in v1, and definitions, are stored in an older version there."""
    group_version, _, plural = path.rpartition("/")
    resources = by_name(body(ask(discovery, f"/apis/{group_version}")))
    assert resources[plural]["storageVersionHash"] == HASHES[path]


def test_the_aggregated_document_holds_everything_in_one_answer(discovery: Discovery) -> None:
    answer = ask(discovery, "/apis", accept=KUBECTL)
    assert header(answer, b"content-type") == AGGREGATED
    assert header(answer, b"vary") == "Accept"
    document = body(answer)
    assert (document["kind"], document["apiVersion"], document["metadata"]) == (
        "APIGroupDiscoveryList",
        "apidiscovery.k8s.io/v2",
        {},
    )
    groups = {item["metadata"]["name"]: item for item in document["items"]}
    apps = groups["apps"]["versions"]
    assert [(v["version"], v["freshness"]) for v in apps] == [("v1", "Current")]
    deployments = next(r for r in apps[0]["resources"] if r["resource"] == "deployments")
    assert deployments == {
        "resource": "deployments",
        "responseKind": {"group": "", "version": "", "kind": "Deployment"},
        "scope": "Namespaced",
        "singularResource": "deployment",
        "verbs": ALL,
        "shortNames": ["deploy"],
        "categories": ["all"],
        "subresources": [
            {
                "subresource": "scale",
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                "verbs": EDIT,
            },
            {
                "subresource": "status",
                "responseKind": {"group": "", "version": "", "kind": "Deployment"},
                "verbs": EDIT,
            },
        ],
    }
    core = body(ask(discovery, "/api", accept=KUBECTL))
    assert [item["metadata"] for item in core["items"]] == [{}]


def test_the_aggregated_document_wins_over_an_earlier_plain_type(discovery: Discovery) -> None:
    answer = ask(discovery, "/apis", accept=f"application/json,{AGGREGATED}")
    assert body(answer)["kind"] == "APIGroupDiscoveryList"
    local = ask(discovery, "/apis", accept=f"{AGGREGATED};profile=local")
    assert body(local)["kind"] == "APIGroupDiscoveryList"


def test_other_aggregated_versions_are_not_known(discovery: Discovery) -> None:
    older = AGGREGATED.replace("v=v2", "v=v2beta1")
    with pytest.raises(NotAcceptable):
        ask(discovery, "/apis", accept=older)
    assert body(ask(discovery, "/apis", accept=f"{older},application/json"))["groups"]
    unknown = ask(discovery, "/apis", accept=f"{AGGREGATED.replace('v=v2', 'v=v9')},*/*")
    assert body(unknown)["kind"] == "APIGroupList"


@pytest.mark.parametrize("path", ["/apis", "/api", "/apis/apps/v1"])
def test_a_client_that_has_the_document_is_told_so(discovery: Discovery, path: str) -> None:
    etag = header(ask(discovery, path, accept=KUBECTL), b"etag")
    again = ask(discovery, path, accept=KUBECTL, if_none_match=etag)
    assert (again.status, again.body) == (304, b"")
    assert header(again, b"etag") == etag


def test_documents_follow_the_registry() -> None:
    registry = builtin_registry()
    discovery = Discovery(registry)
    before = ask(discovery, "/apis", accept=KUBECTL)
    found = registry.lookup("apps", "v1", "deployments")
    assert found is not None
    registry.add(replace(found[0], group="example.com", plural="widgets", kind="Widget"))
    after = ask(discovery, "/apis", accept=KUBECTL, if_none_match=header(before, b"etag"))
    assert after.status == 200
    assert body(after)["items"][-1]["metadata"] == {"name": "example.com"}
    assert "widgets" in by_name(body(ask(discovery, "/apis/example.com/v1")))


def test_what_is_not_served_is_no_document(discovery: Discovery) -> None:
    for path in ("/apis/nope", "/apis/nope/v1", "/apis/nope/v1/things", "/version"):
        assert discovery.respond(path.strip("/").split("/"), request(path)) is None
    for path in ("/apis/apps/v9", "/api/v2", "/apis/apps/v1/deployments/", "/api/v1//pods"):
        with pytest.raises(NotFound):  # the router's, below what it has
            discovery.respond(path.strip("/").split("/"), request(path))


def test_unmade_requests_leave_nothing_behind(discovery: Discovery) -> None:
    for number in range(1000):
        path = f"/apis/group{number}/v1"
        assert discovery.respond(path.strip("/").split("/"), request(path)) is None
    assert len(discovery._documents) == 0


def test_yaml_is_served_and_protobuf_refused(discovery: Discovery) -> None:
    answer = ask(discovery, "/apis/apps", accept="application/yaml")
    assert header(answer, b"content-type") == "application/yaml"
    assert isinstance(answer.body, bytes)
    assert b"kind: APIGroup" in answer.body
    with pytest.raises(NotAcceptable):
        ask(discovery, "/apis/apps", accept="application/vnd.kubernetes.protobuf")
    fallback = "application/vnd.kubernetes.protobuf,application/json"
    assert ask(discovery, "/apis/apps", accept=fallback).status == 200


def test_documents_can_only_be_read(discovery: Discovery) -> None:
    for method in ("HEAD", "POST"):
        for path in (["api"], ["api", "v1"], ["apis", "apps", "v1"]):
            with pytest.raises(MethodNotAllowed):
                discovery.respond(path, request("/" + "/".join(path), method))
    # these two have no route upstream, and look at no method
    for path in (["apis"], ["apis", "apps"]):
        found = discovery.respond(path, request("/" + "/".join(path), "POST"))
        assert found is not None
        assert found.status == 200

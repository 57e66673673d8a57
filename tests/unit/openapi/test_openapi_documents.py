"""OpenAPI documents: well-formed, complete, cheap to ask for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from kapiserver.api.openapi import OpenAPI
from kapiserver.request import Connection, Request, Response
from kapiserver.resources.definition import Version
from kapiserver.resources.registry import Registry, builtin_registry
from kapiserver.resources.schema import SchemaSet

METHODS = ("get", "put", "post", "delete", "patch")


def request(target: str, method: str = "GET", **headers: str) -> Request:
    path, _, query = target.partition("?")
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    connection = Connection(("127.0.0.1", 50000), ("127.0.0.1", 6443), None)
    return Request(method, path, query.encode(), sent, connection, "1.1", None)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return builtin_registry()


@pytest.fixture(scope="module")
def openapi(registry: Registry, schemas: SchemaSet) -> OpenAPI:
    return OpenAPI(registry, schemas)


def ask(openapi: OpenAPI, target: str, **headers: str) -> Response:
    found = openapi.respond(request(target, **headers))
    assert found is not None
    return found


def body(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return orjson.loads(response.body)


def header(response: Response, name: bytes) -> str:
    return dict(response.headers)[name].decode()


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from refs(below)
    elif isinstance(value, list):
        for below in value:
            yield from refs(below)


def resolves(document: dict[str, Any], ref: str) -> bool:
    place: Any = document
    for part in ref.removeprefix("#/").split("/"):
        if part not in place:
            return False
        place = place[part]
    return True


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, item, item[method]


def index(openapi: OpenAPI) -> dict[str, str]:
    paths = body(ask(openapi, "/openapi/v3"))["paths"]
    return {key: entry["serverRelativeURL"] for key, entry in paths.items()}


@pytest.fixture(scope="module")
def v2(openapi: OpenAPI) -> dict[str, Any]:
    document: dict[str, Any] = body(ask(openapi, "/openapi/v2"))
    return document


@pytest.fixture(scope="module")
def apps(openapi: OpenAPI) -> dict[str, Any]:
    document: dict[str, Any] = body(ask(openapi, "/openapi/v3/apis/apps/v1"))
    return document


def test_every_reference_resolves(openapi: OpenAPI, v2: dict[str, Any]) -> None:
    documents = [v2] + [body(ask(openapi, url)) for url in index(openapi).values()]
    for document in documents:
        dangling = {ref for ref in refs(document) if not resolves(document, ref)}
        assert dangling == set()


def test_operation_ids_are_unique_and_path_parameters_declared(v2: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(v2)]
    assert len(ids) == len(set(ids))
    for path, item, operation in operations(v2):
        declared = item.get("parameters", []) + operation.get("parameters", [])
        names = {p["name"] if "name" in p else p["$ref"].rsplit("-", 1)[1] for p in declared}
        wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert wanted <= names, path


def test_every_registered_resource_has_its_paths(v2: dict[str, Any], registry: Registry) -> None:
    for definition in registry.definitions():
        for version in definition.versions:
            root = f"/apis/{definition.group}" if definition.group else "/api"
            scope = "/namespaces/{namespace}" if definition.namespaced else ""
            collection = f"{root}/{version.name}{scope}/{definition.plural}"
            item = v2["paths"].get(collection, {})
            assert ("get" in item) == ("list" in definition.verbs), collection
            assert ("post" in item) == ("create" in definition.verbs), collection
            for sub in definition.subresources:
                assert f"{collection}/{{name}}/{sub.name}" in v2["paths"]


def test_operations_are_named_and_marked_as_upstream_does(v2: dict[str, Any]) -> None:
    paths = v2["paths"]
    deployments = paths["/apis/apps/v1/namespaces/{namespace}/deployments"]
    assert deployments["get"]["operationId"] == "listAppsV1NamespacedDeployment"
    assert deployments["get"]["x-kubernetes-action"] == "list"
    assert deployments["get"]["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "kind": "Deployment",
        "version": "v1",
    }
    assert deployments["delete"]["operationId"] == "deleteAppsV1CollectionNamespacedDeployment"
    assert deployments["post"]["tags"] == ["apps_v1"]
    names = {
        "/api/v1/pods": ("get", "listCoreV1PodForAllNamespaces"),
        "/api/v1/nodes/{name}": ("get", "readCoreV1Node"),
        "/api/v1/namespaces/{namespace}/pods/{name}/exec": (
            "post",
            "connectCoreV1PostNamespacedPodExec",
        ),
        "/api/v1/namespaces/{namespace}/pods/{name}/log": ("get", "readCoreV1NamespacedPodLog"),
        "/api/v1/namespaces/{namespace}/pods/{name}/eviction": (
            "post",
            "createCoreV1NamespacedPodEviction",
        ),
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}": (
            "put",
            "replaceRbacAuthorizationV1ClusterRole",
        ),
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale": (
            "patch",
            "patchAppsV1NamespacedDeploymentScale",
        ),
        "/apis/apps/v1/": ("get", "getAppsV1APIResources"),
        "/apis/apps/": ("get", "getAppsAPIGroup"),
        "/api/v1/watch/pods": ("get", "watchCoreV1PodListForAllNamespaces"),
        "/api/v1/watch/namespaces/{namespace}/pods": ("get", "watchCoreV1NamespacedPodList"),
        "/api/v1/watch/namespaces/{namespace}/pods/{name}": ("get", "watchCoreV1NamespacedPod"),
        "/api/v1/watch/nodes": ("get", "watchCoreV1NodeList"),
        "/api/v1/watch/nodes/{name}": ("get", "watchCoreV1Node"),
    }
    for path, (method, name) in names.items():
        assert paths[path][method]["operationId"] == name


def test_answers_are_of_the_type_that_comes(v2: dict[str, Any]) -> None:
    paths = v2["paths"]
    types = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    streams = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]
    pod = paths["/api/v1/namespaces/{namespace}/pods/{name}"]
    assert pod["get"]["produces"] == types
    assert pod["delete"]["responses"]["200"]["schema"]["$ref"].endswith("core.v1.Pod")
    maps = paths["/api/v1/namespaces/{namespace}/configmaps/{name}"]
    assert maps["delete"]["responses"]["200"]["schema"]["$ref"].endswith("meta.v1.Status")
    assert paths["/api/v1/pods"]["get"]["produces"] == types + streams
    watch = paths["/api/v1/watch/pods"]["get"]
    assert watch["produces"] == types + streams
    assert watch["x-kubernetes-action"] == "watchlist"
    assert watch["responses"]["200"]["schema"]["$ref"].endswith("meta.v1.WatchEvent")
    assert "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent" in v2["definitions"]
    one = paths["/api/v1/watch/nodes/{name}"]
    assert one["get"]["x-kubernetes-action"] == "watch"
    assert one["get"]["x-kubernetes-group-version-kind"]["kind"] == "Node"


def test_proxies_pass_every_method(v2: dict[str, Any]) -> None:
    proxy = v2["paths"]["/api/v1/nodes/{name}/proxy/{path}"]
    methods = {"get", "post", "put", "patch", "delete", "head", "options"}
    assert proxy.keys() - {"parameters"} == methods
    assert proxy["head"]["operationId"] == "connectCoreV1HeadNodeProxyWithPath"
    places = [parameter.get("$ref", "") for parameter in proxy["parameters"]]
    assert {"#/parameters/path-path", "#/parameters/query-path"} <= set(places)
    execute = v2["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/exec"]
    assert execute.keys() == {"get", "post", "parameters"}


def test_documents_beside_the_api(openapi: OpenAPI, v2: dict[str, Any]) -> None:
    for key in ("version", ".well-known/openid-configuration", "openid/v1/jwks"):
        assert f"/{key}/" in v2["paths"]
        assert body(ask(openapi, index(openapi)[key]))["paths"].keys() == {f"/{key}/"}


def test_schemas_keep_upstreams_extensions(apps: dict[str, Any], v2: dict[str, Any]) -> None:
    schemas = apps["components"]["schemas"]
    deployment = schemas["io.k8s.api.apps.v1.Deployment"]
    assert deployment["x-kubernetes-group-version-kind"] == [
        {"group": "apps", "kind": "Deployment", "version": "v1"}
    ]
    assert deployment["properties"]["spec"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}
    ]
    assert deployment["properties"]["metadata"]["default"] == {}
    port = schemas["io.k8s.api.core.v1.ContainerPort"]["properties"]
    assert port["protocol"]["default"] == "TCP"
    assert port["containerPort"]["default"] == 0
    either = schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    assert either["oneOf"] == [{"type": "integer"}, {"type": "string"}]
    old = v2["definitions"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    assert (old["type"], old["format"]) == ("string", "int-or-string")
    containers = v2["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert "default" not in orjson.dumps(v2["definitions"]["io.k8s.api.core.v1.Service"]).decode()


def test_patches_say_which_parameters_the_server_knows(apps: dict[str, Any]) -> None:
    patch = apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert {p["name"] for p in patch["parameters"]} == {
        "dryRun",
        "fieldManager",
        "fieldValidation",
        "force",
    }
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]


def test_addresses_with_a_hash_never_go_stale(openapi: OpenAPI) -> None:
    url = index(openapi)["apis/apps/v1"]
    named = ask(openapi, url)
    assert header(named, b"cache-control") == "public, immutable"
    assert "expires" in {name.decode() for name, _ in named.headers}
    digest = url.partition("hash=")[2]
    assert header(named, b"etag") == f'"{digest}"'
    outdated = ask(openapi, "/openapi/v3/apis/apps/v1?hash=ABC")
    assert (outdated.status, header(outdated, b"location")) == (301, url)
    plain = ask(openapi, "/openapi/v3/apis/apps/v1")
    assert header(plain, b"cache-control") == "no-cache, private"
    assert plain.body == named.body


@pytest.mark.parametrize("target", ["/openapi/v2", "/openapi/v3", "/openapi/v3/api/v1"])
def test_a_client_that_has_the_document_is_told_so(openapi: OpenAPI, target: str) -> None:
    etag = header(ask(openapi, target), b"etag")
    assert ask(openapi, target, if_none_match=etag).status == 304


def test_a_new_resource_changes_its_own_document_and_no_other(schemas: SchemaSet) -> None:
    registry = builtin_registry()
    openapi = OpenAPI(registry, schemas)
    before = index(openapi)
    found = registry.lookup("apps", "v1", "deployments")
    assert found is not None
    name = "com.example.v1.Widget"
    schemas.define(
        name,
        {
            "type": "object",
            "properties": {
                "metadata": {
                    "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
                },
                "size": {"type": "integer"},
            },
        },
    )
    try:
        widget = replace(
            found[0],
            group="example.com",
            plural="widgets",
            kind="Widget",
            versions=(Version("v1", name),),
            subresources=(),
        )
        registry.add(widget)
        after = index(openapi)
        assert {key: url for key, url in after.items() if key in before} == before
        document = body(ask(openapi, after["apis/example.com/v1"]))
        assert document["components"]["schemas"][name]["properties"]["size"] == {"type": "integer"}
        patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]
        content = patch["patch"]["requestBody"]["content"]
        assert "application/strategic-merge-patch+json" not in content
        assert name in body(ask(openapi, "/openapi/v2"))["definitions"]
        registry.remove(widget)
        assert index(openapi) == before
    finally:
        schemas.forget(name)


async def test_warming_makes_the_same_document(registry: Registry, schemas: SchemaSet) -> None:
    warmed = OpenAPI(registry, schemas)
    await warmed.warm()
    cold = OpenAPI(registry, schemas)
    assert ask(warmed, "/openapi/v2").body == ask(cold, "/openapi/v2").body


def test_what_is_not_there_is_no_document(openapi: OpenAPI) -> None:
    for target in ("/openapi", "/openapi/v4", "/openapi/v2/", "/openapi/v3x", "/api"):
        assert openapi.respond(request(target)) is None
    for target in ("/openapi/v3/", "/openapi/v3/apis/nope/v1"):
        answer = ask(openapi, target)
        assert (answer.status, answer.body) == (404, b"")


def test_protobuf_alone_is_refused_but_for_v2(openapi: OpenAPI) -> None:
    only = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"
    refused = ask(openapi, "/openapi/v3/apis/apps/v1", accept=only)
    assert (refused.status, refused.body) == (406, b"")
    assert ask(openapi, "/openapi/v2", accept="text/html").status == 406
    assert ask(openapi, "/openapi/v3", accept="text/html").status == 200
    assert ask(openapi, "/openapi/v3", accept=f"{only}, application/json").status == 200

"""RequestInfo is read from method, path and query by kube-apiserver's rules."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from kapiserver.errors import BadRequest
from kapiserver.pipeline.request_info import NoResource, parse

# method, path, query → verb, prefix, group, version, namespace, resource, subresource, name
RESOURCES = [
    ("GET", "/api/v1/namespaces", "", "list api  v1  namespaces  "),
    ("GET", "/api/v1/namespaces/other", "", "get api  v1 other namespaces  other"),
    ("GET", "/api/v1/namespaces/other/pods", "", "list api  v1 other pods  "),
    ("GET", "/api/v1/namespaces/other/pods/foo", "", "get api  v1 other pods  foo"),
    ("HEAD", "/api/v1/namespaces/other/pods/foo", "", "get api  v1 other pods  foo"),
    ("GET", "/api/v1/pods", "", "list api  v1  pods  "),
    ("HEAD", "/api/v1/pods", "", "list api  v1  pods  "),
    ("GET", "/api/v1/pods", "watch=true", "watch api  v1  pods  "),
    ("GET", "/api/v1/pods", "watch", "watch api  v1  pods  "),
    ("GET", "/api/v1/pods", "watch=False", "list api  v1  pods  "),
    ("GET", "/api/v1/pods", "watch=0", "list api  v1  pods  "),
    ("GET", "/api/v1/watch/pods", "", "watch api  v1  pods  "),
    ("GET", "/api/v1/watch/namespaces/x/pods", "", "watch api  v1 x pods  "),
    ("GET", "/api/v1/watch/namespaces/x/pods/p", "", "watch api  v1 x pods  p"),
    ("PUT", "/api/v1/namespaces/x/status", "", "update api  v1 x namespaces status x"),
    ("PUT", "/api/v1/namespaces/x/finalize", "", "update api  v1 x namespaces finalize x"),
    ("GET", "/api/v1/namespaces/x/pods/p/log", "", "get api  v1 x pods log p"),
    ("GET", "/api/v1/namespaces/x/pods/p/proxy/a/b", "", "get api  v1 x pods proxy p"),
    ("POST", "/api/v1/namespaces/x/pods", "", "create api  v1 x pods  "),
    ("PATCH", "/api/v1/namespaces/x/pods/p", "", "patch api  v1 x pods  p"),
    ("DELETE", "/api/v1/namespaces/x/pods/p", "", "delete api  v1 x pods  p"),
    ("DELETE", "/api/v1/namespaces/x/pods", "", "deletecollection api  v1 x pods  "),
    ("GET", "/apis/apps/v1/deployments", "", "list apis apps v1  deployments  "),
    ("PUT", "/apis/a.b/v1/namespaces/x/ds/d/scale", "", "update apis a.b v1 x ds scale d"),
    ("GET", "/api/v1/pods", "fieldSelector=metadata.name%3Dfoo", "list api  v1  pods  foo"),
    ("GET", "/api/v1/pods", "watch=1&fieldSelector=metadata.name==foo", "watch api  v1  pods  foo"),
    ("GET", "/api/v1/pods", "fieldSelector=metadata.name!=foo", "list api  v1  pods  "),
    ("GET", "/api/v1/pods", "fieldSelector=metadata.name=a/b", "list api  v1  pods  "),
    ("OPTIONS", "/api/v1/pods", "", " api  v1  pods  "),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "expected"), RESOURCES)
def test_resource_paths(method: str, path: str, query: str, expected: str) -> None:
    info = parse(method, path, query.encode())
    assert info.is_resource_request
    got = [
        info.verb,
        info.prefix,
        info.group,
        info.version,
        info.namespace,
        info.resource,
        info.subresource,
        info.name,
    ]
    assert got == expected.split(" ")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/healthz",
        "/version",
        "/readyz/ping",
        "/apidocs/a/b/c",
        "/api/v1//pods",
    ],
)
def test_other_paths_keep_the_http_method_as_verb(path: str) -> None:
    info = parse("GET", path)
    assert not info.is_resource_request
    assert info.verb == "get"
    assert info.path == path


@pytest.mark.parametrize("path", ["/api/v1/namespaces/../pods", "/api/v1/pods/.", "/.."])
def test_dot_segments_are_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        parse("GET", path)


def test_watch_prefix_without_a_resource_is_refused() -> None:
    with pytest.raises(NoResource) as caught:
        parse("GET", "/api/v1/watch/")
    assert caught.value.code == 500
    assert caught.value.message.endswith(
        "unable to determine kind and namespace from url, /api/v1/watch/"
    )


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("metadata.name=a", "a"),
        ("metadata.name==a", "a"),
        ("metadata.name!=a", ""),
        ("spec.x=y,metadata.name=a", "a"),
        ("metadata.name=a,nonsense", ""),
        ("metadata.name=a\\,b", "a,b"),
        ("metadata.name=a/b", ""),
        ("metadata.name=..", ""),
        ("metadata.name=", ""),
    ],
)
def test_a_selector_that_can_be_read_may_name_the_object(selector: str, name: str) -> None:
    query = urlencode({"fieldSelector": selector, "watch": "1"}).encode()
    info = parse("GET", "/apis/group/version/resource", query)
    assert (info.verb, info.name) == ("watch", name)

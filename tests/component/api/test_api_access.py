"""Who may do what: authentication, authorization, health, discovery, the paths that are open."""

from __future__ import annotations

import pytest
from api_world import Api, config_map

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_without_credentials_only_health_and_version_are_open(api: Api) -> None:
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert (await api.get(path, token="")).status == 200
    refused = await api.get("/api/v1/namespaces/default/pods", token="")
    assert refused.status == 403
    assert refused.json["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" '
        'in the namespace "default"'
    )
    assert (await api.get("/apis", token="")).status == 403


async def test_a_wrong_token_is_401_even_where_anonymous_is_allowed(api: Api) -> None:
    refused = await api.get("/healthz", token="guessed")
    assert refused.status == 401
    assert refused.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


async def test_known_users_may_discover_and_no_more(api: Api) -> None:
    for path in ("/api", "/apis", "/api/v1", "/apis/apps/v1"):
        assert (await api.get(path, token="jane-token")).status == 200
    refused = await api.get(f"{MAPS}/a", token="jane-token")
    assert refused.json["message"] == (
        'configmaps "a" is forbidden: User "jane" cannot get resource "configmaps" in API group "" '
        'in the namespace "default"'
    )
    assert refused.json["details"] == {"name": "a", "kind": "configmaps"}
    scale = "/apis/apps/v1/namespaces/default/deployments/d/scale"
    refused = await api.patch(scale, {}, token="jane-token")
    assert refused.json["message"] == (
        'deployments.apps "d" is forbidden: User "jane" cannot patch resource "deployments/scale" '
        'in API group "apps" in the namespace "default"'
    )
    refused = await api.get("/metrics", token="jane-token")
    assert refused.json["message"] == 'forbidden: User "jane" cannot get path "/metrics"'


async def test_a_token_behind_two_spaces_is_told_of(api: Api) -> None:
    answer = await api.get(MAPS, token="", headers={"authorization": "Bearer  admin-token"})
    assert answer.status == 403
    assert 'User "system:anonymous"' in answer.json["message"]
    assert answer.warnings == [
        '299 - "the provided Authorization header contains extra space before the bearer token, '
        'and is ignored"'
    ]
    assert (await api.get(MAPS, token="admin-token x")).status == 200


async def test_being_refused_comes_before_anything_else(api: Api) -> None:
    refused = await api.post(MAPS, config_map("Not Valid"), token="jane-token")
    assert refused.status == 403


async def test_health_in_detail(api: Api) -> None:
    assert (await api.get("/readyz")).text == "ok"
    verbose = await api.get("/livez?verbose")
    assert verbose.text == "[+]ping ok\nlivez check passed\n"
    assert (await api.get("/healthz/ping")).text == "ok"
    assert (await api.get("/healthz/nonsense")).status == 404
    assert (await api.get("/healthz/")).status == 404
    assert (await api.post("/healthz", {})).text == "ok"  # no route, so no method is refused


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces",
        "/api/v1/namespaces/default",
        "/api/v1/namespaces/default/pods?watch=true",
        "/api/v1/namespaces/default/pods/none",
        "/api/v1/namespaces/default/pods/none/status",
        "/api/v1/watch/namespaces",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    ],
)
async def test_resources_have_no_head_and_no_options(api: Api, method: str, path: str) -> None:
    answer = await api.request(method, path)
    assert (answer.status, answer.json["reason"]) == (405, "MethodNotAllowed")
    assert (await api.post("/api/v1/watch/namespaces", {})).status == 405
    # who may not read an object is not told more by asking for its head
    assert (await api.request(method, path, token="jane-token")).status in (403, 405)


async def test_the_version_is_kubernetes_and_ours(api: Api) -> None:
    version = (await api.get("/version")).json
    assert (version["major"], version["minor"]) == ("1", "37")
    assert version["gitVersion"].startswith("v1.37.0+kapi-")


async def test_the_root_lists_the_paths(api: Api) -> None:
    paths = (await api.get("/")).json["paths"]
    assert {"/api", "/api/v1", "/apis/apps/v1", "/healthz", "/version"} <= set(paths)


REVIEWS = "/apis/authorization.k8s.io/v1"


async def test_people_may_ask_what_they_may_do(api: Api) -> None:
    question = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    url = f"{REVIEWS}/selfsubjectaccessreviews"
    jane = await api.post(url, question, token="jane-token")
    assert jane.status == 201
    assert jane.json["kind"] == "SelfSubjectAccessReview"
    assert jane.json["status"] == {"allowed": False}
    [asked] = jane.json["metadata"]["managedFields"]
    assert asked["fieldsV1"] == {
        "f:spec": {"f:resourceAttributes": {".": {}, "f:resource": {}, "f:verb": {}}}
    }
    assert (await api.post(url, question)).json["status"] == {"allowed": True}
    path = {"spec": {"nonResourceAttributes": {"verb": "get", "path": "/healthz"}}}
    assert (await api.post(url, path, token="jane-token")).json["status"] == {"allowed": True}
    nothing = await api.post(url, {"spec": {}})
    assert nothing.status == 422
    assert nothing.json["message"] == (
        'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: '
        'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be '
        "specified"
    )
    assert (await api.post(url, question, token="")).status == 403


async def test_asking_about_others_is_for_those_who_may(api: Api) -> None:
    question = {
        "spec": {
            "user": "bob",
            "groups": ["system:masters"],
            "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"},
        }
    }
    url = f"{REVIEWS}/subjectaccessreviews"
    assert (await api.post(url, question)).json["status"] == {"allowed": True}
    assert (await api.post(url, question, token="jane-token")).status == 403
    local = f"{REVIEWS}/namespaces/{{}}/localsubjectaccessreviews"
    assert (await api.post(local.format("default"), question)).status == 201
    elsewhere = await api.post(local.format("other"), question)
    assert elsewhere.status == 422
    assert elsewhere.json["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: "default": must match metadata.namespace',
            "field": "spec.resourceAttributes.namespace",
        }
    ]
    nobody = {"spec": {"nonResourceAttributes": {"verb": "get", "path": "/"}}}
    assert "spec.user: Invalid value" in (await api.post(url, nobody)).json["message"]


async def test_who_am_i(api: Api) -> None:
    url = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    answer = (await api.post(url, {"metadata": {"name": "me"}}, token="jane-token")).json
    assert set(answer) == {"kind", "apiVersion", "metadata", "status"}
    assert set(answer["metadata"]) == {"creationTimestamp"}
    assert answer["status"]["userInfo"] == {
        "username": "jane",
        "uid": "2",
        "groups": ["developers", "system:authenticated"],
    }


async def test_a_selector_that_cannot_be_used_is_told_of(api: Api) -> None:
    asked = {"verb": "list", "resource": "pods", "fieldSelector": {"rawSelector": "a"}}
    answer = await api.post(
        f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": asked}}
    )
    assert answer.json["status"] == {
        "allowed": True,
        "evaluationError": "spec.resourceAttributes.fieldSelector ignored due to parse error",
    }


async def test_what_a_question_says_of_itself_is_not_told_back(api: Api) -> None:
    """Rules come without what was asked; ids of a question are for the server to give."""
    rules = await api.post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
    assert (rules.json["metadata"], rules.json["spec"]) == ({}, {})
    question = {
        "metadata": {"uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nonResourceAttributes": {"verb": "get", "path": "/"}},
    }
    answer = await api.post(f"{REVIEWS}/selfsubjectaccessreviews", question)
    assert answer.status == 201
    assert set(answer.json["metadata"]) == {"managedFields"}

"""Who answers what: upstream's router, its plain handlers, or nobody; and what is said before the
request is looked at any closer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from api_world import Api, config_map

from kapiserver.api.paths import Paths
from kapiserver.api.router import ResourceRouter
from kapiserver.pipeline.dispatcher import PipelineDispatcher

MAPS = "/api/v1/namespaces/default/configmaps"
OBJECTS = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
LISTS = (
    f"{OBJECTS}, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
)
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


@pytest.mark.parametrize(
    ("method", "path", "produced"),
    [
        ("GET", MAPS, LISTS),
        ("GET", f"{MAPS}?watch=1", LISTS),
        ("GET", "/api/v1/watch/configmaps", LISTS),
        ("GET", f"{MAPS}/none", OBJECTS),
        ("POST", MAPS, OBJECTS),
        ("DELETE", MAPS, OBJECTS),
        ("GET", "/api/v1/namespaces/default/pods/none/log", f"text/plain, {OBJECTS}"),
        ("GET", "/api", OBJECTS),
        ("GET", "/apis/apps/v1", OBJECTS),
        ("GET", "/version", "application/json"),
    ],
)
async def test_what_a_route_does_not_produce(
    api: Api, method: str, path: str, produced: str
) -> None:
    answer = await api.request(method, path, headers={"accept": "text/html"})
    assert answer.status == 406
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"406: Not Acceptable\n\nAvailable representations: {produced}",
        "reason": "NotAcceptable",
        "details": {},
        "code": 406,
    }
    # nothing that is accepted could be sent, so it is what people can read
    assert answer.body.startswith(b'{\n  "kind"')


async def test_the_list_of_groups_has_no_route(api: Api) -> None:
    answer = await api.get("/apis", headers={"accept": "text/html"})
    assert answer.json["message"] == f"only the following media types are accepted: {OBJECTS}"


async def test_a_watch_is_refused_if_yaml_is_liked_best(api: Api) -> None:
    accept = {"accept": "application/yaml,application/json"}
    answer = await api.get(f"{MAPS}?watch=1", headers=accept)
    assert answer.status == 406
    assert "application/json;stream=watch" in answer.text
    assert (await api.get(MAPS, headers=accept)).header("content-type") == "application/yaml"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/pods", 405),
        ("POST", "/api/v1/bindings", 404),
        ("GET", "/api/v1/namespaces/default/bindings", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews/a", 404),
        ("DELETE", "/api/v1/componentstatuses/scheduler", 405),
        ("GET", "/api/v1/watch/componentstatuses", 404),
        ("GET", "/api/v1/proxy/nodes/a", 404),
        ("POST", "/api/v1/proxy/namespaces/default/pods/a", 404),
        ("GET", "/api/v1/watch/namespaces/default/pods/a/status", 404),
    ],
)
async def test_a_path_is_there_if_something_can_be_asked_of_it(
    api: Api, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    assert (answer.status, answer.json["details"]) == (status, {})


async def test_a_list_that_cannot_be_watched(api: Api) -> None:
    answer = await api.get("/api/v1/componentstatuses?watch=1")
    assert (answer.status, answer.json["message"]) == (
        405,
        'watch is not supported on resources of kind "componentstatuses"',
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2",
        "/api/v1/things",
        "/api/v1//pods",
        "/apis/apps/v9",
        "/version/x",
        "/openid/v1/jwks/x",
    ],
)
async def test_below_what_the_router_knows_a_404_is_a_status(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.status == 404
    assert answer.json["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize("path", ["/nothing", "/apis/none", "/healthz/", "/openapi/v2/", "/openid"])
async def test_elsewhere_it_is_plain_text(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status, answer.text) == (404, "404 page not found\n")


async def test_slashes_at_the_end_do_not_matter_to_the_router(api: Api) -> None:
    for path in ("/api/", "/api/v1/", "/apis/apps/", "/version/", "/openid/v1/jwks/", f"{MAPS}/"):
        assert (await api.get(path)).status == 200, path


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/apis/apps/v1", "/version"])
async def test_routes_are_for_get(api: Api, path: str) -> None:
    for method in ("HEAD", "OPTIONS", "POST"):
        assert (await api.request(method, path)).status == 405


async def test_the_index_lists_paths_that_are_answered(api: Api) -> None:
    index = await api.get("/index.html")
    assert index.body == (await api.get("/")).body
    paths = index.json["paths"]
    assert paths == sorted(paths)
    assert {"/api/v1", "/apis/apps/v1", "/healthz/ping", "/livez", "/openid/v1/jwks"} <= set(paths)
    for path in paths:
        assert (await api.get(path)).status == 200, path


@pytest.mark.parametrize("token", ["admin-token", "nobody"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_timeout_that_is_none_is_told_to_anybody(api: Api, method: str, token: str) -> None:
    answer = await api.request(method, f"{MAPS}?timeout=soon", token=token)
    assert (answer.status, answer.json["message"]) == (
        400,
        'invalid timeout specified in the request URL - time: invalid duration "soon"',
    )


async def test_timeouts_that_mean_none(api: Api) -> None:
    for timeout in ("0", "0s", "-1s", "1000h", ""):
        assert (await api.get(f"{MAPS}?timeout={timeout}")).status == 200


async def test_what_lasts_does_not_look_at_the_timeout(api: Api) -> None:
    await api.watch(f"{MAPS}?watch=1&timeout=soon")
    log = await api.get("/api/v1/namespaces/default/pods/none/log?timeout=soon")
    assert log.status == 404


async def test_a_watch_of_no_time_at_all_ends_at_once(api: Api) -> None:
    events = await api.watch(f"{MAPS}?watch=1&timeoutSeconds=-1")
    await events.ended.wait()


async def test_a_number_that_is_too_big_is_out_of_range(api: Api) -> None:
    for number in ("9223372036854775808", "-9223372036854775809"):
        answer = await api.get(f"{MAPS}?limit={number}")
        assert answer.json["message"] == (
            f'strconv.ParseInt: parsing "{number}": value out of range'
        )
    assert (await api.get(f"{MAPS}?limit=9223372036854775807")).status == 200


async def test_rows_with_an_unknown_object(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    for path in (MAPS, f"{MAPS}/a", f"{MAPS}?watch=1"):
        sign = "&" if "?" in path else "?"
        answer = await api.get(f"{path}{sign}includeObject=Half", headers=TABLE)
        assert (answer.status, answer.json["message"]) == (
            400,
            'Unable to convert to Table as requested: includeObject: Invalid value: "Half": '
            "must be 'Metadata', 'Object', 'None', or empty",
        )


async def test_an_empty_name_or_namespace_selects_nothing(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    for selector in (
        "metadata.name=",
        "metadata.namespace=",
        "metadata.name=a,metadata.namespace=",
        "metadata.name=a,metadata.name=b",
        "metadata.namespace=kube-system,metadata.name=a",
    ):
        for path in (MAPS, "/api/v1/configmaps"):
            if path != MAPS and "kube-system" in selector:
                continue
            answer = await api.get(f"{path}?fieldSelector={selector}")
            assert answer.json["items"] == [], (path, selector)


@pytest.mark.parametrize(
    ("token", "position"), [("x", 0), ("abc!", 3), ("abcd=", 4), ("abcde", 4), ("+bcd", 0)]
)
async def test_a_token_that_is_no_base64(api: Api, token: str, position: int) -> None:
    answer = await api.get(f"{MAPS}?continue={token.replace('+', '%2B')}")
    assert answer.json["message"] == (
        "invalid continue token: continue key is not valid: "
        f"illegal base64 data at input byte {position}"
    )


async def test_a_name_that_cannot_be_one(api: Api) -> None:
    answer = await api.get(f"{MAPS}/a%b")
    assert (answer.status, answer.json["message"]) == (
        400,
        "Name parameter invalid: \"a%b\": may not contain '%'",
    )


async def test_a_refusal_is_no_markup(api: Api) -> None:
    answer = await api.get("/<script>&", token="jane-token")
    assert answer.header("x-content-type-options") == "nosniff"
    assert (answer.status, answer.json["details"], answer.json["message"]) == (
        403,
        {},
        'forbidden: User "jane" cannot get path "/&lt;script&gt;&amp;"',
    )


async def test_a_watch_lasts_as_long_as_the_server_says(api: Api) -> None:
    api.services = replace(api.services, watch_seconds=0.01)
    router = ResourceRouter(api.services)
    api.dispatcher = PipelineDispatcher([], router, Paths({}, list))
    events = await api.watch(f"{MAPS}?watch=1")
    await events.ended.wait()


async def test_a_watch_of_nothing_fails_as_upstream(api: Api) -> None:
    answer = await api.get("/api/v1/watch")
    assert (answer.status, answer.header("content-type")) == (500, "text/plain; charset=utf-8")
    assert answer.text == (
        'Internal Server Error: "/api/v1/watch": failed to create RequestInfo: '
        "unable to determine kind and namespace from url, /api/v1/watch\n"
    )


async def test_bookmarks_are_empty_objects_of_their_type(api: Api) -> None:
    events = await api.watch(
        "/apis/rbac.authorization.k8s.io/v1/roles?watch=1&allowWatchBookmarks=1"
        "&fieldSelector=metadata.name=none"
    )
    (bookmark,) = await events.wait_for(1)
    assert list(bookmark["object"]) == ["kind", "apiVersion", "metadata", "rules"]
    assert list(bookmark["object"]["metadata"]) == ["resourceVersion", "annotations"]


async def test_yaml_has_its_keys_in_order(api: Api) -> None:
    await api.post(MAPS, config_map("a", z="1", b="2"))
    yaml = {"accept": "application/yaml"}
    for path in (MAPS, f"{MAPS}/a", f"{MAPS}/none", "/apis/apps"):
        text = (await api.get(path, headers=yaml)).text
        top = [line.partition(":")[0] for line in text.splitlines() if line[0] not in " -"]
        assert top == sorted(top), text
        assert top[0] == "apiVersion"


@pytest.mark.parametrize(
    ("version", "why"), [("x", "invalid syntax"), ("18446744073709551616", "value out of range")]
)
async def test_a_revision_of_a_read_that_is_none(api: Api, version: str, why: str) -> None:
    number = f'"{version}"'
    text = f"resourceVersion: Invalid value: {number}: strconv.ParseUint: parsing {number}: {why}"
    for path, code, message in (
        (f"{MAPS}/a", 500, text),
        (f"{MAPS}?watch=1", 500, text),
        (MAPS, 400, f"invalid resource version: {text}"),
    ):
        sign = "&" if "?" in path else "?"
        answer = (await api.get(f"{path}{sign}resourceVersion={version}")).json
        assert (answer["code"], answer["message"]) == (code, message)
        assert answer.get("reason") == ("BadRequest" if code == 400 else None)

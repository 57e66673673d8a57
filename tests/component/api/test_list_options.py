"""Every combination of the options of list and watch: what is answered, and what is refused.

The rules are those of apimachinery's ValidateListOptions, of the storage layer's, and of the table
in "Kubernetes API Concepts"; the words are upstream's.
"""

from __future__ import annotations

import base64
from itertools import product

import orjson
import pytest
import trio
from api_world import Answer, Api, config_map

MAPS = "/api/v1/namespaces/default/configmaps"
ALL = "/api/v1/configmaps"
INVALID = 'ListOptions.meta.k8s.io "" is invalid: '
MATCH = "resourceVersionMatch: "
FUTURE = "999999999"


async def write(api: Api, *names: str) -> int:
    """Create config maps; the revision of the last."""
    version = 0
    for name in names:
        answer = await api.post(MAPS, config_map(name))
        assert answer.status == 201, answer.text
        version = int(answer.json["metadata"]["resourceVersion"])
    return version


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json["items"]]


def token_of(**fields: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(fields)).rstrip(b"=").decode()


def list_causes(version: str, match: str, initial: str, token: str) -> list[str]:
    """ValidateListOptions, for a list."""
    causes = []
    if match:
        if not version:
            causes.append(
                f"{MATCH}Forbidden: resourceVersionMatch is forbidden unless "
                "resourceVersion is provided"
            )
        if token:
            causes.append(
                f"{MATCH}Forbidden: resourceVersionMatch is forbidden when continue is provided"
            )
        if match not in ("Exact", "NotOlderThan"):
            causes.append(
                f'{MATCH}Unsupported value: "{match}": supported values: "Exact", '
                '"NotOlderThan", ""'
            )
        if match == "Exact" and version == "0":
            causes.append(
                f'{MATCH}Forbidden: resourceVersionMatch "exact" is forbidden for '
                'resourceVersion "0"'
            )
    if initial:
        causes.append("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list")
    return causes


def watch_causes(version: str, match: str, initial: str, token: str) -> list[str]:
    """ValidateListOptions, for a watch, after the defaults of a watch without a revision."""
    if not match and not initial and version in ("", "0"):
        match, initial = "NotOlderThan", "true"
    causes = []
    if initial and match != "NotOlderThan":
        causes.append(
            f"{MATCH}Forbidden: sendInitialEvents requires setting resourceVersionMatch "
            "to NotOlderThan"
        )
    if match:
        if not initial:
            causes.append(
                f"{MATCH}Forbidden: resourceVersionMatch is forbidden for watch unless "
                "sendInitialEvents is provided"
            )
        if match != "NotOlderThan":
            causes.append(f'{MATCH}Unsupported value: "{match}": supported values: "NotOlderThan"')
        if token:
            causes.append(
                f"{MATCH}Forbidden: resourceVersionMatch is forbidden when continue is provided"
            )
    return causes


def aggregate(causes: list[str]) -> str:
    return causes[0] if len(causes) == 1 else f"[{', '.join(causes)}]"


async def test_every_combination_of_options_of_a_list(api: Api) -> None:
    first = await write(api, "a")
    last = await write(api, "b", "c")
    good = token_of(v="meta.k8s.io/v1", rv=last, start="a\0")
    options = product(
        ("", "0", str(first), str(last), "x"),
        ("", "Exact", "NotOlderThan", "Sideways"),
        ("", "1", "2"),
        ("", good, "nonsense!"),
        ("", "true", "false"),
    )
    count = 0
    for version, match, limit, token, initial in options:
        count += 1
        query = (
            f"resourceVersion={version}&resourceVersionMatch={match}&limit={limit}"
            f"&continue={token}" + (f"&sendInitialEvents={initial}" if initial else "")
        )
        answer = await api.get(f"{MAPS}?{query}")
        causes = list_causes(version, match, initial, token)
        if causes:
            assert (answer.status, answer.json["message"]) == (422, INVALID + aggregate(causes))
        elif token == "nonsense!":
            assert answer.status == 400, query
            assert answer.json["message"].startswith(
                "invalid continue token: continue key is not valid: "
            )
        elif token and version not in ("", "0"):
            assert (answer.status, answer.json["message"]) == (
                400,
                "specifying resource version is not allowed when using continue",
            )
        elif version == "x":
            assert (answer.status, answer.json["message"]) == (
                400,
                'invalid resource version: resourceVersion: Invalid value: "x": '
                'strconv.ParseUint: parsing "x": invalid syntax',
            )
        else:
            old = match == "Exact" or (not match and bool(limit))
            there = ["a"] if version == str(first) and old else ["a", "b", "c"]
            if token:
                there = ["b", "c"]
            paged = bool(limit) and (version != "0" or bool(token))
            expected = there[: int(limit)] if paged else there
            assert names(answer) == expected, query
            metadata = answer.json["metadata"]
            left = len(there) - len(expected)
            assert metadata.get("remainingItemCount") == (left or None), query
            assert ("continue" in metadata) == bool(left), query
            if old and version == str(first):
                assert metadata["resourceVersion"] == version
    assert count == 540


async def test_every_combination_of_options_of_a_watch(api: Api) -> None:
    first = await write(api, "a")
    last = await write(api, "b", "c")
    options = product(
        ("", "0", str(first), str(last)),
        ("", "Exact", "NotOlderThan"),
        ("", "true", "false"),
        ("", "token"),
        ("", "true"),
    )
    patched = 0
    for version, match, initial, token, bookmarks in options:
        query = (
            f"watch=1&resourceVersion={version}&resourceVersionMatch={match}&continue={token}"
            f"&limit=1&allowWatchBookmarks={bookmarks or 'false'}"
            + (f"&sendInitialEvents={initial}" if initial else "")
        )
        causes = watch_causes(version, match, initial, token)
        if causes:
            answer = await api.get(f"{MAPS}?{query}")
            assert (answer.status, answer.json["message"]) == (422, INVALID + aggregate(causes))
            continue
        state = initial == "true" or (not initial and version in ("", "0"))
        expected = [("ADDED", name) for name in "abc"] if state else []
        if state and bookmarks:
            expected.append(("BOOKMARK", ""))
        if not state and version == str(first):
            expected = [("ADDED", "b"), ("ADDED", "c")]
        if not state and version not in ("", "0"):
            expected += [("MODIFIED", "c")] * patched
        patched += 1
        events = await api.watch(f"{MAPS}?{query}")
        await events.wait_for(len(expected))
        await api.patch(f"{MAPS}/c", {"data": {"query": query}})
        await events.wait_for(len(expected) + 1)
        assert events.seen() == [*expected, ("MODIFIED", "c")], query
        events.leave()
        with trio.fail_after(5):
            await events.ended.wait()


async def test_remaining_items_are_not_counted_where_something_was_selected(api: Api) -> None:
    await write(api, "a", "b", "c")
    for selector in ("fieldSelector=metadata.namespace%3Ddefault", "labelSelector=!x"):
        metadata = (await api.get(f"{ALL}?limit=1&{selector}")).json["metadata"]
        assert "remainingItemCount" not in metadata
        assert list(metadata) == ["resourceVersion", "continue"]
    counted = (await api.get(f"{ALL}?limit=1")).json["metadata"]
    assert list(counted) == ["resourceVersion", "continue", "remainingItemCount"]


async def test_numbers_are_read_before_selectors_whoever_needs_them(api: Api) -> None:
    query = "labelSelector=a+b&limit=x&timeoutSeconds=1s"
    for name in ("timeoutSeconds=1s", "limit=x"):
        answer = await api.get(f"{MAPS}?{query}")
        value = name.partition("=")[2]
        assert (answer.status, answer.json["message"]) == (
            400,
            f'strconv.ParseInt: parsing "{value}": invalid syntax',
        )
        query = query.replace(f"&{name}", "")
    answer = await api.get(f"{MAPS}?{query}")
    assert answer.json["message"].startswith("unable to parse requirement: found 'b'")


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (
            token_of(v="meta.k8s.io/v1", rv=0, start="a"),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (
            token_of(v="meta.k8s.io/v1", rv=5, start=""),
            "encoded start key empty (version meta.k8s.io/v1)",
        ),
        (token_of(v="meta.k8s.io/v1", rv=5, start="../x"), "../x"),
        (token_of(v="v9", rv=5, start="a"), "server does not recognize this encoded version v9"),
        ("bnVsbA", "server does not recognize this encoded version "),  # null
        ("eyJ2Ijo", "unexpected end of JSON input"),  # {"v":
        ("xx", "invalid character 'Ç' looking for beginning of value"),  # byte c7
        ("W10", "json: cannot unmarshal array into Go value of type storage.continueToken"),
        (
            token_of(v="meta.k8s.io/v1", rv="5", start="a"),
            "json: cannot unmarshal string into Go struct field continueToken.rv of type int64",
        ),
        (
            token_of(v="meta.k8s.io/v1", rv=1.5, start="a"),
            "json: cannot unmarshal number 1.5 into Go struct field continueToken.rv of type int64",
        ),
    ],
)
async def test_bad_tokens_are_explained(api: Api, token: str, message: str) -> None:
    answer = await api.get(f"{MAPS}?continue={token}")
    assert answer.status == 400
    assert answer.json["message"] == (
        f"invalid continue token: continue key is not valid: {message}"
    )


async def compact(api: Api) -> int:
    """The store forgets its history; so does the cache, as it does every half minute."""
    storage = api.services.scopes.storage
    revision = storage.revision
    await storage.backend.compact(revision)
    for store in storage.stores():
        store.cache.trim(storage.backend.compact_revision)
    return revision


async def test_the_compacted_past(api: Api) -> None:
    await write(api, "a", "b", "c")
    page = (await api.get(f"{MAPS}?limit=1")).json["metadata"]
    old = page["resourceVersion"]
    await write(api, "aa", "d")
    await compact(api)
    for query in (
        f"resourceVersion={old}&resourceVersionMatch=Exact",
        f"resourceVersion={old}&limit=5",
    ):
        gone = await api.get(f"{MAPS}?{query}")
        assert (gone.status, gone.json["reason"]) == (410, "Expired")
        assert gone.json["message"] == "The resourceVersion for the provided list is too old."
    newer = await api.get(f"{MAPS}?resourceVersion={old}")
    assert names(newer) == ["a", "aa", "b", "c", "d"]

    expired = await api.get(f"{MAPS}?limit=1&continue={page['continue']}")
    assert (expired.status, expired.json["reason"]) == (410, "Expired")
    assert expired.json["message"].startswith(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
    )
    fresh = expired.json["metadata"]["continue"]
    rest = await api.get(f"{MAPS}?limit=3&continue={fresh}")
    assert names(rest) == ["aa", "b", "c"]
    assert names(await api.get(f"{MAPS}?continue={rest.json['metadata']['continue']}")) == ["d"]


async def test_a_watch_of_the_compacted_past_begins_and_ends_with_an_error(api: Api) -> None:
    old = await write(api, "a")
    await write(api, "b")
    oldest = await compact(api)
    events = await api.watch(f"{MAPS}?watch=1&resourceVersion={old}")
    (error,) = await events.wait_for(1)
    assert error["type"] == "ERROR"
    assert error["object"] == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"too old resource version: {old} ({oldest})",
        "reason": "Expired",
        "code": 410,
    }
    with trio.fail_after(5):
        await events.ended.wait()


async def test_the_future(api: Api) -> None:
    queries = (f"resourceVersion={FUTURE}", f"resourceVersion={FUTURE}&limit=1")
    answers: list[Answer] = []

    async def ask(query: str) -> None:
        answers.append(await api.get(f"{MAPS}?{query}"))

    async with trio.open_nursery() as nursery:
        for query in queries:
            nursery.start_soon(ask, query)
    for answer in answers:
        assert (answer.status, answer.json["reason"]) == (504, "Timeout")
        current = api.services.scopes.storage.revision
        assert answer.json["message"] == (
            f"Timeout: Too large resource version: {FUTURE}, current: {current}"
        )
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        assert answer.json["details"] == {"causes": [cause], "retryAfterSeconds": 1}
        assert answer.header("retry-after") == "1"


async def test_deprecated_watch_paths(api: Api) -> None:
    await write(api, "a", "b")
    for path, seen in (
        ("/api/v1/watch/namespaces/default/configmaps", ["a", "b"]),
        ("/api/v1/watch/namespaces/default/configmaps/b", ["b"]),
        ("/api/v1/watch/namespaces/default/configmaps/b?fieldSelector=metadata.name%3Db", ["b"]),
        ("/api/v1/watch/configmaps?fieldSelector=metadata.name%3Da", ["a"]),
    ):
        events = await api.watch(path)
        await events.wait_for(len(seen))
        assert events.seen() == [("ADDED", name) for name in seen]
        events.leave()
    clash = await api.get(
        "/api/v1/watch/namespaces/default/configmaps/b?fieldSelector=metadata.name%3Da"
    )
    assert clash.status == 400
    assert clash.json["message"] == "fieldSelector metadata.name doesn't match requested name"


async def test_a_name_in_the_path_is_a_get_whatever_the_query_says(api: Api) -> None:
    await write(api, "a")
    answer = await api.get(f"{MAPS}/a?watch=1")
    assert answer.json["kind"] == "ConfigMap"


@pytest.mark.parametrize("conversion", ["Table", "PartialObjectMetadata"])
async def test_bookmarks_in_other_forms(api: Api, conversion: str) -> None:
    await write(api, "a")
    accept = f"application/json;as={conversion};v=v1;g=meta.k8s.io"
    query = "watch=1&allowWatchBookmarks=true"
    events = await api.watch(f"{MAPS}?{query}", headers={"accept": accept})
    added, bookmark = await events.wait_for(2)
    assert [added["type"], bookmark["type"]] == ["ADDED", "BOOKMARK"]
    assert added["object"]["kind"] == bookmark["object"]["kind"] == conversion
    obj = bookmark["object"]
    if conversion == "Table":
        assert [column["name"] for column in added["object"]["columnDefinitions"]]
        assert obj["columnDefinitions"] is None
        obj = obj["rows"][0]["object"]
    annotations = obj["metadata"]["annotations"]
    assert annotations.pop("k8s.io/initial-events-end") == "true"
    if conversion != "Table":
        blueprint = annotations.pop("kubernetes.io/initial-events-list-blueprint")
        assert orjson.loads(base64.b64decode(blueprint))["kind"] == f"{conversion}List"
    assert annotations == {}
    events.leave()

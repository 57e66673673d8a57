"""JSON ends with a newline if it is compact, and without one if it is indented: as from Go."""

from __future__ import annotations

import orjson
import pytest
from api_world import Api, config_map

MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
METADATA = {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
METADATA_LIST = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}


@pytest.mark.parametrize("size", [1, 1_000, 200_000, 500_000])
async def test_objects(api: Api, size: int) -> None:
    made = await api.post(MAPS, config_map("a", text="x" * size))
    for answer in (
        made,
        await api.get(f"{MAPS}/a"),
        await api.get(f"{MAPS}/a", headers=METADATA),
        await api.get(f"{MAPS}/a?includeObject=Object", headers=TABLE),
        await api.patch(f"{MAPS}/a", {"metadata": {"labels": {"a": "b"}}}),
        await api.delete(f"{MAPS}/a"),
    ):
        assert answer.status in (200, 201)
        assert answer.body.endswith(b"}\n")
        assert not answer.body.endswith(b"\n\n")
        orjson.loads(answer.body)


@pytest.mark.parametrize("count", [0, 1, 170])
async def test_lists(api: Api, count: int) -> None:
    for number in range(count):
        await api.post(MAPS, config_map(f"m{number}"))
    for headers in ({}, TABLE, METADATA_LIST):
        for query, end in (("", b"}\n"), ("?pretty=1", b"\n}")):
            answer = await api.get(MAPS + query, headers=headers)
            assert answer.body.endswith(end)
            assert not answer.body.endswith(b"\n\n")
            found = orjson.loads(answer.body)
            assert len(found["rows" if headers is TABLE else "items"]) == count


async def test_errors_and_reviews(api: Api) -> None:
    assert (await api.get(f"{MAPS}/none")).body.endswith(b"}\n")
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    }
    answer = await api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    assert (answer.status, answer.body[-2:]) == (201, b"}\n")


async def test_what_is_indented_ends_without_one(api: Api) -> None:
    for path in (f"{MAPS}?pretty=1", f"{MAPS}/none?pretty=1", "/api?pretty=true", "/apis/apps/v1"):
        answer = await api.get(path, headers={"user-agent": "curl/8.1"})
        assert answer.body.startswith(b"{\n  "), path
        assert answer.body.endswith(b"\n}"), path


async def test_documents_that_upstream_does_not_end_with_one(api: Api) -> None:
    for path in ("/version", "/openid/v1/jwks"):
        assert (await api.get(path)).body.endswith(b"}")


async def test_tables_in_events_are_lines_all_the_same(api: Api) -> None:
    events = await api.watch(f"{MAPS}?watch=1", headers=TABLE)
    await api.post(MAPS, config_map("a"))
    assert [event["type"] for event in await events.wait_for(1)] == ["ADDED"]

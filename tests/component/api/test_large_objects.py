"""Others are served while a large object is merged, defaulted, checked and recorded."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

import pytest
import trio
import trio.lowlevel
from api_world import Answer, Api

SLICES = "/api/v1/namespaces/default/endpoints"
APPLY = "application/apply-patch+yaml"


def addresses(count: int, **metadata: Any) -> dict[str, Any]:
    subsets = [
        {"addresses": [{"ip": f"10.0.{number >> 8}.{number & 255}"}], "ports": [{"port": 80}]}
        for number in range(count)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "e", **metadata},
        "subsets": subsets,
    }


async def longest_wait(api: Api, request: Awaitable[Answer], status: int) -> float:
    """How long another client waited, at the most, as a share of the time that `request` took."""
    started = last = time.monotonic()
    longest = 0.0

    async def others() -> None:
        nonlocal longest, last
        while True:
            await api.get("/api/v1/namespaces/default")
            await trio.lowlevel.checkpoint()
            now = time.monotonic()
            longest, last = max(longest, now - last), now

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        answer = await request
        nursery.cancel_scope.cancel()
    assert answer.status == status, answer.text[:1000]
    return longest / (time.monotonic() - started)


@pytest.mark.parametrize("kind", ["merge", "strategic", APPLY])
async def test_others_are_served_while_a_large_object_is_changed(api: Api, kind: str) -> None:
    assert (await api.post(SLICES, addresses(8_000))).status == 201
    labels = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"labels": {"a": "b"}}}
    patched = api.patch(f"{SLICES}/e?fieldManager=m", labels, kind)
    assert await longest_wait(api, patched, 200) < 0.7


async def test_what_is_wrong_with_a_large_object_is_told_as_of_a_small_one(api: Api) -> None:
    refused = await api.post(SLICES, addresses(8_000, name="E"))
    assert refused.status == 422
    assert refused.json["details"]["causes"][0]["field"] == "metadata.name"
    await api.post(SLICES, addresses(8_000))
    missing = await api.put(f"{SLICES}/e", addresses(8_000, resourceVersion="1"))
    assert missing.status == 409

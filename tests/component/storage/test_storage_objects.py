"""Objects are written once, guarded, and read back as they were stored."""

from __future__ import annotations

import base64
from pathlib import Path

import orjson
import pytest
from storage_world import Labels, World, running, thing

from kapiserver.errors import BadRequest, Expired, Timeout
from kapiserver.storage import GuardMoved, KeyExists, ListQuery, RevisionConflict
from kapiserver.storage.object import Selection


async def test_a_created_object_reads_back_with_its_revision(world: World) -> None:
    created = await world.add("one", app="web")
    read = await world.things.get("default", "one")
    assert read is created
    assert read.decoded()["metadata"]["resourceVersion"] == str(created.revision)
    assert read.labels == {"app": "web"}


async def test_creating_twice_shows_what_is_there(world: World) -> None:
    first = await world.add("one")
    with pytest.raises(KeyExists) as caught:
        await world.add("one")
    assert caught.value.existing is first


async def test_an_update_of_an_old_state_is_a_conflict_with_the_newest(world: World) -> None:
    first = await world.add("one")
    second = await world.things.update(first, thing("one", app="new"))
    with pytest.raises(RevisionConflict) as caught:
        await world.things.update(first, thing("one", app="lost"))
    assert caught.value.latest is second
    gone = await world.things.delete(second)
    assert gone.revision > second.revision
    with pytest.raises(RevisionConflict) as caught:
        await world.things.update(second, thing("one", app="lost"))
    assert caught.value.latest is None


async def test_an_update_that_changes_nothing_keeps_the_revision(world: World) -> None:
    first = await world.add("one", a="1", b="2")
    reordered = dict(reversed(first.decoded().items()))
    assert await world.things.update(first, reordered) is first


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        created = await world.add("one")
    async with running(tmp_path) as world:
        read = await world.things.get("default", "one")
        assert read is not None
        assert read.value == created.value


async def test_pages_show_one_revision_while_writes_go_on(world: World) -> None:
    for index in range(10):
        await world.add(f"n{index}")
    page = await world.things.list(ListQuery(limit=4))
    assert [item.name for item in page.items] == ["n0", "n1", "n2", "n3"]
    assert page.remaining == 6
    await world.add("n35")
    await world.things.delete(world.things.get_now("default", "n9"))  # type: ignore[arg-type]
    second = await world.things.list(ListQuery(limit=4, continue_token=page.continue_token))
    assert [item.name for item in second.items] == ["n4", "n5", "n6", "n7"]
    assert second.revision == page.revision
    third = await world.things.list(ListQuery(limit=4, continue_token=second.continue_token))
    assert [item.name for item in third.items] == ["n8", "n9"]
    assert not third.continue_token


async def test_a_selector_counts_only_what_matches(world: World) -> None:
    for index in range(9):
        await world.add(f"n{index}", kind="odd" if index % 2 else "even")
    selection = Selection(labels=Labels("kind", "odd"))
    page = await world.things.list(ListQuery(selection, limit=2))
    assert [item.name for item in page.items] == ["n1", "n3"]
    rest = await world.things.list(ListQuery(selection, continue_token=page.continue_token))
    assert [item.name for item in rest.items] == ["n5", "n7"]


async def test_a_namespace_lists_only_its_own(world: World) -> None:
    await world.add("a", "one")
    await world.add("b", "one-more")
    page = await world.things.list(ListQuery(Selection(namespace="one")))
    assert [item.name for item in page.items] == ["a"]


async def test_an_expired_token_offers_one_that_goes_on(world: World) -> None:
    for index in range(6):
        await world.add(f"n{index}")
    page = await world.things.list(ListQuery(limit=2))
    await world.add("n9")
    await world.backend.compact(world.backend.revision)
    with pytest.raises(Expired, match="too old to display a consistent list") as caught:
        await world.things.list(ListQuery(limit=2, continue_token=page.continue_token))
    fresh = caught.value.status()["metadata"]["continue"]
    rest = await world.things.list(ListQuery(continue_token=fresh))
    assert [item.name for item in rest.items] == ["n2", "n3", "n4", "n5", "n9"]


async def test_exact_lists_go_back_in_time_until_the_compaction(world: World) -> None:
    first = await world.add("one")
    await world.add("two")
    exact = ListQuery(resource_version=str(first.revision), exact=True)
    page = await world.things.list(exact)
    assert [item.name for item in page.items] == ["one"]
    await world.backend.compact(world.backend.revision)
    with pytest.raises(Expired):
        await world.things.list(exact)


async def test_a_revision_from_the_future_times_out_as_upstream_says(world: World) -> None:
    with pytest.raises(Timeout, match="Too large resource version: 999, current: 0"):
        await world.things.list(ListQuery(resource_version="999"))


@pytest.mark.parametrize(
    "token",
    [
        "!!!",
        "e30",
        base64.urlsafe_b64encode(
            orjson.dumps({"v": "meta.k8s.io/v1", "rv": 1, "start": "../x"})
        ).decode(),
        base64.urlsafe_b64encode(orjson.dumps({"v": "v9", "rv": 1, "start": "x"})).decode(),
    ],
)
async def test_a_forged_token_is_a_bad_request(world: World, token: str) -> None:
    with pytest.raises(BadRequest, match="continue key is not valid"):
        await world.things.list(ListQuery(continue_token=token))


async def test_a_create_that_depends_on_another_object_notices_that_it_moved(world: World) -> None:
    ground = await world.add("ground")
    await world.things.create("default", "one", thing("one"), unchanged=ground)
    await world.things.update(ground, thing("ground", phase="Terminating"))
    with pytest.raises(GuardMoved):
        await world.things.create("default", "two", thing("two"), unchanged=ground)
    assert await world.things.get("default", "two") is None


async def test_a_change_of_type_is_a_change_even_at_equal_length(world: World) -> None:
    first = await world.things.create("default", "one", {**thing("one"), "x": [1, True, "a"]})
    second = await world.things.update(first, {**thing("one"), "x": [True, 1, "a"]})
    assert second.revision > first.revision

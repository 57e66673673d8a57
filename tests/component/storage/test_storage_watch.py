"""Watches deliver every change once, in order, however they begin and however slow they are."""

from __future__ import annotations

from pathlib import Path

import trio
import trio.testing
from storage_world import Client, Labels, World, running, thing

from kapiserver.storage.object import Selection


async def test_a_watch_without_revision_begins_with_the_state(world: World) -> None:
    await world.add("one")
    client = Client()
    world.watch(client)
    await client.wait_for(1)
    two = await world.add("two")
    await world.things.update(two, thing("two", app="x"))
    await world.things.delete(world.things.get_now("default", "one"))  # type: ignore[arg-type]
    await client.wait_for(4)
    assert client.seen() == [
        ("ADDED", "one"),
        ("ADDED", "two"),
        ("MODIFIED", "two"),
        ("DELETED", "one"),
    ]
    revisions = [int(e["object"]["metadata"]["resourceVersion"]) for e in client.events]
    assert revisions == sorted(revisions)
    assert revisions[-1] == world.backend.revision  # a deletion carries its own revision


async def test_a_watch_resumes_after_the_revision_it_has_seen(world: World) -> None:
    first = await world.add("one")
    await world.add("two")
    client = Client()
    world.watch(client, resource_version=str(first.revision))
    await client.wait_for(1)
    await world.add("three")
    await client.wait_for(2)
    assert client.seen() == [("ADDED", "two"), ("ADDED", "three")]


async def test_a_watch_resumes_across_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        first = await world.add("one")
        await world.add("two")
        await world.things.delete(first)
    async with running(tmp_path) as world:
        client = Client()
        world.watch(client, resource_version=str(first.revision))
        await client.wait_for(2)
        assert client.seen() == [("ADDED", "two"), ("DELETED", "one")]


async def test_a_revision_that_was_compacted_is_gone(world: World) -> None:
    first = await world.add("one")
    await world.add("two")
    await world.backend.compact(world.backend.revision)
    world.things.cache.trim(world.backend.compact_revision)
    client = Client()
    world.watch(client, resource_version=str(first.revision))
    await client.wait_for(1)
    assert client.events[0]["type"] == "ERROR"
    assert client.events[0]["object"]["code"] == 410
    assert client.events[0]["object"]["reason"] == "Expired"
    assert "too old resource version" in client.events[0]["object"]["message"]


async def test_leaving_a_selector_is_a_deletion_with_the_last_matching_state(
    world: World,
) -> None:
    one = await world.add("one", app="web")
    client = Client()
    world.watch(client, selection=Selection(labels=Labels("app", "web")))
    await client.wait_for(1)
    left = await world.things.update(one, thing("one", app="db"))
    await world.things.update(left, thing("one", app="web"))
    await client.wait_for(3)
    assert client.seen() == [("ADDED", "one"), ("DELETED", "one"), ("ADDED", "one")]
    gone = client.events[1]["object"]["metadata"]
    assert gone["labels"] == {"app": "web"}
    assert gone["resourceVersion"] == str(left.revision)


async def test_a_watch_of_one_name_sees_nothing_else(world: World) -> None:
    client = Client()
    world.watch(client, selection=Selection("default", "one"))
    other = Client()
    world.watch(other, selection=Selection("elsewhere"))
    await trio.testing.wait_all_tasks_blocked()
    await world.add("two")
    await world.add("one")
    await world.add("one", "elsewhere")
    await client.wait_for(1)
    await other.wait_for(1)
    assert client.events[0]["object"]["metadata"]["namespace"] == "default"
    assert other.events[0]["object"]["metadata"]["namespace"] == "elsewhere"
    assert len(client.events) == len(other.events) == 1


async def test_a_slow_client_loses_nothing_and_holds_up_nobody(world: World) -> None:
    slow, quick = Client(room=3), Client()
    world.watch(slow)
    world.watch(quick)
    await trio.testing.wait_all_tasks_blocked()
    slow.accepting = trio.Event()  # catching up has to wait
    for index in range(20):
        await world.add(f"n{index:02}")
    await quick.wait_for(20)
    assert len(slow.events) == 3
    slow.accepting.set()
    slow.room = 100
    await slow.wait_for(20)
    assert slow.seen() == quick.seen()
    await world.add("after")
    await slow.wait_for(21)
    assert world.storage.metrics.watch_lags >= 1


async def test_initial_events_end_with_a_marked_bookmark(world: World) -> None:
    await world.add("one")
    client = Client()
    world.watch(client, send_initial_events=True, bookmarks=True)
    events = await client.wait_for(2)
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"] == {
        "resourceVersion": str(world.backend.revision),
        "end": True,
    }


async def test_bookmarks_move_on_with_writes_elsewhere(tmp_path: Path) -> None:
    async with running(tmp_path, bookmark_seconds=0.05) as world:
        client = Client()
        world.watch(client, bookmarks=True)
        await trio.testing.wait_all_tasks_blocked()
        await world.backend.put(b"/elsewhere", b"")
        revision = world.backend.revision
        with trio.fail_after(10):
            while not any(
                event["type"] == "BOOKMARK"
                and int(event["object"]["metadata"]["resourceVersion"]) >= revision
                for event in client.events
            ):
                await client.wait_for(len(client.events) + 1)


async def test_a_timeout_ends_the_watch_with_a_bookmark(world: World) -> None:
    await world.add("one")
    client = Client()
    world.watch(client, bookmarks=True, timeout=0.05)
    await client.wait_for(2)
    assert client.events[-1]["type"] == "BOOKMARK"
    with trio.fail_after(10):
        while world.things.watches:
            await trio.lowlevel.checkpoint()
